"""GraphQL: no error says a word of its cause or of what was submitted; each has its code, the
request's id, its place, and of a mutation the outcome; statuses follow the media type.

The same schema in Strawberry and in Ariadne, over real HTTP behind `wrap`; graphql-core alone where
no server is needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ariadne
import httpx2
import pytest
import strawberry
from ariadne.asgi import GraphQL as AriadneApp
from graphql import GraphQLError, build_schema, graphql_sync
from starlette.applications import Starlette
from starlette.routing import Mount
from strawberry.asgi import GraphQL as StrawberryApp

from failwell import journal as journals
from failwell.contract import Code, Contract, RequestIds
from failwell.dialects import Nested
from failwell.model import Outcome
from failwell.sandbox.wire import running
from failwell.server import context
from failwell.server.asgi import wrap
from failwell.server.graphql import Masking, over_http
from failwell.server.graphql.http import preferred
from failwell.server.strawberry import masking

SECRET = "hunter2-swordfish"
NEW, OLD = "application/graphql-response+json", "application/json"

CONTRACT = Contract(
    name="shop",
    dialect=Nested(request_id="requestId"),
    codes=(
        Code(code="bad_request", status=400, proves=Outcome.NOT_STARTED),
        Code(code="sold_out", status=409, proves=Outcome.NOT_STARTED, means="It is sold out."),
        Code(code="invalid", status=422, proves=Outcome.NOT_STARTED),
        Code(code="busy", status=429, proves=Outcome.NOT_STARTED),
        Code(code="internal", status=500, means="The shop failed."),
    ),
    request_ids=RequestIds(accepts=True),
)

SDL = """
type Query { boom: Int  sure: Int!  meant: Int  refused: Int  fine: Int  wrong: Int }
type Mutation { boom(password: Int): Int  refused: Int  fine: Int }
"""


def boom(*_: Any, **__: Any) -> int:
    raise RuntimeError(SECRET)


def meant(*_: Any) -> int:
    raise GraphQLError("Not on Sundays", extensions={"code": "CLOSED"})


def refused(*_: Any) -> int:
    raise CONTRACT.fail("sold_out")


def wrong(*_: Any) -> Any:
    return SECRET


def fine(*_: Any) -> int:
    return 7


@strawberry.type
class Query:
    boom: int | None = strawberry.field(resolver=lambda: boom())
    sure: int = strawberry.field(resolver=lambda: boom())
    meant: int | None = strawberry.field(resolver=lambda: meant())
    refused: int | None = strawberry.field(resolver=lambda: refused())
    fine: int | None = strawberry.field(resolver=lambda: fine())
    wrong: int | None = strawberry.field(resolver=lambda: wrong())


@strawberry.type
class Mutation:
    @strawberry.mutation
    def boom(self, password: int | None = None) -> int | None:
        return boom()

    @strawberry.mutation
    def refused(self) -> int | None:
        return refused()

    @strawberry.mutation
    def fine(self) -> int | None:
        return fine()


def ariadne_schema() -> Any:
    query, mutation = ariadne.QueryType(), ariadne.MutationType()
    for name in ("boom", "meant", "refused", "fine", "wrong"):
        query.set_field(name, globals()[name])
    query.set_field("sure", boom)
    for name in ("boom", "refused", "fine"):
        mutation.set_field(name, globals()[name])
    return ariadne.make_executable_schema(SDL, query, mutation)


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder: Path = tmp_path_factory.mktemp("graphql")
    journal = journals.Journal(f"sqlite:///{folder / 'journal.db'}")
    yield journal
    journal.close()


@pytest.fixture(scope="module")
def url(journal: Any) -> Iterator[str]:
    schema = strawberry.Schema(Query, Mutation, extensions=[masking(CONTRACT, journal)])
    of_ariadne = AriadneApp(ariadne_schema(), error_formatter=Masking(CONTRACT, journal))
    routes = [
        Mount("/strawberry", over_http(StrawberryApp(schema))),
        Mount("/ariadne", over_http(of_ariadne)),
    ]
    with running(wrap(Starlette(routes=routes), CONTRACT, journal=journal)) as url:
        yield url


class Asked:
    """Asks one of the two servers."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __call__(self, query: str, accept: str = OLD, **variables: Any) -> httpx2.Response:
        asked = {"query": query, "variables": variables}
        fields = {"Accept": accept, "X-Request-Id": "mine"}
        answer = httpx2.post(self.url, json=asked, headers=fields, trust_env=False)
        assert "hunter2" not in answer.text
        assert answer.headers["x-request-id"] == "mine"
        return answer

    def error(self, query: str, **variables: Any) -> dict[str, Any]:
        """The one error of what is answered."""
        (error,) = self(query, **variables).json()["errors"]
        assert error["extensions"]["requestId"] == "mine"
        return dict(error)


@pytest.fixture(params=["strawberry", "ariadne"])
def ask(request: pytest.FixtureRequest, url: str) -> Asked:
    return Asked(f"{url}/{request.param}/")


def test_an_exception_says_nothing_of_its_cause(ask: Asked) -> None:
    """A resolver that crashes: the contract's sentence and code, and its real place."""
    assert ask.error("{ fine\n boom }") == {
        "message": "The shop failed.",
        "locations": [{"line": 2, "column": 2}],
        "path": ["boom"],
        "extensions": {"code": "internal", "requestId": "mine"},
    }
    assert ask("{ fine boom }").json()["data"] == {"fine": 7, "boom": None}


def test_a_crash_on_a_field_that_may_not_be_null(ask: Asked) -> None:
    """It takes the whole data with it, and is a 200 in both media types: it was carried out."""
    for accept in (OLD, NEW):
        answer = ask("{ sure }", accept)
        assert (answer.status_code, answer.json()["data"]) == (200, None)
        assert answer.headers["content-type"] == accept


def test_data_that_does_not_fit_its_type(ask: Asked) -> None:
    """What a resolver returned is not repeated either."""
    assert ask.error("{ wrong }")["message"] == "The shop failed."


def test_the_contracts_own_failures(ask: Asked) -> None:
    """`contract.fail` is told with its code; of a mutation, what it proves."""
    read, write = ask.error("{ refused }"), ask.error("mutation { refused }")
    assert (read["message"], read["extensions"]["code"]) == ("It is sold out.", "sold_out")
    assert "outcome" not in read["extensions"]
    assert write["extensions"]["outcome"] == "not_started"


def test_what_an_author_means_to_say(ask: Asked) -> None:
    """A `GraphQLError` that a resolver raises keeps its message and its extensions."""
    error = ask.error("{ meant }")
    assert (error["message"], error["extensions"]["code"]) == ("Not on Sundays", "CLOSED")


@pytest.mark.parametrize(
    "query",
    ["mutation { boom }", "query A { fine } mutation B { ...f } fragment f on Mutation { boom }"],
)
def test_a_mutation_that_crashes(ask: Asked, query: str) -> None:
    """Nobody knows what it did: `unknown`."""
    answer = httpx2.post(
        ask.url, json={"query": query, "operationName": "B" if "B" in query else None},
        headers={"Accept": OLD}, trust_env=False,
    )  # fmt: skip
    (error,) = answer.json()["errors"]
    assert (error["message"], error["extensions"]["outcome"]) == ("The shop failed.", "unknown")


@pytest.mark.parametrize(
    ("query", "variables", "status", "code"),
    [
        ("{ fine", {}, 400, "bad_request"),
        (f'{{ fine "{SECRET}" }}', {}, 400, "bad_request"),
        ("{ nothing }", {}, 422, "invalid"),
        (f'mutation {{ boom(password: "{SECRET}") }}', {}, 422, "invalid"),
        ("mutation($p: Int) { boom(password: $p) }", {"p": SECRET}, 422, "invalid"),
        (f"{SECRET.replace('-', '_')} {{ fine }}", {}, 400, "bad_request"),
    ],
)
def test_requests_that_are_not_carried_out(
    ask: Asked, query: str, variables: dict[str, Any], status: int, code: str
) -> None:
    """In the new media type: 400 for a document that cannot be read, 422 for one that makes no
    sense, and no `data`; in the old one always a 200. What was submitted is not repeated."""
    new, old = ask(query, NEW, **variables), ask(query, OLD, **variables)
    assert (new.status_code, old.status_code) == (status, 200)
    assert (new.headers["content-type"], old.headers["content-type"]) == (NEW, OLD)
    assert "data" not in new.json()
    assert new.headers["failwell-outcome"] == "not_started"
    assert {error["extensions"]["code"] for error in new.json()["errors"]} == {code}


def test_what_is_not_graphql_is_in_the_contracts_envelope(ask: Asked) -> None:
    """Unreadable JSON gets no GraphQL answer, in whichever media type."""
    fields = {"Content-Type": OLD, "Accept": NEW}
    answer = httpx2.post(ask.url, content=b"{", headers=fields, trust_env=False)
    assert (answer.status_code, answer.headers["content-type"]) == (400, OLD)
    assert answer.json()["error"]["code"] == "bad_request"


@pytest.mark.parametrize(
    ("accept", "media"),
    [("", OLD), ("*/*", OLD), (NEW, NEW), (f"{OLD}, {NEW}", NEW), (f"{NEW};q=0.5, {OLD}", OLD),
     (f"{NEW}; charset=utf-8", NEW), (f"{NEW};q=0", OLD), (f"{NEW};q=x", NEW)],
)  # fmt: skip
def test_the_media_type_is_the_clients_choice(accept: str, media: str) -> None:
    """The new one must be asked for, for clients of before it."""
    assert preferred(accept) == media


def test_a_crash_is_written_down(ask: Asked, journal: Any, caplog: Any) -> None:
    """Its cause is on the server's side: in the log and in the journal, by the request's id."""
    fields = {"Accept": OLD, "X-Request-Id": f"crash-{id(ask)}"}
    httpx2.post(ask.url, json={"query": "mutation { boom }"}, headers=fields, trust_env=False)
    journal.flush()
    (entry,) = journal.backend.by_request(fields["X-Request-Id"])
    assert (entry.code, entry.outcome) == ("internal", "unknown")
    assert "in boom" in entry.traceback
    assert any(fields["X-Request-Id"] in record.getMessage() for record in caplog.records)


def test_with_graphql_core_alone() -> None:
    """`Masking.result` is all that a server of one's own needs; outside a request there is no
    id."""
    schema = build_schema("type Query { boom: Int }")
    result = graphql_sync(schema, "{ boom }", root_value={"boom": boom})
    told = Masking(CONTRACT).result(result).formatted
    assert context.request_id() is None
    assert told == {
        "data": {"boom": None},
        "errors": [{"message": "The shop failed.", "path": ["boom"],
                    "locations": [{"line": 1, "column": 3}], "extensions": {"code": "internal"}}],
    }  # fmt: skip
