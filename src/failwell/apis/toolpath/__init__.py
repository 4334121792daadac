"""Toolpath: CNC machining, from STEP file to cost and time."""

from failwell.apis.toolpath.async_client import AsyncToolpath
from failwell.apis.toolpath.client import Toolpath
from failwell.apis.toolpath.contract import TOOLPATH
from failwell.apis.toolpath.exceptions import ToolpathError
from failwell.apis.toolpath.operations import Estimate, Part, Program

__all__ = [
    "TOOLPATH",
    "AsyncToolpath",
    "Estimate",
    "Part",
    "Program",
    "Toolpath",
    "ToolpathError",
]
