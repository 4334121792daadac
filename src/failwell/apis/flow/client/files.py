"""Files: up in chunks, down by links."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from failwell.apis.flow.client import operations, transfers
from failwell.apis.flow.client.async_resources import AsyncData, AsyncSample
from failwell.apis.flow.client.base import AsyncBase, Base
from failwell.apis.flow.client.reading import read
from failwell.apis.flow.client.resources import Data, Sample

Where = str | os.PathLike[str]


class Files(Base):
    """Files. `data` is one, or its id; `progress` draws a bar in a terminal."""

    def upload(
        self,
        path: Where,
        *,
        data_type: str | None = None,
        chunk_size: int = transfers.CHUNK,
        progress: bool = True,
    ) -> Data:
        """Upload a file in chunks of `chunk_size` bytes. What broke off goes on in the next call,
        in another process, too.

        Raises `ValidationError` where Flow got another file than this one, `PayloadTooLargeError`
        before any byte of one that is too large has been kept.
        """
        fields = {"data_type": data_type}
        plan = transfers.form(path, "upload", fields, chunk_size)
        answer = transfers.send(self.client, path, plan, progress=progress)
        return self._bound(operations.get_data(Data, read(answer, int, "data_id")))

    def upload_sample(
        self,
        name: str,
        *paths: Where,
        sample_type: str,
        organism: str | None = None,
        project: object = None,
        metadata: Mapping[str, str] | None = None,
        chunk_size: int = transfers.CHUNK,
        progress: bool = True,
    ) -> Sample:
        """A new sample with these files of reads, one or a pair; their last chunk makes it.

        Raises `ValidationError` for files that are not FASTQ, or for fields that Flow refuses.
        """
        about = transfers.about(name, sample_type, organism, project, metadata)
        before, made = transfers.pair(paths), None
        for path in paths:
            fields = {**about, **before.fields()}
            plan = transfers.form(path, "upload/sample", fields, chunk_size)
            answer = transfers.send(self.client, path, plan, progress=progress)
            made = before.sent(answer)
        return self._bound(operations.get_sample(Sample, made))

    def get_data(self, data: object) -> Data:
        """What is known of a file."""
        return self._bound(operations.get_data(Data, data))

    def download(self, data: object, path: Where, *, progress: bool = True) -> Path:
        """Fetch a file's content to `path`, which is there whole or not at all. What broke goes on
        at its byte; where the link has expired meanwhile, by a new one.

        Raises `FlowBadResponseError` for one whose size or checksum is not what Flow says.
        """
        return transfers.fetch(self.client, data, path, progress=progress)


class AsyncFiles(AsyncBase):
    """Files: see `Files`."""

    async def upload(
        self,
        path: Where,
        *,
        data_type: str | None = None,
        chunk_size: int = transfers.CHUNK,
        progress: bool = True,
    ) -> AsyncData:
        """Upload a file in chunks: see `Files.upload`."""
        fields = {"data_type": data_type}
        plan = await transfers.aform(path, "upload", fields, chunk_size)
        answer = await transfers.asend(self.client, path, plan, progress=progress)
        return await self._bound(operations.get_data(AsyncData, read(answer, int, "data_id")))

    async def upload_sample(
        self,
        name: str,
        *paths: Where,
        sample_type: str,
        organism: str | None = None,
        project: object = None,
        metadata: Mapping[str, str] | None = None,
        chunk_size: int = transfers.CHUNK,
        progress: bool = True,
    ) -> AsyncSample:
        """A new sample with these files of reads: see `Files.upload_sample`."""
        about = transfers.about(name, sample_type, organism, project, metadata)
        before, made = transfers.pair(paths), None
        for path in paths:
            fields = {**about, **before.fields()}
            plan = await transfers.aform(path, "upload/sample", fields, chunk_size)
            answer = await transfers.asend(self.client, path, plan, progress=progress)
            made = before.sent(answer)
        return await self._bound(operations.get_sample(AsyncSample, made))

    async def get_data(self, data: object) -> AsyncData:
        """What is known of a file."""
        return await self._bound(operations.get_data(AsyncData, data))

    async def download(self, data: object, path: Where, *, progress: bool = True) -> Path:
        """Fetch a file's content to `path`: see `Files.download`."""
        return await transfers.afetch(self.client, data, path, progress=progress)
