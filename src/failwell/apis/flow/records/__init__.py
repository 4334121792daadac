"""What the Flow service keeps, in SQLite: users, samples, files and executions."""

from failwell.apis.flow.records.database import Database, timestamp
from failwell.apis.flow.records.rows import (
    DataRow,
    ExecutionRow,
    ImportRow,
    ProcessRow,
    ProjectRow,
    SampleRow,
    UserRow,
)

__all__ = [
    "DataRow",
    "Database",
    "ExecutionRow",
    "ImportRow",
    "ProcessRow",
    "ProjectRow",
    "SampleRow",
    "UserRow",
    "timestamp",
]
