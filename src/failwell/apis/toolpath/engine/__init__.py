"""The Engine: a process of its own that measures parts, plans programs and estimates them.

``python -m failwell.apis.toolpath.engine`` is the worker; :class:`Engine` starts it, hands it tasks
and hears its outcomes. The two exchange JSON, one message a line.

To the worker (:data:`Task`)::

    {"task": "part", "id": "…", "step": "ISO-10303-21;…"}
    {"task": "program", "id": "…", "part": {…}, "units": "mm"}
    {"task": "estimate", "id": "…", "program": {…}, "timings": "fast"}

From the worker: ``{"ready": true}`` once, ``{"id": "…", "accepted": true}`` as soon as a task has
been read, ``{"id": "…", "value": {…}}`` when it is done. The ``kind`` of a value is ``part``,
``program``, ``estimate`` or ``failure``. A line that is not a task is ignored.

The worker computes one task at a time and keeps reading meanwhile, so it accepts a task at once
even when it is busy. It leaves when its standard input closes, so it cannot outlive its service.
"""

from failwell.apis.toolpath.engine.host import Engine
from failwell.apis.toolpath.engine.messages import (
    EstimateTask,
    Failure,
    Outcome,
    PartTask,
    ProgramTask,
    Task,
    Value,
)
from failwell.apis.toolpath.engine.session import EngineUnavailableError

__all__ = [
    "Engine",
    "EngineUnavailableError",
    "EstimateTask",
    "Failure",
    "Outcome",
    "PartTask",
    "ProgramTask",
    "Task",
    "Value",
]
