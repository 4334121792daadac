"""Toolpath's routes: what each asks of the workshop, and what it answers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Coroutine
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from failwell.apis.toolpath.bodies import (
    NewPart,
    NewProgram,
    decoded,
    estimate_json,
    part_json,
    program_json,
    step_text,
)
from failwell.apis.toolpath.contract import TOOLPATH
from failwell.apis.toolpath.keys import key_of
from failwell.apis.toolpath.rows import PartRow, ProgramRow, Timings
from failwell.apis.toolpath.workshop import TIMINGS, Workshop

BASE_PATH = "/toolpath/api/public/v0"
CUT_CONFIG = "cfg00001"

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

fail = TOOLPATH.fail


class Routes:
    """The handlers of one service."""

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop
        self._records = workshop.records

    def handlers(self) -> dict[str, Handler]:
        """Each by the operation's name in `openapi.ENDPOINTS`."""
        return {
            "create_part": self.create_part,
            "get_part": self.get_part,
            "create_program": self.create_program,
            "get_program": self.get_program,
            "get_estimate": self.get_estimate,
            "list_cut_configs": list_cut_configs,
        }

    async def create_part(self, request: Request) -> Response:
        """`POST /parts`."""
        new = decoded(await request.body(), NewPart)
        for field, value in (("name", new.name), ("stepFile", new.step_file)):
            if not value.strip():
                raise fail("invalid_request", 400, message=f"{field} must not be empty")
        async with self._workshop.new_part(key_of(request).team, new, step_text(new)) as part:
            return self._accepted(part_json(part, None), f"/parts/{part.id}")

    async def get_part(self, request: Request) -> Response:
        """`GET /parts/{id}`."""
        part = self._part(request, request.path_params["id"])
        data = part_json(part, self._records.program_of(part.number))
        return JSONResponse({"data": data}, 202 if part.status == "processing" else 200)

    async def create_program(self, request: Request) -> Response:
        """`POST /programs`."""
        new = decoded(await request.body(), NewProgram)
        if new.cut_config_id is not None and new.cut_config_id != CUT_CONFIG:
            raise fail("not_found", message=f"Cut config {new.cut_config_id[:40]} not found")
        part = self._part(request, new.part_id)
        if part.status == "processing":
            raise fail("conflict", message=f"Part {part.id} is still being processed")
        if part.status == "failed" or part.geometry is None:
            raise fail("conflict", message=f"Part {part.id} failed: {part.failure_reason}")
        async with self._workshop.new_program(part, CUT_CONFIG) as program:
            return self._accepted(program_json(program), f"/programs/{program.id}")

    async def get_program(self, request: Request) -> Response:
        """`GET /programs/{id}`."""
        program = self._program(request, request.path_params["id"])
        data = program_json(program)
        return JSONResponse({"data": data}, 202 if program.status == "processing" else 200)

    async def get_estimate(self, request: Request) -> Response:
        """`GET /programs/{id}/estimate`."""
        timings = _timings(request.query_params.get("timings", "fast"))
        program = self._program(request, request.path_params["id"])
        if program.status == "failed":
            message = f"Program {program.id} failed: {program.failure_reason}"
            raise fail("internal_error", 422, message=message)
        estimate = self._records.estimate(program.number, timings)
        if estimate is None:
            return JSONResponse({"data": {"status": "processing"}}, 202)
        return JSONResponse({"data": estimate_json(program, estimate)})

    def _accepted(self, data: dict[str, Any], path: str) -> Response:
        """The 202, kept in the transaction that has made what it tells of."""
        answer = JSONResponse({"data": data}, 202, {"Location": BASE_PATH + path})
        self._records.keep_answer(202, bytes(answer.body), answer.headers.items())
        return answer

    def _part(self, request: Request, part_id: str) -> PartRow:
        with contextlib.suppress(LookupError):
            part = self._records.part(_number(part_id, "part"))
            if part.id == part_id and part.team == key_of(request).team:
                return part
        raise fail("not_found", message=f"Part {part_id[:40]} not found")

    def _program(self, request: Request, program_id: str) -> ProgramRow:
        with contextlib.suppress(LookupError):
            program = self._records.program(_number(program_id, "prog"))
            if program.id == program_id and program.team == key_of(request).team:
                return program
        raise fail("not_found", message=f"Program {program_id[:40]} not found")


async def list_cut_configs(_: Request) -> Response:
    """`GET /cut-configs`."""
    default = {"id": CUT_CONFIG, "name": "Aluminium, 3-axis", "isDefault": True}
    default |= {"readOnly": True, "generic": True, "toolLibraries": [], "tools": []}
    return JSONResponse({"data": {"cutConfigs": [default]}})


def _timings(word: str) -> Timings:
    for timings in TIMINGS:
        if timings == word:
            return timings
    raise fail("invalid_request", 400, message=f"timings is {word[:40]!r}: use fast or refined")


def _number(identifier: str, prefix: str) -> int:
    """The number in `part0001`. Raises `LookupError`."""
    digits = identifier.removeprefix(prefix)
    if not (digits.isascii() and digits.isdigit() and 4 <= len(digits) <= 15):
        raise LookupError(identifier)
    return int(digits)
