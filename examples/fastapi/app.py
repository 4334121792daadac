"""A bakery with one contract, on FastAPI.

    pip install "failwell[fastapi]" uvicorn
    python examples/fastapi/app.py

Then, in another terminal (the third one twice: the same key, one cake):

    curl -i localhost:8000/cakes/nowhere
    curl -i localhost:8000/cakes --json '{"size": "a secret"}'
    curl -i localhost:8000/cakes -H "Idempotency-Key: k1" --json '{"size": 2}'
    curl -i localhost:8000/cakes -H "Idempotency-Key: k2" --json '{"size": 99}'
    curl -i localhost:8000/cakes -H "Idempotency-Key: k3" --json '{"size": 7}'
    curl -i localhost:8000/fire
    failwell trace --since 1h --store sqlite:///bakery.db
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from typing import Annotated

import uvicorn
from fastapi import FastAPI, Request
from pydantic import BaseModel

from failwell.contract import Code, Contract, Idempotency, RequestIds
from failwell.dialects.problem import Problem
from failwell.model import Outcome
from failwell.server import context
from failwell.server.fastapi import idempotent_route, install, responses, transaction_scope

NOTHING = Outcome.NOT_STARTED

BAKERY = Contract(
    name="bakery",
    dialect=Problem(),
    codes=(
        Code(code="bad_request", status=400, proves=NOTHING, means="The request is malformed"),
        Code(code="not_found", status=404, proves=NOTHING, means="There is no such cake"),
        Code(code="conflict", status=409, means="This key cannot be used for that"),
        Code(code="invalid", status=422, proves=NOTHING, means="That is no cake"),
        Code(code="too_big", status=422, proves=NOTHING, means="The oven takes 10 at most"),
        Code(code="oven", status=500, means="The oven is on fire"),
        Code(code="closed", status=503, means="The bakery is closed for now"),
    ),
    idempotency=Idempotency(keys="required"),
    request_ids=RequestIds(accepts=True),
)
DATABASE = sys.argv[1] if len(sys.argv) > 1 else "bakery.db"

app = FastAPI(title="Bakery")


class Cake(BaseModel):
    """What is ordered."""

    size: int


def database() -> Iterator[sqlite3.Connection]:
    """One connection and one transaction for each request."""
    with closing(sqlite3.connect(DATABASE, check_same_thread=False)) as connection, connection:
        yield connection


Database = Annotated[sqlite3.Connection, transaction_scope(database)]


@app.get("/cakes/{number}", responses=responses(BAKERY, "not_found"))
def cake(number: int, connection: Database) -> dict[str, int]:
    """A cake that was baked, or the contract's 404."""
    found = connection.execute("SELECT size FROM cakes WHERE id = ?", [number]).fetchone()
    if found is None:
        raise BAKERY.fail("not_found")
    return {"id": number, "size": found[0]}


@app.post("/cakes", status_code=201, responses=responses(BAKERY, "too_big"))
@idempotent_route(transactional=True)
def bake(order: Cake, connection: Database) -> dict[str, int]:
    """One cake for each key: the cake and the answer are written in one transaction, so that
    `kill -9` at any instant leaves both or none."""
    if order.size > 10:
        raise BAKERY.fail("too_big")
    made = connection.execute("INSERT INTO cakes (size) VALUES (?)", [order.size])
    answer = {"id": int(made.lastrowid or 0), "size": order.size}
    context.idempotency().commit(connection, 201, answer)
    if order.size == 7:
        raise RuntimeError("the oven caught fire before the COMMIT")
    return answer


@app.get("/fire")
def fire() -> None:
    """An exception that nobody expected."""
    raise RuntimeError("the password of the oven is hunter2")


def who(request: Request) -> str:
    """Who is asking: in a real bakery, whoever has logged in."""
    return request.headers.get("X-Customer", "anybody")


served = install(
    app, BAKERY, store=f"sqlite:///{DATABASE}", caller=who, journal=f"sqlite:///{DATABASE}"
)

if __name__ == "__main__":
    with closing(sqlite3.connect(DATABASE)) as connection:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS cakes (id INTEGER PRIMARY KEY, size INTEGER)"
        )
    uvicorn.run(served, port=int(sys.argv[2]) if len(sys.argv) > 2 else 8000)
