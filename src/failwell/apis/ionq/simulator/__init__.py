"""The simulator: a process of its own that runs circuits, one at a time.

`python -m failwell.apis.ionq.simulator` is the worker; `Simulator` starts it when a circuit first
needs it. The two exchange JSON, a `Task` there and its `Result` back, one a line. The worker leaves
when its standard input closes, so it cannot outlive its service.
"""

from failwell.apis.ionq.simulator.host import Simulator, SimulatorUnavailableError
from failwell.apis.ionq.simulator.messages import Result, Task

__all__ = ["Result", "Simulator", "SimulatorUnavailableError", "Task"]
