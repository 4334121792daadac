"""Toolpath, re-created locally: its routes, its Engine, and a true cause for each of its codes.

The order of checks is: route, method, API key, scope, rate limit, Idempotency-Key, replay or
collision, body, resource, state, Engine. A write that needs the Engine is one transaction that
commits only when the Engine has taken the task: where the Engine is away, nothing is left behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import sqlite3
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any

import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from failwell.apis.toolpath import openapi
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
from failwell.apis.toolpath.engine import (
    Engine,
    EngineUnavailableError,
    EstimateTask,
    Failure,
    Outcome,
    PartTask,
    ProgramTask,
    Task,
)
from failwell.apis.toolpath.machining import Estimate, Program
from failwell.apis.toolpath.records import Key, PartRow, ProgramRow, Records, Timings
from failwell.apis.toolpath.step import StepPart
from failwell.policy.quota import Window
from failwell.server import context
from failwell.server.asgi import App, Message, Receive, Scope, SendMessage, idempotent, wrap
from failwell.server.quota import limited
from failwell.stores.memory import MemoryStore

BASE_PATH = "/toolpath/api/public/v0"
TEAM, OTHER_TEAM = "team_one", "team_two"
CUT_CONFIG = "cfg00001"

_DAY = 86400.0
_TIMINGS: dict[str, Timings] = {"fast": "fast", "refined": "refined"}

fail = TOOLPATH.fail
logger = logging.getLogger("failwell.sandbox")


class Limits(msgspec.Struct, forbid_unknown_fields=True):
    """What the service allows; times in seconds, sizes in bytes."""

    requests_per_minute: Annotated[int, msgspec.Meta(ge=1)] = 120
    max_body_bytes: Annotated[int, msgspec.Meta(ge=1)] = 25 * 1024 * 1024


class ToolpathService:
    """The service and its controls; `seconds_per_task` is the Engine's pace."""

    name = "toolpath"
    base_path = BASE_PATH
    contract = TOOLPATH

    def __init__(self, *, seconds_per_task: float = 0.05) -> None:
        self._limits = Limits()
        self._quota = limited(TOOLPATH, MemoryStore(), self._windows, caller=_caller)
        self._engine = Engine(seconds_per_task=seconds_per_task, on_result=self._computed)
        self._writing = asyncio.Lock()
        self._background: set[asyncio.Task[None]] = set()
        self._keys = _mint_keys()
        self._store_open = False
        self.app: App = wrap(self._starlette(), TOOLPATH)

    async def start(self) -> None:
        """Open a fresh database and start the Engine."""
        self._folder = tempfile.TemporaryDirectory(prefix="failwell-toolpath-")
        self._records = Records(str(Path(self._folder.name) / "toolpath.db"))
        self._store_open = True
        for key in self._keys.values():
            self._records.add_key(key)
        await self._engine.start()

    async def stop(self) -> None:
        """Stop the Engine and forget everything."""
        await self._engine.stop()
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        self._records.close()
        self._folder.cleanup()

    def credentials(self) -> dict[str, Any]:
        """The API keys, by what is good or bad about them."""
        return {name: key.token for name, key in self._keys.items()}

    def components(self) -> dict[str, str]:
        """The Engine, a process, and the store, a database."""
        return {
            "engine": "running" if self._engine.running else "stopped",
            "store": "running" if self._store_open else "stopped",
        }

    async def set_component(self, name: str, state: str) -> None:
        """Really stop or start the Engine's process, or close or open the database."""
        if name not in self.components():
            raise LookupError(f"toolpath has no component {name!r}: it has engine and store")
        if state not in ("running", "stopped"):
            raise ValueError(f"state is {state!r}: use running or stopped")
        if name == "engine":
            await self._set_engine(state)
        else:
            await self._set_store(state)

    async def _set_store(self, state: str) -> None:
        async with self._writing:
            if (state == "running") == self._store_open:
                return
            self._store_open = state == "running"
            self._records.reopen() if self._store_open else self._records.close()
        await self._catch_up()

    async def _set_engine(self, state: str) -> None:
        if state == "stopped":
            await self._engine.stop()
            return
        await self._engine.start()
        await self._catch_up()

    def limits(self) -> dict[str, float]:
        """Rates and sizes, as they are now."""
        return msgspec.structs.asdict(self._limits)

    def set_limits(self, limits: dict[str, Any]) -> None:
        """Change some of the limits."""
        try:
            self._limits = msgspec.convert(self.limits() | limits, Limits)
        except msgspec.ValidationError as error:
            raise ValueError(f"{error}; the limits are {', '.join(self.limits())}") from None

    def effects(self) -> dict[str, Any]:
        """What was really created, whatever anybody was told."""
        return {"created": self._records.created()}

    # --- Routes ------------------------------------------------------------------------------

    def _starlette(self) -> Starlette:
        handlers: dict[str, Callable[[Request], Coroutine[Any, Any, Response]]] = {
            "create_part": self._create_part,
            "get_part": self._get_part,
            "create_program": self._create_program,
            "get_program": self._get_program,
            "get_estimate": self._get_estimate,
            "list_cut_configs": self._list_cut_configs,
        }
        once = idempotent(TOOLPATH, MemoryStore(), caller=_caller, on_error="release")
        guards = (self._authenticated, self._quota, self._bounded, once)
        guarded = [Middleware(guard) for guard in guards]
        routes = [
            Route(
                BASE_PATH + endpoint.path,
                handlers[endpoint.operation],
                methods=[endpoint.method],
                middleware=guarded,
            )
            for endpoint in openapi.ENDPOINTS
        ]
        routes += [Route(BASE_PATH + "/openapi.json", _openapi), Route(BASE_PATH + "/docs", _docs)]
        app = Starlette(routes=routes)
        app.router.redirect_slashes = False
        return app

    async def _create_part(self, request: Request) -> Response:
        new = decoded(await request.body(), NewPart)
        for field, value in (("name", new.name), ("stepFile", new.step_file)):
            if not value.strip():
                raise fail("invalid_request", 400, message=f"{field} must not be empty")
        step = step_text(new)
        async with self._writing:
            with self._records.transaction():
                team = _key(request).team
                part = self._records.add_part(team, new.name, new.units, new.source_file, step)
                await self._handed_over(PartTask(id=part.id, step=step))
        return _accepted(part_json(part, None), f"/parts/{part.id}")

    async def _get_part(self, request: Request) -> Response:
        part = self._part(request, request.path_params["id"])
        data = part_json(part, self._records.program_of(part.number))
        return JSONResponse({"data": data}, 202 if part.status == "processing" else 200)

    async def _create_program(self, request: Request) -> Response:
        new = decoded(await request.body(), NewProgram)
        if new.cut_config_id not in (None, CUT_CONFIG):
            raise fail("not_found", message=f"Cut config {new.cut_config_id} not found")
        part = self._part(request, new.part_id)
        if part.status == "processing":
            raise fail("conflict", message=f"Part {part.id} is still being processed")
        if part.status == "failed" or part.geometry is None:
            raise fail("conflict", message=f"Part {part.id} failed: {part.failure_reason}")
        async with self._writing:
            with self._records.transaction():
                program = self._records.add_program(part, CUT_CONFIG)
                await self._handed_over(_program_task(program, part))
        return _accepted(program_json(program), f"/programs/{program.id}")

    async def _get_program(self, request: Request) -> Response:
        program = self._program(request, request.path_params["id"])
        data = program_json(program)
        return JSONResponse({"data": data}, 202 if program.status == "processing" else 200)

    async def _get_estimate(self, request: Request) -> Response:
        timings = _timings(request.query_params.get("timings", "fast"))
        program = self._program(request, request.path_params["id"])
        if program.status == "failed":
            message = f"Program {program.id} failed: {program.failure_reason}"
            raise fail("internal_error", 422, message=message)
        estimate = self._records.estimate(program.number, timings)
        if estimate is None:
            return JSONResponse({"data": {"status": "processing"}}, 202)
        return JSONResponse({"data": estimate_json(program, estimate)})

    async def _list_cut_configs(self, request: Request) -> Response:
        default = {"id": CUT_CONFIG, "name": "Aluminium, 3-axis", "isDefault": True}
        default |= {"readOnly": True, "generic": True, "toolLibraries": [], "tools": []}
        return JSONResponse({"data": {"cutConfigs": [default]}})

    def _part(self, request: Request, part_id: str) -> PartRow:
        with contextlib.suppress(LookupError):
            part = self._records.part(_number(part_id, "part"))
            if part.id == part_id and part.team == _key(request).team:
                return part
        raise fail("not_found", message=f"Part {part_id[:40]} not found")

    def _program(self, request: Request, program_id: str) -> ProgramRow:
        with contextlib.suppress(LookupError):
            program = self._records.program(_number(program_id, "prog"))
            if program.id == program_id and program.team == _key(request).team:
                return program
        raise fail("not_found", message=f"Program {program_id[:40]} not found")

    # --- What stands before every route ------------------------------------------------------

    def _authenticated(self, app: App) -> App:
        """API key and scope."""

        async def authenticated(scope: Scope, receive: Receive, send: SendMessage) -> None:
            key = self._key_of(Request(scope).headers.get("authorization", ""))
            scope["failwell.key"] = key
            if scope["method"] not in TOOLPATH.safe and key.scope == "read_only":
                await self._quota.show(scope)
                raise fail("forbidden", message="This API key is read_only: it may not write")
            await app(scope, receive, send)

        return authenticated

    def _windows(self) -> tuple[Window]:
        return (Window(self._limits.requests_per_minute, 60.0),)

    def _key_of(self, authorization: str) -> Key:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.startswith("tp_live_"):
            raise _unauthorized("Send the header Authorization: Bearer tp_live_…")
        key = self._records.key(token)
        if key is None or not key.is_good(time.time()):
            raise _unauthorized("This API key is unknown, revoked or expired")
        return key

    def _bounded(self, app: App) -> App:
        """The size of the body, while it arrives."""

        async def bounded(scope: Scope, receive: Receive, send: SendMessage) -> None:
            most, size = self._limits.max_body_bytes, 0

            async def counting() -> Message:
                nonlocal size
                message = await receive()
                size += len(message.get("body", b""))
                if size > most:
                    raise fail("invalid_request", 400, message=f"The body is over {most} bytes")
                return message

            await app(scope, counting, send)

        return bounded

    # --- The Engine --------------------------------------------------------------------------

    async def _handed_over(self, task: Task) -> None:
        try:
            await self._engine.accept(task)
        except EngineUnavailableError:
            message = "The Engine is unavailable. The write was rolled back; retry later."
            raise fail("internal_error", 503, message=message, retry_after=1.0) from None
        except ValueError:
            raise fail("invalid_request", 400, message="The STEP text is not Unicode") from None

    def _computed(self, outcome: Outcome) -> None:
        task = asyncio.get_running_loop().create_task(self._keep(outcome))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _keep(self, outcome: Outcome) -> None:
        """Write down what the Engine found, and hand it the next step."""
        try:
            await self._write_down(_number(outcome.id), outcome)
        except sqlite3.ProgrammingError:
            logger.warning("the store is stopped: %s will be computed again", outcome.id)
            return
        if isinstance(outcome.value, Program):
            await self._estimate(_number(outcome.id), outcome.value)

    async def _write_down(self, number: int, outcome: Outcome) -> None:
        value = outcome.value
        async with self._writing:
            if outcome.id.startswith("part") and isinstance(value, (StepPart, Failure)):
                self._records.part_is(number, value)
            elif outcome.id.startswith("prog") and isinstance(value, (Program, Failure)):
                self._records.program_is(number, value)
            elif isinstance(value, Estimate):
                self._records.estimate_is(number, value)

    async def _estimate(self, number: int, program: Program) -> None:
        for timings in ("fast", "refined"):
            with contextlib.suppress(EngineUnavailableError, ValueError):
                await self._engine.accept(_estimate_task(number, program, timings))

    async def _catch_up(self) -> None:
        """Give the Engine all that waits for it, now that it or the store is back."""
        if not (self._store_open and self._engine.running):
            return
        tasks: list[Task] = []
        for part in self._records.processing_parts():
            tasks.append(PartTask(id=part.id, step=part.step))
        for program in self._records.processing_programs():
            tasks.append(_program_task(program, self._records.part(program.part)))
        timings: Timings
        for timings in ("fast", "refined"):
            for program in self._records.unestimated_programs(timings):
                plan = msgspec.json.decode(program.plan or b"", type=Program)
                tasks.append(_estimate_task(program.number, plan, timings))
        waiting = [task for task in tasks if task.id not in self._engine.outstanding]
        for task in waiting:
            with contextlib.suppress(EngineUnavailableError, ValueError):
                await self._engine.accept(task)


def _mint_keys() -> dict[str, Key]:
    now = time.time()
    return {
        "read_write": Key(_token(), TEAM, "read_write"),
        "read_only": Key(_token(), TEAM, "read_only"),
        "expired": Key(_token(), TEAM, "read_write", expires=now - _DAY),
        "revoked": Key(_token(), TEAM, "read_write", revoked=now - _DAY),
        "other_team": Key(_token(), OTHER_TEAM, "read_write"),
    }


def _token() -> str:
    return f"tp_live_{secrets.token_hex(16)}"


def _unauthorized(message: str) -> Exception:
    request = context.current()
    if request is not None:
        request.headers["WWW-Authenticate"] = "Bearer"
    return fail("unauthorized", message=message)


def _caller(scope: Scope) -> str:
    key: Key = scope["failwell.key"]
    return key.token


def _key(request: Request) -> Key:
    key: Key = request.scope["failwell.key"]
    return key


def _timings(word: str) -> Timings:
    if word in _TIMINGS:
        return _TIMINGS[word]
    raise fail("invalid_request", 400, message=f"timings is {word[:40]!r}: use fast or refined")


def _accepted(data: dict[str, Any], path: str) -> Response:
    return JSONResponse({"data": data}, 202, {"Location": BASE_PATH + path})


def _number(identifier: str, prefix: str | None = None) -> int:
    """The number in `part0001` or `prog0002.fast`. Raises `LookupError`."""
    digits = identifier[4:].partition(".")[0]
    wrong = prefix is not None and (not identifier.startswith(prefix) or "." in identifier)
    if wrong or not (digits.isascii() and digits.isdigit() and 4 <= len(digits) <= 15):
        raise LookupError(identifier)
    return int(digits)


def _program_task(program: ProgramRow, part: PartRow) -> ProgramTask:
    geometry = msgspec.json.decode(part.geometry or b"", type=StepPart)
    return ProgramTask(id=program.id, part=geometry, units=part.units)


def _estimate_task(number: int, program: Program, timings: Timings) -> EstimateTask:
    return EstimateTask(id=f"prog{number:04d}.{timings}", program=program, timings=timings)


async def _openapi(request: Request) -> Response:
    return JSONResponse(openapi.document(str(request.base_url).rstrip("/") + BASE_PATH))


async def _docs(request: Request) -> Response:
    return HTMLResponse(openapi.page())
