"""What a sample, a project, a file and an execution are, as Flow gives them; what can be done with
them is in `resources`."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from failwell.apis.flow.client.reading import Named, Organism, User

Permission = Literal["read", "edit", "share"]


class Filed(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a sample, by its id and its name."""

    id: int
    filename: str


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """One process of an execution: how it ended, and what it said."""

    id: int
    name: str
    status: str = ""
    exit_code: int | None = None
    stdout: str = ""
    stderr: str = ""


class SampleFacts(msgspec.Struct, kw_only=True, dict=True):
    """A sample; `created` is ISO 8601, `data` are its files."""

    id: int
    name: str
    created: str | None = None
    private: bool = True
    organism: Organism | None = None
    sample_type: str | None = None
    project: Named | None = None
    metadata: dict[str, Any] = {}
    owner: User | None = None
    data: tuple[Filed, ...] = ()


class ProjectFacts(msgspec.Struct, kw_only=True, dict=True):
    """A project; `created` is ISO 8601."""

    id: int
    name: str
    description: str | None = None
    organism: Organism | None = None
    is_public: bool = False
    created: str | None = None
    owner: User | None = None


class DataFacts(msgspec.Struct, kw_only=True, dict=True):
    """A file; `size` is in bytes, `md5` the checksum of a whole one, `reads` counts the reads where
    they were asked for, `sample` is the id of the sample that it belongs to."""

    id: int
    filename: str
    size: int = 0
    md5: str | None = None
    data_type: str | None = None
    reads: int = 0
    complete: bool = True
    is_directory: bool = False
    created: str | None = None
    sample: int | None = None
    owner: User | None = None


class ExecutionFacts(msgspec.Struct, kw_only=True, dict=True):
    """An execution of a pipeline; `status` is empty until it has ended, then OK, ERROR or CANCELED.
    Of one that failed, `failed_process` is the process that did, and `error` says why."""

    id: int
    identifier: str = ""
    status: str = ""
    pipeline: Named | None = None
    pipeline_version: Named | None = None
    params: dict[str, Any] = {}
    samples: tuple[int, ...] = ()
    created: str | None = None
    started: str | None = None
    finished: str | None = None
    failed_process: str | None = None
    error: str | None = None
    process_executions: tuple[Process, ...] = ()


class Import(msgspec.Struct, frozen=True, kw_only=True):
    """An import of accessions; `status` is RUNNING, COMPLETED or FAILED, `sample_ids` what was
    made of them."""

    id: int
    status: str
    accessions: tuple[str, ...] = ()
    sample_ids: tuple[int, ...] = ()
    created: str | None = None
    error: str | None = None
