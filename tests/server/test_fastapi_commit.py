"""FastAPI with SQLAlchemy: an answer committed with its effects, through the author's own session
dependency, synchronous and not, on SQLite and PostgreSQL.

The handler inserts one row and commits its answer with it. What is said of the outcome is compared
with the rows that are really there.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Annotated, Any

import httpx2
import pytest
from fastapi import FastAPI, Request
from sqlalchemy import create_engine, event, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from failwell import stores
from failwell.actions import Store
from failwell.contract import Contract
from failwell.sandbox.wire import running
from failwell.server import context
from failwell.server.fastapi import idempotent_route, install, single_tenant, transaction_scope

OUTCOME = "failwell-outcome"
TABLES = (
    "CREATE TABLE commit_parents (id INTEGER PRIMARY KEY)",
    "CREATE TABLE commit_effects (tag TEXT, parent INTEGER "
    "REFERENCES commit_parents (id) DEFERRABLE INITIALLY DEFERRED)",
)
INSERT = text("INSERT INTO commit_effects (tag, parent) VALUES (:tag, :parent)")


def open_session(request: Request) -> Iterator[Session]:
    """The usual dependency: one session, one COMMIT at its end."""
    with Session(request.app.state.engine) as session, session.begin():
        yield session


async def open_async_session(request: Request) -> AsyncIterator[AsyncSession]:
    async with AsyncSession(request.app.state.async_engine) as session, session.begin():
        yield session


Sync = Annotated[Session, transaction_scope(open_session)]
Async = Annotated[AsyncSession, transaction_scope(open_async_session)]


def values(tag: str, do: str) -> dict[str, Any]:
    """A row, whose parent is missing where the COMMIT is to fail."""
    return {"tag": tag, "parent": 1 if do == "commit fails" else None}


def application(contract: Contract, store: Store, database: str) -> Any:
    """One route for each kind of session."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await app.state.async_engine.dispose()
        app.state.engine.dispose()

    app = FastAPI(lifespan=lifespan)
    app.state.engine = create_engine(database)
    app.state.async_engine = create_async_engine(database.replace("sqlite:", "sqlite+aiosqlite:"))
    if database.startswith("sqlite:"):
        for engine in (app.state.engine, app.state.async_engine.sync_engine):
            event.listen(engine, "connect", lambda c, _: c.execute("PRAGMA foreign_keys = ON"))

    @app.post("/sync", status_code=201)
    @idempotent_route(transactional=True)
    def effect(tag: str, session: Sync, do: str = "") -> dict[str, str]:
        session.execute(INSERT, values(tag, do))
        context.idempotency().commit(session, 201, {"tag": tag})
        if do == "raise":
            raise RuntimeError("hunter2")
        return {"tag": tag}

    @app.post("/async", status_code=201)
    @idempotent_route(transactional=True)
    async def async_effect(tag: str, session: Async, do: str = "") -> dict[str, str]:
        await session.execute(INSERT, values(tag, do))
        await context.idempotency().acommit(session, 201, {"tag": tag})
        if do == "raise":
            raise RuntimeError("hunter2")
        if do == "raise late":
            await session.commit()
            raise RuntimeError("hunter2")
        return {"tag": tag}

    return install(app, contract, store=store, caller=single_tenant), app


class World:
    """A running app, and its database."""

    def __init__(self, url: str, engine: Any) -> None:
        self.http = httpx2.Client(base_url=url, trust_env=False, timeout=20)
        self.engine = engine

    def post(self, kind: str, tag: str, do: str = "") -> httpx2.Response:
        fields = {"Idempotency-Key": tag}
        return self.http.post(kind, params={"tag": tag, "do": do}, headers=fields)

    def rows(self, tag: str) -> int:
        with self.engine.connect() as connection:
            found = connection.execute(
                text("SELECT count(*) FROM commit_effects WHERE tag = :t"), {"t": tag}
            )
            return int(found.scalar_one())


@pytest.fixture(scope="module")
def worlds(
    tmp_path_factory: pytest.TempPathFactory, postgres_url: str, shop_contract: Contract
) -> Iterator[Callable[[str], World]]:
    """The app on one of the two databases; the engines are closed at the end."""
    path: Path = tmp_path_factory.mktemp("commit") / "shop.db"
    urls = {"sqlite": f"sqlite:///{path}", "postgresql": postgres_url}
    opened: dict[str, World] = {}

    def world(name: str) -> World:
        if name not in opened:
            store = stack.enter_context(closing(stores.open(urls[name])))
            database = urls[name].replace("postgresql:", "postgresql+psycopg:")
            served, app = application(shop_contract, store, database)
            with app.state.engine.begin() as connection:
                for table in TABLES:
                    connection.execute(text(table))
            url = stack.enter_context(running(served))
            opened[name] = World(url, app.state.engine)
            stack.callback(opened[name].http.close)
        return opened[name]

    with ExitStack() as stack:
        yield world


@pytest.fixture(params=["sqlite", "postgresql"])
def world(request: pytest.FixtureRequest, worlds: Callable[[str], World]) -> World:
    return worlds(request.param)


@pytest.fixture
def tag() -> str:
    return uuid.uuid4().hex


KINDS = pytest.mark.parametrize("kind", ["/sync", "/async"])


@KINDS
def test_effect_and_answer_are_one(world: World, kind: str, tag: str) -> None:
    """A repeated write is a replay of the answer that was committed with the one effect."""
    first, again = world.post(kind, tag), world.post(kind, tag)
    assert (first.status_code, again.status_code, world.rows(tag)) == (201, 201, 1)
    assert first.json() == again.json() == {"tag": tag}
    assert again.headers["idempotent-replayed"] == "true"


@KINDS
def test_a_commit_that_fails_has_rolled_back(world: World, kind: str, tag: str) -> None:
    """A COMMIT that the database refuses is a 500 that proves `rolled_back`: nothing is there, and
    the same key runs again."""
    failed = world.post(kind, tag, "commit fails")
    assert (failed.status_code, failed.headers[OUTCOME]) == (500, "rolled_back")
    assert world.rows(tag) == 0
    assert world.post(kind, tag, "commit fails").headers[OUTCOME] == "rolled_back"


@KINDS
def test_a_handler_that_raises_has_rolled_back(world: World, kind: str, tag: str) -> None:
    """An exception before the COMMIT takes the answer back with its effect."""
    failed = world.post(kind, tag, "raise")
    assert (failed.status_code, failed.headers[OUTCOME]) == (500, "rolled_back")
    assert "hunter2" not in failed.text
    assert world.rows(tag) == 0


def test_an_exception_after_the_commit_changes_nothing(world: World, tag: str) -> None:
    """What is committed is the truth, whatever happens afterwards."""
    for _ in range(2):
        told = world.post("/async", tag, "raise late")
        assert (told.status_code, told.json(), world.rows(tag)) == (201, {"tag": tag}, 1)
