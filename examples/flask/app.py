"""A bakery with one contract, on Flask.

    pip install "failwell[flask]"
    python examples/flask/app.py

Then, in another terminal (the second one twice: the same key, one cake):

    curl -i localhost:8000/cakes/nowhere
    curl -i localhost:8000/cakes -H "Idempotency-Key: k1" --json '{"size": 2}'
    curl -i localhost:8000/cakes -H "Idempotency-Key: k2" --json '{"size": 99}'
    failwell trace --since 1h --store sqlite:///bakery.db
"""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing

from flask import Flask, request

from failwell.contract import Code, Contract, Idempotency, RequestIds
from failwell.dialects.problem import Problem
from failwell.model import Outcome
from failwell.server import context
from failwell.server.flask import idempotent_route, install

NOTHING = Outcome.NOT_STARTED

BAKERY = Contract(
    name="bakery",
    dialect=Problem(),
    codes=(
        Code(code="bad_request", status=400, proves=NOTHING, means="The request is malformed"),
        Code(code="who", status=401, proves=NOTHING, means="Say who you are"),
        Code(code="not_found", status=404, proves=NOTHING, means="There is no such cake"),
        Code(code="conflict", status=409, means="This key cannot be used for that"),
        Code(code="too_big", status=422, proves=NOTHING, means="The oven takes 10 at most"),
        Code(code="oven", status=500, means="The oven is on fire"),
        Code(code="closed", status=503, means="The bakery is closed for now"),
    ),
    idempotency=Idempotency(keys="required"),
    request_ids=RequestIds(accepts=True),
)
DATABASE = sys.argv[1] if len(sys.argv) > 1 else "bakery.db"

app = Flask(__name__)
install(
    app,
    BAKERY,
    store=f"sqlite:///{DATABASE}",
    caller=lambda request: request.headers.get("X-Customer", "anybody"),
    journal=f"sqlite:///{DATABASE}",
    transactional=True,
)


@app.get("/cakes/<int:number>")
def cake(number: int) -> dict[str, int]:
    """A cake that was baked, or the contract's 404."""
    with closing(sqlite3.connect(DATABASE)) as connection:
        found = connection.execute("SELECT size FROM cakes WHERE id = ?", [number]).fetchone()
    if found is None:
        raise BAKERY.fail("not_found")
    return {"id": number, "size": found[0]}


@app.post("/cakes")
@idempotent_route
def bake() -> tuple[dict[str, int], int]:
    """One cake for each key: the cake and the answer are written in one transaction, so that
    `kill -9` at any instant leaves both or none."""
    size = request.get_json()["size"]
    if size > 10:
        raise BAKERY.fail("too_big")
    with closing(sqlite3.connect(DATABASE)) as connection, connection:
        made = connection.execute("INSERT INTO cakes (size) VALUES (?)", [size])
        answer = {"id": int(made.lastrowid or 0), "size": size}
        context.idempotency().commit(connection, 201, answer)
    if size == 7:
        raise RuntimeError("the oven caught fire after the cake was made")
    return answer, 201


if __name__ == "__main__":
    with closing(sqlite3.connect(DATABASE)) as connection:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS cakes (id INTEGER PRIMARY KEY, size INTEGER)"
        )
    app.run(port=int(sys.argv[2]) if len(sys.argv) > 2 else 8000)
