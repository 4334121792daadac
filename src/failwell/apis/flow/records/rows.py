"""One row of each table. Times are ISO 8601 text in UTC; columns that hold JSON are text."""

from __future__ import annotations

from typing import Any

import msgspec


class UserRow(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who may log in."""

    number: int
    username: str
    name: str
    salt: bytes
    password: bytes
    can_run_pipelines: int


class ProjectRow(msgspec.Struct, frozen=True, kw_only=True):
    """A project: a name for samples that belong together."""

    number: int
    owner: int
    name: str
    description: str
    organism: str | None
    is_public: int
    created: str


class SampleRow(msgspec.Struct, frozen=True, kw_only=True):
    """A sample; its files are the data that name it."""

    number: int
    owner: int
    name: str
    organism: str | None
    sample_type: str
    project: int | None
    metadata: str
    created: str
    given: int

    @property
    def attributes(self) -> dict[str, Any]:
        """The metadata, decoded."""
        return msgspec.json.decode(self.metadata, type=dict[str, Any])


class DataRow(msgspec.Struct, frozen=True, kw_only=True):
    """A file, whole or still being uploaded: `size` bytes of it are there; of a whole one, `md5`
    is the checksum.

    `last_offset` and `last_md5` tell the last chunk, so that it is known when it comes again.
    """

    number: int
    owner: int
    filename: str
    data_type: str
    is_directory: int
    created: str
    size: int
    last_offset: int
    last_md5: str
    complete: int
    md5: str | None
    reads: int
    sample: int | None
    process: int | None
    given: int


class ExecutionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a pipeline. `status` is empty until it is OK, ERROR or CANCELED."""

    number: int
    owner: int
    version: int
    params: str
    data_params: str
    sample_params: str
    nextflow_version: str
    samples: str
    data: str
    status: str
    created: str
    started: str | None
    finished: str | None
    failed_process: str | None
    error: str | None

    @property
    def sample_numbers(self) -> list[int]:
        """The samples that it uses."""
        return msgspec.json.decode(self.samples, type=list[int])

    @property
    def data_numbers(self) -> list[int]:
        """The files that it uses beside those of its samples."""
        return msgspec.json.decode(self.data, type=list[int])


class ProcessRow(msgspec.Struct, frozen=True, kw_only=True):
    """One process of an execution: what really ran, and how it ended."""

    number: int
    execution: int
    name: str
    status: str
    started: str
    finished: str | None
    exit_code: int | None
    stdout: str
    stderr: str
    command: str


class ImportRow(msgspec.Struct, frozen=True, kw_only=True):
    """A batch of accessions that are made samples, all or none."""

    number: int
    owner: int
    specs: str
    status: str
    created: str
    started: str | None
    finished: str | None
    sample_ids: str
    error: str | None
