"""FastAPI: whatever goes wrong, at whichever depth, leaves in the contract's envelope, with an id
and without a word of its cause; and a marked write runs once, inside authentication.

One app, over real HTTP. What it must never say is planted in every place that might.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import fastapi
import httpx2
import pytest
from fastapi import (
    APIRouter,
    BackgroundTasks,
    Depends,
    FastAPI,
    File,
    Form,
    HTTPException,
    Request,
    Response,
    UploadFile,
)
from fastapi import (
    Path as InPath,
)
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from openapi_spec_validator import validate
from pydantic import BaseModel, Field, field_validator

from failwell import journal as journals
from failwell.contract import Code, Contract, Idempotency, RequestIds
from failwell.dialects import Nested, Problem
from failwell.model import Outcome
from failwell.sandbox.wire import running
from failwell.server import context
from failwell.server.fastapi import (
    idempotent_route,
    install,
    responses,
    single_tenant,
    transaction_scope,
)

SECRET = "hunter2-swordfish"
ID, OUTCOME = "X-Request-Id", "Failwell-Outcome"
ORIGIN = {"Origin": "https://shop.example"}
NOTHING = Outcome.NOT_STARTED

CONTRACT = Contract(
    name="shop",
    dialect=Problem(),
    codes=(
        Code(code="bad_request", status=400, proves=NOTHING, means="It is malformed."),
        Code(code="unauthorized", status=401, proves=NOTHING, means="Who are you?"),
        Code(code="forbidden", status=403, proves=NOTHING, means="You may not."),
        Code(code="not_found", status=404, proves=NOTHING, means="It is not there."),
        Code(code="conflict", status=409, means="The key is used."),
        Code(code="sold_out", status=409, proves=NOTHING, means="It is sold out."),
        Code(code="too_large", status=413, proves=NOTHING, means="It is too large."),
        Code(code="unreadable", status=415, proves=NOTHING, means="No such media type."),
        Code(code="invalid", status=422, proves=NOTHING, means="It makes no sense."),
        Code(code="internal", status=500, means="The shop failed."),
        Code(code="away", status=503, proves=Outcome.ROLLED_BACK, means="The shop is away."),
    ),
    idempotency=Idempotency(keys="honoured"),
    request_ids=RequestIds(accepts=True),
)


class Login(BaseModel):
    name: str = Field(max_length=8)
    password: str = Field(min_length=40)
    kind: Literal["a", "b"] = "a"
    ids: list[uuid.UUID] = []

    @field_validator("name")
    @classmethod
    def _named(cls, name: str) -> str:
        if name == "root":
            raise ValueError("no such name")
        if name.startswith("!"):
            raise ValueError(f"{name} is not a name")
        return name


class Card(BaseModel):
    number: int


class Do(BaseModel):
    """What a handler is to do, and under which tag it is counted."""

    tag: str
    do: str = ""


bearer = HTTPBearer(auto_error=False)
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]


def user(request: Request, credentials: Credentials) -> str:
    if credentials is None or credentials.credentials not in ("ann", "bob"):
        raise HTTPException(401, "Log in", headers={"WWW-Authenticate": "Bearer"})
    request.state.user = credentials.credentials
    return credentials.credentials


User = Annotated[str, Depends(user)]


def session(asked: Do, request: Request) -> Iterator[None]:
    """A dependency that commits after its yield."""
    yield
    if asked.do == "commit fails":
        raise RuntimeError(SECRET)
    request.app.state.shop.committed.append(asked.tag)


class Shop:
    """The app and what it has done, by tag."""

    def __init__(self, folder: Path) -> None:
        self.done: Counter[str] = Counter()
        self.told: dict[str, Any] = {}
        self.barred: set[str] = set()
        self.committed: list[str] = []
        self.journal = journals.Journal(f"sqlite:///{folder / 'journal.db'}")
        app = self.app = FastAPI(lifespan=self._lifespan)
        app.state.shop = self
        app.middleware("http")(self._moody)
        app.add_middleware(CORSMiddleware, allow_origins=["*"], expose_headers=[ID])
        app.include_router(_failing(self), prefix="/v1")
        app.include_router(_writing(self), prefix="/v1")
        sub = FastAPI()
        sub.get("/boom")(_boom)
        sub.post("/login")(lambda login: login)
        sub.exception_handler(LookupError)(lambda request, error: JSONResponse({"own": 1}, 200))
        sub.get("/own")(_lookup)
        sub.post("/card")(_card)
        app.mount("/sub", sub)
        app.websocket("/ws")(_ws)
        self.served = install(
            app,
            CONTRACT,
            store=f"sqlite:///{folder / 'writes.db'}",
            caller=lambda request: request.state.user,
            journal=self.journal,
            max_body=200_000,
            harmless=["body.kind"],
            lease=1.0,
            wait=3.0,
        )

    @asynccontextmanager
    async def _lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        self.told["lifespan"] = True
        yield

    async def _moody(self, request: Request, call_next: Any) -> Any:
        match request.headers.get("x-middleware"):
            case "boom":
                raise RuntimeError(SECRET)
            case "403":
                raise HTTPException(403, "Not from there")
            case "late":
                await call_next(request)
                raise RuntimeError(SECRET)
        return await call_next(request)

    def may(self, who: User) -> None:
        if who in self.barred:
            raise HTTPException(403, "Not any more")

    def answer(self, asked: Do) -> Any:
        """Count one run, and do what is asked for."""
        self.done[asked.tag] += 1
        count = self.done[asked.tag]
        match asked.do:
            case "boom":
                raise RuntimeError(SECRET)
            case "sold out":
                raise CONTRACT.fail("sold_out")
            case "used":
                raise CONTRACT.fail("conflict", outcome=Outcome.UNKNOWN)
            case "503":
                raise HTTPException(503, SECRET)
            case "409":
                raise HTTPException(409, "Sold")
            case "204":
                return Response(status_code=204)
            case "cookies":
                response = JSONResponse({"count": count}, 201, {"Location": f"/{count}"})
                response.set_cookie("one", "1")
                response.set_cookie("two", "2")
                return response
            case "stream":
                return StreamingResponse((b"%d;" % n for n in range(count, count + 3)), 201)
            case "slow":
                time.sleep(0.5)
            case "very slow":
                time.sleep(1.6)
        return {"count": count, "id": context.request_id(), "key": context.idempotency().key}


def _boom() -> None:
    raise RuntimeError(SECRET)


def _lookup() -> None:
    raise LookupError(SECRET)


def _card(card: Card) -> None: ...


async def _ws(websocket: fastapi.WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(await websocket.receive_text())
    await websocket.close()


def _failing(shop: Shop) -> APIRouter:
    router = APIRouter()

    @router.get("/boom")
    @router.post("/boom")
    async def boom() -> None:
        raise RuntimeError(SECRET)

    router.get("/sync-boom")(_boom)
    router.post("/sync-boom")(_boom)

    @router.get("/refused/{how}")
    async def refused(how: str) -> None:
        details: dict[str, Any] = {
            "text": "There is none",
            "dict": {"code": "sold_out", "message": "None left", "left": 0},
            "odd": {"shelf": 3},
            "list": [{"loc": ["query", "n"], "msg": "too many"}],
        }
        raise HTTPException(409, details[how], {"X-Own": "kept", "Retry-After": "9"})

    @router.get("/secret")
    async def secret() -> None:
        raise HTTPException(500, {"message": SECRET})

    @router.get("/wrong", response_model=Card)
    async def wrong() -> Any:
        return {"number": SECRET}

    @router.post("/login")
    async def login(login: Login, page: int = 1) -> Login:
        return login

    @router.get("/page/{page}")
    async def page(page: Annotated[int, InPath(ge=1)], size: int = 1) -> int:
        return page + size

    @router.post("/form")
    async def form(name: Annotated[str, Form()], n: Annotated[int, Form()]) -> int:
        return n

    @router.post("/raw")
    async def raw(request: Request) -> int:
        return len(await request.body())

    async def before() -> AsyncIterator[None]:
        yield
        raise RuntimeError(SECRET)

    @router.post("/teardown", dependencies=[transaction_scope(before)])
    async def teardown() -> int:
        return 1

    @router.get("/stream")
    async def stream() -> StreamingResponse:
        async def chunks() -> AsyncIterator[bytes]:
            for n in range(3):
                yield b"%d;" % n
                await asyncio.sleep(0)

        return StreamingResponse(chunks())

    return router


def _writing(shop: Shop) -> APIRouter:
    router = APIRouter(dependencies=[Depends(shop.may)])

    @router.post("/orders", status_code=201, responses=responses(CONTRACT, "sold_out", "away"))
    @idempotent_route
    async def order(asked: Do, who: User) -> Any:
        return await asyncio.to_thread(shop.answer, asked)

    @router.post("/sync-orders", status_code=201)
    @idempotent_route
    def sync_order(asked: Do, who: User) -> Any:
        """A handler that blocks."""
        return shop.answer(asked)

    @router.patch("/orders/{number}")
    @idempotent_route(on_error="release")
    async def patch(asked: Do, who: User, number: int) -> Any:
        return shop.answer(asked)

    @router.post("/unmarked")
    async def unmarked(asked: Do, who: User) -> Any:
        return shop.answer(asked)

    @router.post("/upload")
    @idempotent_route
    async def upload(
        file: Annotated[UploadFile, File()], tag: Annotated[str, Form()], who: User
    ) -> Any:
        shop.done[tag] += 1
        return {"size": len(await file.read())}

    @router.post("/read-by-hand")
    @idempotent_route
    async def by_hand(request: Request, who: User) -> Any:
        asked = await request.json()
        return shop.answer(Do(**asked))

    @router.post("/tasks")
    @idempotent_route
    async def tasks(asked: Do, who: User, background: BackgroundTasks) -> Any:
        def later() -> None:
            time.sleep(0.6)
            shop.told[asked.tag] = shop.told.get(asked.tag, 0) + 1

        background.add_task(later)
        return shop.answer(asked)

    @router.post("/trap")
    async def trap(asked: Do, open_session: Annotated[None, Depends(session)]) -> Any:
        return {"created": True}

    @router.post("/no-trap")
    async def no_trap(asked: Do, open_session: Annotated[None, transaction_scope(session)]) -> Any:
        return {"created": True}

    @router.post("/keyed-trap")
    @idempotent_route
    async def keyed_trap(
        asked: Do, who: User, open_session: Annotated[None, Depends(session)]
    ) -> Any:
        shop.done[asked.tag] += 1
        return {"created": True}

    return router


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    shop = Shop(tmp_path_factory.mktemp("shop"))
    yield shop
    shop.journal.close()


@pytest.fixture(scope="module")
def url(shop: Shop) -> Iterator[str]:
    with running(shop.served) as url:
        yield url


@pytest.fixture(scope="module")
def http(url: str) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=url + "/v1", trust_env=False, timeout=20) as client:
        yield client


@pytest.fixture
def key() -> dict[str, str]:
    """The header fields of a keyed write of ann's."""
    return {"Idempotency-Key": str(uuid.uuid4()), "Authorization": "Bearer ann"}


@pytest.fixture
def tag() -> str:
    return uuid.uuid4().hex


def problem(response: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    """The envelope of a failure, which holds its code and its id, and no secret."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert (body["status"], body["code"]) == (status, code)
    assert body["request_id"] == response.headers[ID]
    assert SECRET not in response.text + str(response.headers)
    return body


# --- Failures ----------------------------------------------------------------------------------


def test_an_unknown_route_and_a_wrong_method(http: httpx2.Client) -> None:
    """404 and 405 of the router are in the envelope; 405 keeps Allow."""
    problem(http.get("/nowhere"), 404, "not_found")
    wrong = http.put("/orders")
    problem(wrong, 405, "bad_request")
    assert wrong.headers["allow"] == "POST"


@pytest.mark.parametrize("path", ["/boom", "/sync-boom"])
def test_an_unhandled_exception(http: httpx2.Client, path: str) -> None:
    """A 500 has the envelope, the caller's id and the headers of CORS, and the outcome of a write;
    its cause is not told."""
    read = http.get(path, headers={**ORIGIN, ID: "mine-1"})
    assert problem(read, 500, "internal")["detail"] == "The shop failed."
    assert (read.headers[ID], read.headers["access-control-allow-origin"]) == ("mine-1", "*")
    assert OUTCOME not in read.headers
    written = http.post(path)
    assert problem(written, 500, "internal")["outcome"] == written.headers[OUTCOME] == "unknown"


def test_a_failure_leaves_the_connection_alive(dial: Any, url: str) -> None:
    """After a 500 the same connection serves the next request."""
    with dial(url) as line:
        for _ in range(3):
            assert line.ask("GET", "/v1/boom").status == 500


@pytest.mark.parametrize(
    ("how", "code", "said"),
    [("text", "conflict", "There is none"), ("dict", "sold_out", "None left"),
     ("odd", "conflict", "The key is used."), ("list", "conflict", "too many")],
)  # fmt: skip
def test_http_exceptions(http: httpx2.Client, how: str, code: str, said: str) -> None:
    """`HTTPException` keeps its sentence, its code where the contract has it, and its headers."""
    response = http.get(f"/refused/{how}")
    body = problem(response, 409, code)
    assert body["detail"] == said
    assert response.headers.get_list("x-own") == ["kept"]
    assert response.headers.get_list("retry-after") == ["9"]
    if how == "dict":
        assert body["left"] == 0
    if how == "list":
        assert body["errors"][0]["path"] == "query.n"


def test_a_500_with_a_detail_tells_nothing(http: httpx2.Client) -> None:
    """The detail of a 5xx may be its cause: it stays inside."""
    problem(http.get("/secret"), 500, "internal")


def test_an_answer_that_does_not_fit_its_model(http: httpx2.Client) -> None:
    """A response that fails validation is a 500 without a word of the data."""
    problem(http.get("/wrong"), 500, "internal")


def test_a_dependency_that_fails_at_its_end(http: httpx2.Client) -> None:
    """What a dependency raises after its yield is a 500, and not a success."""
    assert problem(http.post("/teardown"), 500, "internal")["outcome"] == "unknown"


@pytest.mark.parametrize(
    ("how", "status", "code"),
    [("boom", 500, "internal"), ("late", 500, "internal"), ("403", 403, "forbidden")],
)
def test_middlewares_that_fail(http: httpx2.Client, how: str, status: int, code: str) -> None:
    """An exception of a middleware is a 500, and its `HTTPException` what it says."""
    problem(http.get("/page/1", headers={"x-middleware": how}), status, code)


def test_mounted_apps(http: httpx2.Client, url: str) -> None:
    """What a mounted app fails with is in the envelope too; its own handlers are asked first."""
    problem(http.get(url + "/sub/boom"), 500, "internal")
    problem(http.get(url + "/sub/nowhere"), 404, "not_found")
    problem(http.post(url + "/sub/card", json={"number": SECRET}), 422, "invalid")
    assert http.get(url + "/sub/own").json() == {"own": 1}


# --- Validation --------------------------------------------------------------------------------


def test_validation_says_where_and_never_what(http: httpx2.Client) -> None:
    """A 422 has a path with its location, a pointer into the body, a message and a code for each
    issue; no value, and nothing that was made of one. Nothing was started."""
    body = {"name": "a" * 9, "password": SECRET, "ids": [str(uuid.uuid4()), SECRET]}
    response = http.post("/login", params={"page": SECRET}, json=body)
    told = problem(response, 422, "invalid")
    assert told["outcome"] == "not_started"
    assert told["errors"] == [
        {"detail": "Input should be a valid integer, unable to parse string as an integer",
         "path": "query.page", "code": "int_parsing"},
        {"detail": "String should have at most 8 characters",
         "path": "body.name", "pointer": "#/name", "code": "string_too_long"},
        {"detail": "String should have at least 40 characters",
         "path": "body.password", "pointer": "#/password", "code": "string_too_short"},
        {"detail": "Input should be a valid UUID",
         "path": "body.ids[1]", "pointer": "#/ids/1", "code": "uuid_parsing"},
    ]  # fmt: skip


def test_a_missing_field_does_not_echo_its_body(http: httpx2.Client) -> None:
    """Pydantic's `input` of a missing field is the whole body: it stays inside."""
    told = problem(http.post("/login", json={"password": SECRET * 3}), 422, "invalid")
    assert [issue["pointer"] for issue in told["errors"]] == ["#/name"]


@pytest.mark.parametrize(
    ("name", "said"),
    [("root", "Value error, no such name"), ("!" + SECRET[:7], "Invalid")],
)
def test_a_validators_own_sentence(http: httpx2.Client, name: str, said: str) -> None:
    """A validator's own words are told, but where they repeat what was submitted."""
    told = problem(http.post("/login", json={"name": name, "password": "x" * 40}), 422, "invalid")
    assert told["errors"][0]["detail"] == said


def test_a_harmless_field_may_be_repeated(shop_contract: Contract) -> None:
    """Where the author says so, the value of a field is told."""
    app = FastAPI()

    @app.post("/")
    async def take(login: Login) -> None: ...

    dialect = Nested(details="details")
    contract = Contract(name="it", dialect=dialect, codes=shop_contract.codes)
    with running(install(app, contract, harmless=["body.kind"])) as url:
        sent = {"name": "a", "password": SECRET * 3, "kind": "zz"}
        (told,) = httpx2.post(url, json=sent, trust_env=False).json()["error"]["details"]
        assert (told["path"], told["value"]) == ("body.kind", "zz")
        sent["name"] = SECRET
        said = httpx2.post(url, json=sent, trust_env=False)
        assert said.status_code == 422
        assert "hunter" not in said.text


@pytest.mark.parametrize("body", [b"{", b'{"name": ' + SECRET.encode(), b"\xff{}"])
def test_malformed_json(http: httpx2.Client, body: bytes) -> None:
    """JSON that cannot be read is a 400, and nothing was started."""
    response = http.post("/login", content=body, headers={"Content-Type": "application/json"})
    assert problem(response, 400, "bad_request")["outcome"] == "not_started"


@pytest.mark.parametrize(("path", "media"), [("/login", "text/plain"), ("/form", "text/plain")])
def test_a_wrong_media_type(http: httpx2.Client, path: str, media: str) -> None:
    """A body of another kind than the route takes is a 415."""
    response = http.post(path, content=SECRET, headers={"Content-Type": media})
    assert problem(response, 415, "unreadable")["outcome"] == "not_started"


def test_a_form_is_validated_like_json(http: httpx2.Client) -> None:
    """A form of the right kind with a wrong field is a 422."""
    told = problem(http.post("/form", data={"name": "a", "n": SECRET}), 422, "invalid")
    assert told["errors"][0]["path"] == "body.n"


@pytest.mark.parametrize("path", ["/raw", "/login", "/form"])
def test_a_body_that_is_too_large(http: httpx2.Client, path: str) -> None:
    """A body over the limit is a 413, announced or not; one at the limit passes."""
    form = {"Content-Type": "application/x-www-form-urlencoded"} if path == "/form" else {}
    announced = http.post(path, content=b"x" * 200_001, headers=ORIGIN | form)
    assert problem(announced, 413, "too_large")["outcome"] == "not_started"
    assert announced.headers["access-control-allow-origin"] == "*"
    chunks = iter([b"x" * 100_000] * 3)
    problem(http.post(path, content=chunks, headers=form), 413, "too_large")
    assert http.post("/raw", content=b"x" * 200_000).json() == 200_000


def test_a_body_is_refused_while_it_arrives(dial: Any, url: str) -> None:
    """The answer comes before the body has ended."""
    with dial(url) as line:
        line.socket.sendall(
            b"POST /v1/raw HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            + b"30d41\r\n" + b"x" * 0x30D41 + b"\r\n"
        )  # fmt: skip
        assert line.socket.recv(12) == b"HTTP/1.1 413"


# --- What is left alone ------------------------------------------------------------------------


def test_streams_websockets_and_lifespan(http: httpx2.Client, shop: Shop, url: str) -> None:
    """A stream flows, the lifespan runs, and a websocket is the app's own business."""
    assert http.get("/stream").content == b"0;1;2;"
    assert shop.told["lifespan"]

    async def talk() -> list[Any]:
        sent: list[Any] = []
        received = iter([{"type": "websocket.connect"}, {"type": "websocket.receive", "text": "a"}])
        scope = {"type": "websocket", "path": "/ws", "headers": [], "query_string": b""}

        async def receive() -> Any:
            return next(received)

        async def send(message: Any) -> None:
            sent.append(message)

        await shop.served({**scope, "subprotocols": []}, receive, send)
        return sent

    assert [message["type"] for message in asyncio.run(talk())] == [
        "websocket.accept", "websocket.send", "websocket.close",
    ]  # fmt: skip


def test_every_answer_has_an_id(http: httpx2.Client) -> None:
    """Successes carry the id too, and a hostile one is not taken over."""
    assert http.get("/page/1", headers={ID: "mine-2"}).headers[ID] == "mine-2"
    assert http.get("/page/1", headers={ID: "a b"}).headers[ID] != "a b"


def test_failures_are_written_down(http: httpx2.Client, shop: Shop) -> None:
    """The journal knows a failure by its id, with its traceback, and once."""
    request_id = http.post("/boom").headers[ID]
    shop.journal.flush()
    (entry,) = shop.journal.backend.by_request(request_id)
    assert (entry.status, entry.code, entry.outcome) == (500, "internal", "unknown")
    assert "_boom" in entry.traceback or "boom" in entry.traceback


def test_a_handler_of_the_apps_own_stays(shop_contract: Contract) -> None:
    """Handlers that the app has for FastAPI's exceptions are not replaced."""
    app = FastAPI()

    @app.exception_handler(fastapi.exceptions.RequestValidationError)
    async def own(request: Request, error: Exception) -> Response:
        raise shop_contract.fail("conflict", message="My own")

    @app.get("/")
    async def get(n: int) -> None: ...

    with running(install(app, shop_contract)) as url:
        response = httpx2.get(url, trust_env=False)
        assert (response.status_code, response.json()["error"]["message"]) == (409, "My own")


# --- Writes that run once ----------------------------------------------------------------------

WRITES = ["/orders", "/sync-orders"]


@pytest.mark.parametrize("path", WRITES)
def test_a_repeated_write_is_replayed(
    http: httpx2.Client, shop: Shop, path: str, key: dict[str, str], tag: str
) -> None:
    """The same key with the same request: one run, the same answer to the byte, marked, under a
    new id; white space and order of JSON do not count."""
    first = http.post(path, json={"tag": tag, "do": ""}, headers=key)
    again = http.post(path, content=f'{{"do":"",  "tag":"{tag}"}}', headers={
        **key, "Content-Type": "application/json"})  # fmt: skip
    assert (first.status_code, again.status_code, shop.done[tag]) == (201, 201, 1)
    assert first.content == again.content
    assert first.json()["key"] == key["Idempotency-Key"]
    assert first.json()["id"] == first.headers[ID] != again.headers[ID]
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers


def test_another_body_and_another_caller(
    http: httpx2.Client, shop: Shop, key: dict[str, str], tag: str
) -> None:
    """Another body is the contract's conflict; another caller's key is another key, and so is that
    of another route."""
    http.post("/orders", json={"tag": tag}, headers=key)
    other = http.post("/orders", json={"tag": tag + "x"}, headers=key)
    assert problem(other, 409, "conflict")["outcome"] == "not_started"
    http.post("/orders", json={"tag": tag}, headers={**key, "Authorization": "Bearer bob"})
    http.post("/sync-orders", json={"tag": tag}, headers=key)
    assert shop.done == shop.done | Counter({tag: 3, tag + "x": 0})


def test_nobody_gets_a_replay_who_may_not_ask(
    http: httpx2.Client, shop: Shop, key: dict[str, str], tag: str
) -> None:
    """Who is not logged in, or not allowed any more, gets that answer and not the kept one."""
    http.post("/orders", json={"tag": tag}, headers=key)
    stranger = http.post("/orders", json={"tag": tag}, headers={**key, "Authorization": "Bearer x"})
    problem(stranger, 401, "unauthorized")
    assert stranger.headers["www-authenticate"] == "Bearer"
    shop.barred.add("ann")
    problem(http.post("/orders", json={"tag": tag}, headers=key), 403, "forbidden")
    shop.barred.clear()
    assert http.post("/orders", json={"tag": tag}, headers=key).status_code == 201
    assert shop.done[tag] == 1


@pytest.mark.parametrize("path", WRITES)
def test_twenty_at_once_are_one(
    http: httpx2.Client, shop: Shop, path: str, key: dict[str, str], tag: str
) -> None:
    """Twenty at once: one runs, the others wait and get its answer."""
    asked = {"tag": tag, "do": "slow"}
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: http.post(path, json=asked, headers=key), range(20)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == shop.done[tag] == 1


def test_a_write_that_outlives_its_lease(
    http: httpx2.Client, shop: Shop, key: dict[str, str], tag: str
) -> None:
    """A handler that runs longer than its lease keeps its key."""
    asked = {"tag": tag, "do": "very slow"}
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(http.post, "/sync-orders", json=asked, headers=key)
        time.sleep(1.3)
        second = pool.submit(http.post, "/sync-orders", json=asked, headers=key)
        assert first.result().content == second.result().content
    assert shop.done[tag] == 1


@pytest.mark.parametrize(
    ("do", "runs", "statuses"),
    [("boom", 1, {500}), ("503", 1, {503}), ("used", 1, {409}), ("sold out", 2, {409}),
     ("204", 1, {204}), ("stream", 1, {201}), ("cookies", 1, {201})],
)  # fmt: skip
def test_what_is_kept_and_what_is_not(
    http: httpx2.Client, shop: Shop, key: dict[str, str], tag: str,
    do: str, runs: int, statuses: set[int],
) -> None:  # fmt: skip
    """What proves nothing is kept, whatever its shape; what left nothing frees the key. A replay
    carries no cookie."""
    answers = [http.post("/orders", json={"tag": tag, "do": do}, headers=key) for _ in range(2)]
    assert ({answer.status_code for answer in answers}, shop.done[tag]) == (statuses, runs)
    assert SECRET not in answers[0].text + answers[1].text
    if runs == 1 and do != "503":
        assert answers[0].content == answers[1].content
    assert len(answers[0].headers.get_list("set-cookie")) == 2 * (do == "cookies")
    assert answers[1].headers.get_list("set-cookie") == []
    assert answers[1].headers.get("location") == answers[0].headers.get("location")


def test_an_exception_that_undoes_everything(
    http: httpx2.Client, shop: Shop, key: dict[str, str], tag: str
) -> None:
    """`on_error="release"` on one route: there an exception frees the key."""
    for _ in range(2):
        response = http.patch("/orders/7", json={"tag": tag, "do": "boom"}, headers=key)
        problem(response, 500, "internal")
    assert shop.done[tag] == 2


def test_a_client_that_gives_up_and_asks_again(
    http: httpx2.Client, shop: Shop, key: dict[str, str], tag: str
) -> None:
    """A client that hangs up too early gets the answer of its first request."""
    asked = {"tag": tag, "do": "slow"}
    with pytest.raises(httpx2.ReadTimeout):
        http.post("/orders", json=asked, headers=key, timeout=0.2)
    assert http.post("/orders", json=asked, headers=key).json()["count"] == 1
    assert shop.done[tag] == 1


def test_malformed_keys(dial: Any, url: str, shop: Shop, tag: str) -> None:
    """Two keys, or one that is no key, are refused before anything runs."""
    body, path = b'{"tag": "%b"}' % tag.encode(), "/v1/orders"
    usual = [(b"Authorization", b"Bearer ann"), (b"Content-Type", b"application/json")]
    with dial(url) as line:
        for keys in ([b"a", b"b"], [b"x" * 5000], [b""]):
            fields = [*usual, *((b"Idempotency-Key", one) for one in keys)]
            assert line.ask("POST", path, *fields, body=body).status == 400
    assert shop.done[tag] == 0


@pytest.mark.parametrize("path", ["/unmarked", "/orders"])
def test_without_a_key_or_a_mark_writes_just_run(
    http: httpx2.Client, shop: Shop, key: dict[str, str], tag: str, path: str
) -> None:
    """A route that is not marked, and a request without a key, are left alone."""
    if path == "/orders":
        del key["Idempotency-Key"]
    for _ in range(2):
        assert http.post(path, json={"tag": tag}, headers=key).is_success
    assert shop.done[tag] == 2


def test_a_form_is_compared_by_its_fields(
    http: httpx2.Client, shop: Shop, key: dict[str, str], tag: str
) -> None:
    """The boundary of a form does not count, the contents of its files do."""
    sizes = [
        http.post("/upload", data={"tag": tag}, files={"file": content}, headers=key)
        for content in (b"abc", b"abc", b"abd")
    ]
    assert [response.status_code for response in sizes] == [200, 200, 409]
    assert (sizes[1].json(), shop.done[tag]) == ({"size": 3}, 1)


def test_a_handler_that_reads_its_body_itself(
    http: httpx2.Client, shop: Shop, key: dict[str, str], tag: str
) -> None:
    """A handler with `Request` alone still finds its body."""
    for _ in range(2):
        assert http.post("/read-by-hand", json={"tag": tag}, headers=key).json()["count"] == 1


def test_background_tasks_wait_for_nobody(
    http: httpx2.Client, shop: Shop, key: dict[str, str], tag: str
) -> None:
    """An answer leaves before its background tasks, is kept by then, and they run once."""
    began = time.monotonic()
    first = http.post("/tasks", json={"tag": tag}, headers=key)
    again = http.post("/tasks", json={"tag": tag}, headers=key)
    assert time.monotonic() - began < 0.5
    assert first.content == again.content
    time.sleep(0.8)
    assert shop.told[tag] == shop.done[tag] == 1


def test_generators_cannot_be_marked() -> None:
    """An endpoint that yields its answer is refused when it is marked."""
    with pytest.raises(TypeError, match="StreamingResponse"):

        @idempotent_route
        def events() -> Iterator[str]:
            yield ""


def test_settings_are_checked_when_installed(shop_contract: Contract) -> None:
    """A store without a caller, a lease of nothing, an unknown code, an app that serves already."""
    with pytest.raises(ValueError, match="single_tenant"):
        install(FastAPI(), shop_contract, store="memory:")
    with pytest.raises(ValueError, match="lease"):
        install(FastAPI(), shop_contract, store="memory:", caller=single_tenant, lease=0)
    with pytest.raises(ValueError, match="no code nope"):
        install(FastAPI(), shop_contract, everywhere=["nope"])
    app = FastAPI()
    with running(app) as url:
        httpx2.get(url, trust_env=False)
    with pytest.raises(RuntimeError, match="before"):
        install(app, shop_contract)


# --- The commit trap ---------------------------------------------------------------------------


def test_fastapis_default_lies(http: httpx2.Client, tag: str, key: dict[str, str]) -> None:
    """The trap itself, so that we hear of it when FastAPI closes it: by default a dependency
    commits after the answer, and a COMMIT that fails is a 200."""
    response = http.post("/trap", json={"tag": tag, "do": "commit fails"}, headers=key)
    assert (response.status_code, response.json()) == (200, {"created": True})


def test_a_commit_that_fails_is_no_success(
    http: httpx2.Client, shop: Shop, tag: str, key: dict[str, str]
) -> None:
    """In `transaction_scope` the COMMIT comes first: where it fails, so does the answer."""
    response = http.post("/no-trap", json={"tag": tag, "do": "commit fails"}, headers=key)
    assert problem(response, 500, "internal")["outcome"] == "unknown"
    assert http.post("/no-trap", json={"tag": tag}, headers=key).status_code == 200
    assert shop.committed.count(tag) == 1


def test_a_keyed_write_waits_for_its_commit(
    http: httpx2.Client, shop: Shop, tag: str, key: dict[str, str]
) -> None:
    """The answer to a marked write leaves when all dependencies have ended, wherever they commit;
    what is kept under the key is the failure."""
    for _ in range(2):
        response = http.post("/keyed-trap", json={"tag": tag, "do": "commit fails"}, headers=key)
        assert problem(response, 500, "internal")["outcome"] == "unknown"
    assert (shop.done[tag], shop.committed.count(tag)) == (1, 0)


# --- OpenAPI -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def described(url: str) -> Any:
    return httpx2.get(url + "/openapi.json", trust_env=False).json()


def test_the_document_is_valid(described: Any) -> None:
    """It is OpenAPI 3.1, and nothing of FastAPI's own 422 is left."""
    validate(described)
    assert "HTTPValidationError" not in str(described)
    assert "x-failwell" not in str(described)


@pytest.mark.parametrize(
    ("method", "path", "codes"),
    [
        ("get", "/v1/boom", {"500": ["internal"]}),
        ("get", "/v1/page/{page}", {"422": ["invalid"], "500": ["internal"]}),
        ("get", "/v1/refused/{how}", {"500": ["internal"]}),
        ("post", "/v1/login", {
            "400": ["bad_request"], "413": ["too_large"], "415": ["unreadable"],
            "422": ["invalid"], "500": ["internal"]}),
        ("post", "/v1/orders", {
            "400": ["bad_request"], "401": ["unauthorized"], "409": ["sold_out", "conflict"],
            "413": ["too_large"], "415": ["unreadable"], "422": ["invalid"], "500": ["internal"],
            "503": ["away"]}),
    ],
)  # fmt: skip
def test_an_operation_says_what_it_can_raise(
    described: Any, method: str, path: str, codes: dict[str, list[str]]
) -> None:
    """What its route names and what FastAPI can say of it, each with an example, and no more."""
    found = {
        status: list(response["content"]["application/problem+json"]["examples"])
        for status, response in described["paths"][path][method]["responses"].items()
        if status >= "400"
    }
    assert found == codes


def test_examples_fit_their_schema(described: Any) -> None:
    """Each example is an error of the contract by the document's own schema."""
    from jsonschema import Draft202012Validator

    schema = described["components"]["schemas"]["ShopError"]
    assert schema["properties"]["code"]["enum"] == sorted({code.code for code in CONTRACT.codes})
    validator = Draft202012Validator(schema)
    response = described["paths"]["/v1/orders"]["post"]["responses"]["409"]
    for example in response["content"]["application/problem+json"]["examples"].values():
        validator.validate(example["value"])
    assert OUTCOME in response["headers"]


def test_real_errors_fit_the_schema(described: Any, http: httpx2.Client) -> None:
    """What really comes is what the document says."""
    from jsonschema import Draft202012Validator

    validator = Draft202012Validator(described["components"]["schemas"]["ShopError"])
    for response in (http.get("/boom"), http.post("/login", json={}), http.get("/nowhere")):
        validator.validate(response.json())
        assert not validator.is_valid({**response.json(), "code": "never heard of"})


def test_the_key_is_a_parameter_of_marked_writes(described: Any) -> None:
    """Only marked writes take the key."""
    takes = {
        (method, path)
        for path, item in described["paths"].items()
        for method, operation in item.items()
        if any(one["name"] == "Idempotency-Key" for one in operation.get("parameters", ()))
    }
    assert takes == {
        ("post", "/v1/orders"), ("post", "/v1/sync-orders"), ("patch", "/v1/orders/{number}"),
        ("post", "/v1/upload"), ("post", "/v1/read-by-hand"), ("post", "/v1/tasks"),
        ("post", "/v1/keyed-trap"),
    }  # fmt: skip
