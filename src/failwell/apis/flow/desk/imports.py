"""Imports: accessions of an archive that are made samples, all of a batch or none."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import msgspec

from failwell.apis.flow.desk import archive
from failwell.apis.flow.desk.fields import Fields
from failwell.apis.flow.desk.samples import Draft, Samples
from failwell.apis.flow.desk.uploads import Uploads
from failwell.apis.flow.records import Database, DataRow, ImportRow, UserRow, timestamp
from failwell.apis.flow.refusals import invalid, not_found, unavailable, wrong
from failwell.apis.flow.runner.host import Runner, RunnerStoppedError

MOST = 100
"""Accessions of one batch."""


class Spec(msgspec.Struct, frozen=True):
    """One accession, and the sample that it is to become."""

    accession: str
    draft: Draft


class Imports:
    """The imports of the service; `folder()` is where their files are on their way."""

    def __init__(
        self,
        database: Database,
        samples: Samples,
        uploads: Uploads,
        runner: Runner,
        folder: Callable[[], Path],
    ) -> None:
        self._database = database
        self._samples = samples
        self._uploads = uploads
        self._runner = runner
        self._folder = folder

    def start(self, user: UserRow, values: Mapping[str, Any]) -> ImportRow:
        """A new import. Raises VALIDATION_ERROR, NOT_FOUND or FORBIDDEN for a project, or 503
        where the runner is away."""
        specs = self._specs(user, values)
        with self._database.transaction():
            row = self._database.add(
                ImportRow,
                owner=user.number,
                specs=msgspec.json.encode(specs).decode(),
                status="RUNNING",
                created=timestamp(),
                sample_ids="[]",
            )
            self._hand_over(row.number)
        return row

    def found(self, number: int | None, user: UserRow) -> ImportRow:
        """The user's import with this number. Raises NOT_FOUND."""
        row = self._database.one(ImportRow, "number = ? AND owner = ?", number or 0, user.number)
        if row is None:
            raise not_found("import", number)
        return row

    def catch_up(self) -> None:
        """Give the runner all that has not ended."""
        for row in self._database.all(ImportRow, "status = 'RUNNING'"):
            self._hand_over(row.number)

    def _specs(self, user: UserRow, values: Mapping[str, Any]) -> list[Spec]:
        listed: Any = values.get("imports")
        if not isinstance(listed, list) or not 0 < len(cast("list[Any]", listed)) <= MOST:
            raise invalid(wrong("imports", f"Give a list of 1 to {MOST} imports"))
        complaints = Fields({})
        specs = [
            _spec(one, f"imports[{at}]", complaints)
            for at, one in enumerate(cast("list[Any]", listed))
        ]
        complaints.check()
        for spec in specs:
            self._samples.check_project(user, spec.draft.project)
        return specs

    def _hand_over(self, number: int) -> None:
        try:
            self._runner.submit(f"import {number}", lambda: self._run(number))
        except RunnerStoppedError:
            raise unavailable("The runner of imports is unavailable") from None

    async def _run(self, number: int) -> None:
        row = self._database.get(ImportRow, number)
        self._database.change(ImportRow, number, started=timestamp())
        specs = msgspec.json.decode(row.specs, type=list[Spec])
        try:
            texts = [await asyncio.to_thread(archive.reads_of, one.accession) for one in specs]
        except LookupError as error:
            self._end(number, status="FAILED", error=str(error))
            return
        with self._database.transaction():
            pairs = zip(specs, texts, strict=True)
            samples = [str(self._import(row.owner, spec, text)) for spec, text in pairs]
            sample_ids = msgspec.json.encode(samples).decode()
            self._end(number, status="COMPLETED", sample_ids=sample_ids)

    def _import(self, owner: int, spec: Spec, text: bytes) -> int:
        sample = self._samples.create(owner, spec.draft)
        content = self._folder() / f"{spec.accession}.fastq"
        content.write_bytes(text)
        reads = text.count(b"\n") // 4
        md5 = hashlib.md5(text, usedforsecurity=False).hexdigest()
        file = self._uploads.add(owner, content.name, content, md5, sample=sample.number)
        self._database.change(DataRow, file.number, reads=reads)
        return sample.number

    def _end(self, number: int, **columns: Any) -> None:
        self._database.change(ImportRow, number, finished=timestamp(), **columns)


def import_json(row: ImportRow) -> dict[str, Any]:
    """An import, as it is given."""
    specs = msgspec.json.decode(row.specs, type=list[Spec])
    return {
        "id": str(row.number),
        "status": row.status,
        "created": row.created,
        "started": row.started,
        "finished": row.finished,
        "accessions": [spec.accession for spec in specs],
        "sample_ids": msgspec.json.decode(row.sample_ids, type=list[str]),
        "execution_id": None,
        "error": row.error,
    }


def _spec(one: Any, at: str, complaints: Fields) -> Spec:
    given = cast("dict[str, Any]", one) if isinstance(one, dict) else {}
    fields = Fields(given)
    accession = fields.text("accession", most=50) or ""
    if not archive.is_accession(accession):
        fields.complain("accession", "Give an accession such as ERR1160845")
    if not given.get("sample_type"):
        fields.complain("sample_type", "Sample type is required")
    kind = fields.sample_type()
    pubmed = fields.text("pubmed", most=20)
    if pubmed and not pubmed.isdigit():
        fields.complain("pubmed", "Give a number")
    metadata = fields.attributes(fields.object("metadata"), kind, "metadata.")
    draft = Draft(
        name=fields.text("name", most=200) or accession,
        sample_type=kind,
        organism=fields.organism(),
        project=fields.number("project"),
        metadata=metadata | ({"pubmed": pubmed} if pubmed else {}),
    )
    for issue in fields.issues:
        complaints.complain(f"{at}.{issue.path}", issue.message)
    return Spec(accession, draft)
