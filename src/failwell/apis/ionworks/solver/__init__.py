"""The solver: a process of its own that derives steps, simulates cells and runs pipelines.

`python -m failwell.apis.ionworks.solver` is the worker; `Solver` starts it when it is first
needed. The two exchange JSON, one message a line: a task there, its value back, one at a time.
Time series do not travel: a task names the files to read and to write.
"""

from failwell.apis.ionworks.solver.host import Solver, SolverStoppedError
from failwell.apis.ionworks.solver.messages import (
    Derived,
    DeriveTask,
    Failed,
    PipelineTask,
    Ran,
    Simulated,
    SimulateTask,
    Task,
    Value,
)

__all__ = [
    "DeriveTask",
    "Derived",
    "Failed",
    "PipelineTask",
    "Ran",
    "SimulateTask",
    "Simulated",
    "Solver",
    "SolverStoppedError",
    "Task",
    "Value",
]
