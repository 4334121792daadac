"""An answer that is committed with its effects: both are there, or neither, on every kind of
connection, and a replay tells the truth.

The handler inserts one row and commits its answer in the same transaction; `do` in the request's
body says how that ends. The rows are counted.
"""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import psycopg
import pytest
import sqlalchemy
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from failwell import stores
from failwell.actions import Step
from failwell.contract import Contract
from failwell.policy.idempotency import Complete, Record, Release, Stored, slot
from failwell.sandbox.wire import running
from failwell.server import context
from failwell.server.asgi import idempotent, wrap
from failwell.server.write import Write

OUTCOME = "Failwell-Outcome"
REPLAYED = "idempotent-replayed"
INSERT = "INSERT INTO effects (tag) VALUES ('{}')"


class Sqlite3:
    """A plain `sqlite3` connection; its rows are dictionaries, as some authors like them."""

    def __init__(self, url: str) -> None:
        self.url = url

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        """A connection in a transaction that is committed where the block ends well."""
        with closing(sqlite3.connect(self.url.removeprefix("sqlite:///"))) as connection:
            connection.row_factory = lambda cursor, row: {"row": row}
            with connection:
                yield connection

    async def insert(self, connection: Any, tag: str) -> None:
        connection.execute(INSERT.format(tag))

    async def keep(self, connection: Any, status: int, body: Any) -> None:
        context.idempotency().commit(connection, status, body, [("Location", "/orders/7")])


class Psycopg(Sqlite3):
    """A psycopg connection, with rows as dictionaries."""

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        from psycopg.rows import dict_row

        with psycopg.connect(self.url, row_factory=dict_row) as connection:
            yield connection


class PsycopgAutocommit(Sqlite3):
    """A psycopg connection in autocommit mode, with a transaction of its own making."""

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        with psycopg.connect(self.url, autocommit=True) as connection, connection.transaction():
            yield connection


class PsycopgAsync(Sqlite3):
    """psycopg's asynchronous connection."""

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        async with await psycopg.AsyncConnection.connect(self.url) as connection:
            yield connection

    async def insert(self, connection: Any, tag: str) -> None:
        await connection.execute(INSERT.format(tag))

    async def keep(self, connection: Any, status: int, body: Any) -> None:
        write = context.idempotency()
        await write.acommit(connection, status, body, [("Location", "/orders/7")])


class AlchemySession(Sqlite3):
    """A SQLAlchemy session."""

    def engine(self) -> Any:
        url = self.url.replace("postgresql://", "postgresql+psycopg://")
        return sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        with Session(self.engine()) as session, session.begin():
            yield session

    async def insert(self, connection: Any, tag: str) -> None:
        connection.execute(sqlalchemy.text(INSERT.format(tag)))


class AlchemyConnection(AlchemySession):
    """A SQLAlchemy connection."""

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        with self.engine().begin() as connection:
            yield connection


class AlchemyAsync(PsycopgAsync):
    """SQLAlchemy's asynchronous session."""

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        url = self.url.replace("postgresql://", "postgresql+psycopg://")
        url = url.replace("sqlite://", "sqlite+aiosqlite://")
        engine = create_async_engine(url, poolclass=sqlalchemy.NullPool)
        async with AsyncSession(engine) as session, session.begin():
            yield session

    async def insert(self, connection: Any, tag: str) -> None:
        await connection.execute(sqlalchemy.text(INSERT.format(tag)))


WORLDS = {
    "sqlite3": ("sqlite", Sqlite3),
    "sqlalchemy session, sqlite": ("sqlite", AlchemySession),
    "sqlalchemy connection, sqlite": ("sqlite", AlchemyConnection),
    "sqlalchemy async, sqlite": ("sqlite", AlchemyAsync),
    "psycopg": ("postgres", Psycopg),
    "psycopg autocommit": ("postgres", PsycopgAutocommit),
    "psycopg async": ("postgres", PsycopgAsync),
    "sqlalchemy session, postgres": ("postgres", AlchemySession),
    "sqlalchemy connection, postgres": ("postgres", AlchemyConnection),
    "sqlalchemy async, postgres": ("postgres", AlchemyAsync),
}


class Town:
    """A server whose handler writes through one kind of connection."""

    def __init__(self, contract: Contract, db: str, world: Any) -> None:
        rules = msgspec.structs.replace(contract.idempotency, keys="honoured")
        self.contract = msgspec.structs.replace(contract, idempotency=rules)
        self.db = db
        self.world = world
        self.store: Any = stores.open(db)
        self.entered = threading.Event()
        self.gate = threading.Event()
        self.gate.set()
        self.runs = 0
        self.url = ""

    def app(self) -> Any:
        """The handler at `/`."""
        once = idempotent(
            self.contract,
            self.store,
            caller=lambda _: "ann",
            lease=5.0,
            wait=3.0,
            transactional=True,
        )
        routes = [Route("/", self.serve, methods=["POST"])]
        return wrap(once(Starlette(routes=routes)), self.contract)

    async def serve(self, request: Request) -> Response:
        """Write a row and the answer, and end as `do` says."""
        asked = await request.json()
        self.runs += 1
        self.entered.set()
        await asyncio.to_thread(self.gate.wait, 10)
        async with self.world.transaction() as connection:
            if asked["do"] == "answer first":
                await self.world.keep(connection, 201, {"tag": asked["tag"]})
            await self.world.insert(connection, asked["tag"])
            if asked["do"] == "fail before":
                raise RuntimeError("hunter2")
            if asked["do"] == "say no before":
                raise HTTPException(409, "Sold")
            if asked["do"] != "answer first":
                await self.world.keep(connection, 201, {"tag": asked["tag"]})
            if asked["do"] == "fail inside":
                raise RuntimeError("hunter2")
        if asked["do"] == "fail after":
            raise RuntimeError("hunter2")
        if asked["do"] == "say no after":
            raise HTTPException(500, "hunter2")
        return JSONResponse({"tag": asked["tag"]}, 201, {"Location": "/orders/7"})

    def post(self, key: str | None, tag: str, do: str = "well") -> httpx2.Response:
        """One write."""
        fields = {} if key is None else {"Idempotency-Key": key}
        asked = {"tag": tag, "do": do}
        return httpx2.post(self.url, json=asked, headers=fields, trust_env=False, timeout=20)

    def effects(self, tag: str) -> int:
        """How many rows of this tag there are."""
        return count(self.db, tag)

    def kept(self, key: str) -> str:
        """Where the record of a key is."""
        return slot("ann", "POST", "/", key)


def connect(db: str) -> Any:
    if db.startswith("sqlite"):
        return sqlite3.connect(db.removeprefix("sqlite:///"))
    return psycopg.connect(db)


def count(db: str, tag: str) -> int:
    with closing(connect(db)) as connection:
        asked = connection.execute(f"SELECT count(*) FROM effects WHERE tag = '{tag}'")
        return int(asked.fetchone()[0])


@pytest.fixture(scope="module", params=WORLDS)
def town(
    request: pytest.FixtureRequest,
    shop_contract: Contract,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Town]:
    where, world = WORLDS[request.param]
    db = f"sqlite:///{tmp_path_factory.mktemp('db') / 'shop.db'}"
    if where == "postgres":
        db = request.getfixturevalue("postgres_url")
    with closing(connect(db)) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS effects (tag TEXT)")
        connection.commit()
    town = Town(shop_contract, db, world(db))
    with running(town.app()) as town.url:
        yield town
    town.store.close()


@pytest.fixture
def tag() -> str:
    return uuid.uuid4().hex


@pytest.mark.parametrize("do", ["well", "answer first"])
def test_what_is_committed_is_replayed(town: Town, tag: str, do: str) -> None:
    """Effect and answer are committed together: one row, and the same bytes again; in whichever
    order they were written."""
    first, again = (town.post(tag, tag, do) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert (again.content, again.headers["location"]) == (first.content, "/orders/7")
    assert (REPLAYED in first.headers, again.headers[REPLAYED]) == (False, "true")
    assert town.effects(tag) == 1


@pytest.mark.parametrize("do", ["fail before", "fail inside"])
def test_what_is_rolled_back_leaves_neither(town: Town, tag: str, do: str) -> None:
    """An exception inside the transaction leaves no row and no answer: `rolled_back` is proven,
    and the key is good for another run."""
    failed = town.post(tag, tag, do)
    assert (failed.status_code, failed.headers[OUTCOME]) == (500, "rolled_back")
    assert town.effects(tag) == 0
    assert town.post(tag, tag, do).headers[OUTCOME] == "rolled_back"
    assert town.post(tag, tag).status_code == 201
    assert town.effects(tag) == 1


def test_an_error_answer_is_as_good_as_an_exception(town: Town, tag: str) -> None:
    """A framework that turns an exception into an answer by itself changes nothing: rolled back,
    said once, and the key is free."""
    refused = town.post(tag, tag, "say no before")
    assert (refused.status_code, refused.headers.get_list(OUTCOME)) == (409, ["rolled_back"])
    assert town.effects(tag) == 0
    assert town.post(tag, tag).status_code == 201


@pytest.mark.parametrize("do", ["fail after", "say no after"])
def test_a_failure_after_the_commit_gives_the_committed_answer(
    town: Town, tag: str, do: str
) -> None:
    """The commit is the truth, whatever fails after it: the caller gets the committed answer, and
    gets it again."""
    first, again = (town.post(tag, tag, do) for _ in range(2))
    assert (first.status_code, first.json()) == (201, {"tag": tag})
    assert "hunter2" not in first.text
    assert (again.content, again.headers[REPLAYED]) == (first.content, "true")
    assert town.effects(tag) == 1


def test_without_a_key_the_commit_does_nothing(town: Town, tag: str) -> None:
    """A handler need not ask whether there is a key: without one each request is a write."""
    assert [town.post(None, tag).status_code for _ in range(2)] == [201, 201]
    assert town.effects(tag) == 2


class Steal(msgspec.Struct, frozen=True):
    """Another request takes the key over, as after a lease that ran out."""

    record_type = Record

    def __call__(self, record: Record | None, now: float) -> Step[Record, None]:
        assert record is not None
        ends = now + 60
        return Step(msgspec.structs.replace(record, token="thief", lease_ends=ends), None)


def late(town: Town, tag: str, then: Any) -> httpx2.Response:
    """The answer to a request whose key is taken over before it commits; `then` is what the other
    holder does with it."""
    town.entered.clear()
    town.gate.clear()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(town.post, tag, tag)
        assert town.entered.wait(10)
        town.store.update(town.kept(tag), Steal())
        town.gate.set()
        time.sleep(0.3)
        assert town.effects(tag) == 0
        town.store.update(town.kept(tag), then)
        return asked.result()


def test_a_late_holders_transaction_is_rolled_back(town: Town, tag: str) -> None:
    """Its effect is gone, and it gets the answer of the request that has taken its place, for they
    are one write."""
    stored = Stored(status=202, headers=(), body=b"by the other one")
    done = Complete(token="thief", answer=stored, retention=60.0)
    answer = late(town, tag, done)
    assert (answer.status_code, answer.content) == (202, b"by the other one")
    assert (answer.headers[REPLAYED], town.effects(tag)) == ("true", 0)


def test_a_late_holder_says_so_where_the_other_left_nothing(town: Town, tag: str) -> None:
    """Where the other request gave the key back, the late one's rollback is the whole truth, and
    its caller is to send it again."""
    answer = late(town, tag, Release(token="thief"))
    assert (answer.status_code, answer.headers[OUTCOME]) == (503, "rolled_back")
    assert answer.headers["Retry-After"] == "1"
    assert town.effects(tag) == 0
    assert town.post(tag, tag).status_code == 201


def test_only_connections_it_knows_are_taken(shop_contract: Contract, tmp_path: Path) -> None:
    """Anything else is a clear `TypeError`, and so is an asynchronous connection that is not
    awaited; a connection without a transaction is a `ValueError`."""
    write = Write("k", shop_contract, "slot", "token")
    with pytest.raises(TypeError, match="object is not a connection that failwell can write"):
        write.commit(object(), 201)
    with pytest.raises(TypeError, match="AsyncSession must be awaited: use acommit"):
        write.commit(AsyncSession(), 201)
    path = tmp_path / "x.db"
    with (
        closing(sqlite3.connect(path, isolation_level=None)) as connection,
        pytest.raises(ValueError, match="no transaction is open"),
    ):
        write.commit(connection, 201)


def test_a_psycopg_connection_must_be_in_a_transaction(
    shop_contract: Contract, postgres_url: str
) -> None:
    """In autocommit mode each statement is a transaction of its own: that is told, not done."""
    write = Write("k", shop_contract, "slot", "token")
    with (
        psycopg.connect(postgres_url, autocommit=True) as connection,
        pytest.raises(ValueError, match="no transaction is open"),
    ):
        write.commit(connection, 201)

    async def commit() -> None:
        connect = psycopg.AsyncConnection.connect
        async with await connect(postgres_url, autocommit=True) as connection:
            with pytest.raises(TypeError, match="AsyncConnection must be awaited"):
                write.commit(connection, 201)
            with pytest.raises(ValueError, match="no transaction is open"):
                await write.acommit(connection, 201)

    asyncio.run(commit())


# --- Crashes -------------------------------------------------------------------------------------

CRASHING = """
import asyncio, os, signal, sqlite3, sys
from contextlib import closing
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from failwell.contract import Code, Contract, Idempotency
from failwell.dialects.nested import Nested
from failwell.sandbox.wire import Server
from failwell.server import context
from failwell.server.asgi import idempotent, wrap

path, dies = sys.argv[1:]
codes = tuple(Code(code=str(n), status=n) for n in (400, 409, 500, 503))
contract = Contract(
    name="shop",
    dialect=Nested(),
    codes=codes,
    idempotency=Idempotency.classic("409", missing=("400", 400)),
)

def die(here):
    if dies == here:
        os.kill(os.getpid(), signal.SIGKILL)

async def serve(request):
    die("before the transaction")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO effects (tag) VALUES ('t')")
        die("before the answer")
        context.idempotency().commit(connection, 201, {"made": 1})
        die("before the commit")
    die("after the commit")
    return JSONResponse({"made": 1}, 201)

once = idempotent(
    contract, "sqlite:///" + path, caller=lambda _: "a", lease=0.5, wait=5.0, transactional=True
)
app = wrap(once(Starlette(routes=[Route("/", serve, methods=["POST"])])), contract)
asyncio.run(Server(app).serve(lambda url: print(url, flush=True)))
"""


def write_to_one_that(dies: str, path: Path) -> httpx2.Response | None:
    """The answer of a server that dies there; None where it took the answer with it."""
    server = subprocess.Popen(
        [sys.executable, "-c", CRASHING, str(path), dies], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    try:
        url = server.stdout.readline().strip()
        fields = {"Idempotency-Key": "k"}
        return httpx2.post(url, json={}, headers=fields, trust_env=False, timeout=20)
    except httpx2.TransportError:
        assert server.wait(10) == -signal.SIGKILL
        return None
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


@pytest.mark.parametrize(
    ("dies", "is_replayed"),
    [
        ("before the transaction", False),
        ("before the answer", False),
        ("before the commit", False),
        ("after the commit", True),
    ],
)
def test_after_a_kill_the_commit_tells_what_is_true(
    tmp_path: Path, dies: str, is_replayed: bool
) -> None:
    """`kill -9` before the commit: nothing is left, and after the lease the same key runs. After
    it: the committed answer. There is one effect either way."""
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE effects (tag TEXT)")
    assert write_to_one_that(dies, path) is None
    db = f"sqlite:///{path}"
    assert count(db, "t") == int(is_replayed)
    again = write_to_one_that("never", path)
    assert again is not None
    assert (again.status_code, again.content) == (201, b'{"made":1}')
    assert (REPLAYED in again.headers) is is_replayed
    assert count(db, "t") == 1
