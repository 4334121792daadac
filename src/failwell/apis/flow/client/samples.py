"""Samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from failwell.apis.flow.client import operations
from failwell.apis.flow.client.async_resources import AsyncSample
from failwell.apis.flow.client.base import AsyncBase, Base
from failwell.apis.flow.client.facts import Permission
from failwell.apis.flow.client.resources import Sample


class Samples(Base):
    """Samples: found, made, changed, shared, deleted. `sample` is one, or its id."""

    def get_sample(self, sample: object) -> Sample:
        """The sample as it is now. Raises `NotFoundError` or `PermissionError`."""
        return self._bound(operations.get_sample(Sample, sample))

    def search_samples(
        self,
        filter: str | None = None,
        *,
        name: str | None = None,
        project: object = None,
        owned: bool | None = None,
    ) -> list[Sample]:
        """All samples that you may read and that meet what is asked; `filter` is a field and its
        value, such as "id:12345" or "organism:Hs"."""
        asked = {"filter": filter, "name": name, "project": project, "owned": owned}
        return self._all_bound(operations.search_samples(Sample, asked))

    def create_sample(
        self,
        name: str,
        organism: str | None = None,
        *,
        sample_type: str | None = None,
        project: object = None,
        metadata: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> Sample:
        """A new sample without files. Raises `ValidationError` for fields that Flow refuses."""
        body = _body(name, organism, sample_type, project, metadata)
        return self._bound(operations.create_sample(Sample, body, idempotency_key))

    def edit_sample(self, sample: object, **changes: Any) -> Sample:
        """The sample with these changes. Raises `ConflictError` while an execution uses it."""
        return self._bound(operations.edit_sample(Sample, sample, changes))

    def share_sample(
        self, sample: object, users: Sequence[object], permission: Permission = "read"
    ) -> None:
        """Let these users, by their names, do so much with it. Raises `PermissionError` where you
        may not share it, `NotFoundError` for a user that there is not."""
        self._run(operations.share("samples", sample, users, permission))

    def delete_sample(self, sample: object) -> None:
        """Delete it and its files. Raises `ConflictError` while an execution uses it."""
        self._run(operations.delete_sample(sample))


class AsyncSamples(AsyncBase):
    """Samples: see `Samples`."""

    async def get_sample(self, sample: object) -> AsyncSample:
        """The sample as it is now."""
        return await self._bound(operations.get_sample(AsyncSample, sample))

    async def search_samples(
        self,
        filter: str | None = None,
        *,
        name: str | None = None,
        project: object = None,
        owned: bool | None = None,
    ) -> list[AsyncSample]:
        """All samples that you may read and that meet what is asked."""
        asked = {"filter": filter, "name": name, "project": project, "owned": owned}
        return await self._all_bound(operations.search_samples(AsyncSample, asked))

    async def create_sample(
        self,
        name: str,
        organism: str | None = None,
        *,
        sample_type: str | None = None,
        project: object = None,
        metadata: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> AsyncSample:
        """A new sample without files."""
        body = _body(name, organism, sample_type, project, metadata)
        return await self._bound(operations.create_sample(AsyncSample, body, idempotency_key))

    async def edit_sample(self, sample: object, **changes: Any) -> AsyncSample:
        """The sample with these changes."""
        return await self._bound(operations.edit_sample(AsyncSample, sample, changes))

    async def share_sample(
        self, sample: object, users: Sequence[object], permission: Permission = "read"
    ) -> None:
        """Let these users, by their names, do so much with it."""
        await self._run(operations.share("samples", sample, users, permission))

    async def delete_sample(self, sample: object) -> None:
        """Delete it and its files."""
        await self._run(operations.delete_sample(sample))


def _body(
    name: str,
    organism: str | None,
    sample_type: str | None,
    project: object,
    metadata: Mapping[str, Any] | None,
) -> dict[str, Any]:
    return {
        "name": name,
        "organism": organism,
        "sample_type": sample_type,
        "project": project,
        "metadata": metadata,
    }
