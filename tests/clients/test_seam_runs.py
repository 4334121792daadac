"""`Transport(run=…, store=…)` and `Adapter(run=…, store=…)`: a script over somebody else's library
that is begun again buys nothing twice."""

from __future__ import annotations

import gzip
import json
import pickle
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import requests

import failwell
from clients.fault_server import Act, Server, error, refusal
from clients.lookups import TAGGED, by_tag
from clients.scripts import KINDS, account, process
from clients.world import API
from failwell import Idempotency, Outcome
from failwell.clients.httpx import Transport
from failwell.clients.requests import Adapter
from failwell.stores.sqlite import SQLiteStore

LOST = Act("reset")
UNSENT = Act("reset", commit=False)
REFUSED = refusal(401, "no_auth")
UNKEYED = msgspec.structs.replace(API, idempotency=Idempotency(header=None))


@pytest.fixture
def store(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/run.db"


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Script:
    """A script, run again and again over one store and one server."""

    def __init__(self, kind: str, server: Server, store: Any, **settings: Any) -> None:
        self._kind, self._url = kind, server.url
        self._settings = {"store": store, "run": "night", **settings}

    def run(self, *bodies: Any) -> list[Any]:
        """One process: it posts these bodies one after another; the answers, or the errors."""
        with process(self._kind, self._url, **self._settings) as one:
            return [one.post(body) for body in bodies]

    def send(self, *args: Any, **how: Any) -> Any:
        """One process that sends this, and nothing else."""
        with process(self._kind, self._url, **self._settings) as one:
            return one.send(*args, **how)


def test_a_finished_write_is_not_sent_again(kind: str, store: str) -> None:
    """The second time the answer is the one that was kept, and its account says so."""
    with Server() as server:
        script = Script(kind, server, store)
        (first,), (again,) = script.run({"name": "a"}), script.run({"name": "a"})
        assert len(server.requests) == 1
    assert first.json() == again.json() == {"id": "rec_1"}
    assert first.status_code == again.status_code == 201
    assert again.headers["content-type"] == "application/json"
    assert [account(answer).how for answer in (first, again)] == ["answered", "replayed"]


def test_reads_are_asked_anew(kind: str, store: str) -> None:
    """A run keeps writes, and nothing else."""
    with Server() as server:
        script = Script(kind, server, store)
        assert script.send("GET", "/records").json() == {"read": True}
        assert script.send("GET", "/records").json() == {"read": True}
        assert len(server.requests) == 2


def test_a_begun_write_goes_on_under_its_key(kind: str, store: str) -> None:
    """Its answer was lost, the process ended: the next one sends the same key, once done."""
    with Server([LOST], honours_keys=True) as server:
        script = Script(kind, server, store)
        (lost,) = script.run({"name": "a"})
        assert lost.outcome is Outcome.UNKNOWN
        found, third = script.run({"name": "a"}, {"name": "b"})
        assert server.keys[0] == server.keys[1] != server.keys[2]
        assert server.done == 2
    assert (found.json(), third.json()) == ({"id": "rec_1"}, {"id": "rec_2"})


def test_the_callers_own_key_is_the_one_that_is_kept(kind: str, store: str) -> None:
    """It goes with each attempt; begun again, the write is not sent."""
    policy = failwell.Policy(retry=failwell.Retry(base=0.0, fast_base=0.0), breaker=None)
    how = {"json": {"name": "a"}, "headers": {"Idempotency-Key": "order-1"}}
    with Server([LOST, LOST], honours_keys=True) as server:
        script = Script(kind, server, store, policy=policy)
        script.send("POST", "/records", **how)
        script.send("POST", "/records", **how)
        assert (server.keys, server.done) == (["order-1"] * 3, 1)


def test_a_record_is_found_by_the_tag_that_was_written_down(kind: str, store: str) -> None:
    """At an API without keys; under the status that the library above waits for, also later."""
    with Server([LOST, refusal(404, "missing"), TAGGED]) as server:
        script = Script(kind, server, store, contract=by_tag())
        (lost,), (found,), (again,) = (script.run({"name": "a"}) for _ in range(3))
        assert [seen.method for seen in server.requests] == ["POST", "GET", "GET"]
        word = json.loads(server.requests[0].body)["tag"]
        assert {seen.path for seen in server.requests[1:]} == {f"/records?tag={word}"}
    assert lost.outcome is Outcome.UNKNOWN
    assert [account(answer).how for answer in (found, again)] == ["found", "replayed"]
    assert found.status_code == again.status_code == 201
    assert found.json() == again.json()


def test_what_nobody_can_ask_after_stops_the_script(kind: str, store: str) -> None:
    """Without keys and look-up a lost write stays unknown: it is raised as a lost answer of the
    library's own, and not sent again."""
    with Server([LOST]) as server:
        script = Script(kind, server, store, contract=UNKEYED)
        script.run({"name": "a"})
        (lost,) = script.run({"name": "a"})
        assert len(server.requests) == 1
    assert lost.outcome is Outcome.UNKNOWN
    assert "in the run 'night'" in str(lost)
    wanted = requests.ConnectionError if kind == "requests" else httpx.ReadError
    assert isinstance(lost, wanted)


def test_equal_writes_are_told_apart_by_their_order(kind: str, store: str) -> None:
    """Three times the same body are three purchases, in every run of the script."""
    with Server() as server:
        script = Script(kind, server, store)
        first, again = script.run(*[{"shots": 1}] * 3), script.run(*[{"shots": 1}] * 4)
        assert server.done == 4
    assert [answer.json()["id"] for answer in first] == ["rec_1", "rec_2", "rec_3"]
    assert [answer.json()["id"] for answer in again] == ["rec_1", "rec_2", "rec_3", "rec_4"]


def test_what_is_refused_and_repeated_above_is_one_write(kind: str, store: str) -> None:
    """An SDK that renews its token repeats the call above the seam; begun again with a token that
    is good at once, it buys nothing more."""
    with Server([REFUSED]) as server:
        script = Script(kind, server, store)
        refused, made = script.run({"name": "a"}, {"name": "a"})
        (again,) = script.run({"name": "a"})
        assert (server.done, len(server.requests)) == (1, 2)
    assert refused.status_code == 401
    assert made.json() == again.json() == {"id": "rec_1"}


def test_a_name_tells_a_write(kind: str, store: str) -> None:
    """`failwell.options(name=…)` around whatever makes the call, in any order."""
    with Server() as server:
        for names in (["left", "right"], ["right", "left"]):
            with process(kind, server.url, store=store, run="night") as one:
                for name in names:
                    with failwell.options(name=name):
                        assert one.post({"shots": 1}).status_code == 201
        with (
            process(kind, server.url, store=store, run="night") as one,
            failwell.options(name="left"),
        ):
            other = one.post({"shots": 2})
        assert server.done == 2
    assert isinstance(other, failwell.RunError)
    family = requests.RequestException if kind == "requests" else httpx.TransportError
    assert isinstance(other, family)
    assert other.outcome is Outcome.NOT_STARTED


def test_what_only_asks_is_asked_anew(kind: str, store: str) -> None:
    """A write that the contract calls repeatable, such as a log-in, is not given an old answer;
    with a name it is."""
    contract = msgspec.structs.replace(API, repeatable=lambda method, url: url.endswith("/login"))
    with Server() as server:
        script = Script(kind, server, store, contract=contract)
        for _ in range(2):
            assert script.send("POST", "/login", json={}).status_code == 201
        assert len(server.requests) == 2
        for _ in range(2):
            with failwell.options(name="log in"):
                script.send("POST", "/login", json={})
        assert len(server.requests) == 3


def test_forms_and_files_are_told_apart(kind: str, store: str) -> None:
    """Whatever boundary their parts have, and though a library sends them as a stream."""

    def form(content: bytes) -> dict[str, Any]:
        return {"data": {"part": "left"}, "files": {"blob": ("a.txt", content, "text/plain")}}

    with Server() as server:
        script = Script(kind, server, store)
        ids = [
            script.send("POST", "/upload", **form(content)).json()["id"]
            for content in (b"one", b"two", b"one")
        ]
        sent = [seen.body for seen in server.requests]
    assert ids == ["rec_1", "rec_2", "rec_1"]
    assert [b"one" in sent[0], b"two" in sent[1], len(sent)] == [True, True, 2]


def test_a_packed_body_is_told_by_what_is_in_it(kind: str, store: str) -> None:
    """gzip writes the time of day into what it packs."""
    fields = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    bodies = [gzip.compress(b'{"name": "a"}', mtime=at) for at in (1, 2)]
    assert bodies[0] != bodies[1]
    with Server() as server:
        script = Script(kind, server, store)
        for body in (*bodies, b"no gzip"):
            content = {"data" if kind == "requests" else "content": body}
            script.send("POST", "/records", headers=fields, **content)
        assert [seen.body for seen in server.requests] == [bodies[0], b"no gzip"]


def test_a_stream_needs_a_name(kind: str, store: str) -> None:
    """Nobody can tell one from another; named it is sent, and not again."""

    def send(script: Script) -> Any:
        parts: Any = iter([b"a", b"b"])
        if kind == "httpx-async":
            parts = _slowly(parts)
        content = {"data" if kind == "requests" else "content": parts}
        return script.send("POST", "/records", **content)

    with Server() as server:
        script = Script(kind, server, store)
        refused = send(script)
        assert isinstance(refused, failwell.InvalidRequestError)
        assert "a name" in str(refused)
        for _ in range(2):
            with failwell.options(name="the stream"):
                assert send(script).status_code == 201
        assert [seen.body for seen in server.requests] == [b"ab"]


async def _slowly(parts: Any) -> Any:
    for part in parts:
        yield part


def test_a_refusal_is_returned_and_forgotten(kind: str, store: str) -> None:
    """The SDK reads it as ever; begun again, the write goes under a new key."""
    invalid = Act(status=422, body=error(422, "invalid"), commit=False)
    with Server([invalid], honours_keys=True) as server:
        script = Script(kind, server, store)
        (refused,), (made,) = script.run({"name": "a"}), script.run({"name": "a"})
        assert len(set(server.keys)) == 2
    assert (refused.status_code, made.status_code) == (422, 201)
    assert account(refused).outcome is Outcome.NOT_STARTED


def test_a_run_without_its_store_sends_nothing(kind: str, tmp_path: Path) -> None:
    """It could not keep its promise, and says so in both families."""
    with Server() as server:
        script = Script(kind, server, f"sqlite:///{tmp_path}/no/such/folder/run.db")
        (refused,) = script.run({"name": "a"})
        assert server.requests == []
    assert isinstance(refused, failwell.RunError)
    assert "Nothing was sent" in str(refused)


def test_a_run_ends_when_it_is_told_to(kind: str, store: str) -> None:
    """By its transport or from anywhere; from then on its name stands for other writes."""
    with Server() as server, process(kind, server.url, store=store, run="night") as one:
        one.post({"name": "a"})
        ended = one.end_run()
        assert (ended.name, ended.writes) == ("night", 1)
        assert isinstance(one.post({"name": "a"}), failwell.RunError)
        with process(kind, server.url, store=store, run="night") as anew:
            anew.post({"name": "a"})
        assert server.done == 2
    ended = failwell.end_run("night", store=store)
    assert ended is not None
    assert ended.writes == 1
    assert failwell.end_run("night", store=store) is None


def test_a_run_with_a_lost_write_ends_by_force(kind: str, store: str) -> None:
    """Not while nobody knows what became of one."""
    with Server([LOST]) as server:
        Script(kind, server, store, contract=UNKEYED).run({"name": "a"})
    with pytest.raises(failwell.RunError, match="POST"):
        failwell.end_run("night", store=store)
    ended = failwell.end_run("night", store=store, force=True)
    assert ended is not None
    assert len(ended.unfinished) == 1


def test_a_store_that_was_given_is_left_open(tmp_path: Path) -> None:
    """It belongs to whoever made it, and whoever ends a run says where it is."""
    given = SQLiteStore(str(tmp_path / "run.db"))
    with Server() as server, process("httpx", server.url, store=given, run="night") as one:
        one.post({"name": "a"})
    ended = failwell.end_run("night", store=given)
    assert ended is not None
    assert failwell.end_run("night", store=given) is None
    given.close()


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 201, 5])
def test_a_bad_name_is_refused_at_once(kind: str, store: str, name: Any) -> None:
    """And so is a run without a store."""
    with pytest.raises(ValueError, match="run="):
        KINDS[kind]("http://127.0.0.1:1", store=store, run=name)
    with pytest.raises(ValueError, match="no store"):
        KINDS[kind]("http://127.0.0.1:1", store=None, run="night")


def test_a_run_is_not_copied(store: str) -> None:
    """A copy of a session would count its writes from the first one again, and get old answers."""
    session = requests.Session()
    adapter = Adapter(store=store, run="night")
    session.mount("https://", adapter)
    with pytest.raises(TypeError, match="'night'"):
        pickle.dumps(session)
    adapter.close()


def test_two_transports_of_one_script_share_a_book(store: str) -> None:
    """Their writes are counted together: none is given the other's answer."""
    with Server() as server:
        first = Transport(contract=API, store=store, run="night")
        second = Transport(contract=API, store=store, run=first.seam.book)
        mounts = {"http://": second}
        with httpx.Client(transport=first) as one, httpx.Client(mounts=mounts) as two:
            ids = [c.post(server.url + "/a", json={}).json()["id"] for c in (one, two)]
    assert ids == ["rec_1", "rec_2"]


def test_a_caller_who_repeats_a_lost_write_does_so_under_its_key(store: str) -> None:
    """The very request that was lost carries the key which its run has written down, also one that
    a run before this one has."""
    with Server([LOST, LOST], honours_keys=True) as server:
        Script("httpx", server, store).run({"name": "a"})
        with process("httpx", server.url, store=store, run="night") as one:
            asked = one.client.build_request("POST", server.url + "/records", json={"name": "a"})
            with pytest.raises(httpx.ReadError):
                one.client.send(asked)
            made = one.client.send(asked)
        assert len(set(server.keys)) == 1
        assert (made.json(), server.done) == ({"id": "rec_1"}, 1)
