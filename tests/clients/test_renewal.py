"""A token that is over is renewed once for all, and the call goes on where that is safe."""

from __future__ import annotations

import json
import logging
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import httpx2
import msgspec
import pytest

import failwell
from clients.desk import REFRESH, SPENT, AsyncDeskAuth, Desk, DeskAuth
from clients.fault_server import PAGE, Act, Seen, Server, refusal
from clients.test_secrets import exposed, leaks
from clients.world import API, Face, World
from failwell.stores.memory import MemoryStore
from failwell.stores.sqlite import SQLiteStore

TESTS = Path(__file__).parents[1]


@pytest.fixture(params=["sync", "async", "threaded", "trio"])
def kind(request: pytest.FixtureRequest) -> str:
    """Both worlds, a sync `refresh` in the async one, and trio."""
    return str(request.param)


def world_of(kind: str) -> World:
    return World("async" if kind == "threaded" else kind)


def auth_of(kind: str, server: Server, *args: Any, **more: Any) -> DeskAuth:
    cls = DeskAuth if kind in ("sync", "threaded") else AsyncDeskAuth
    return cls(server.url, *(args or (SPENT,)), **more)


def post(client: Face) -> Any:
    return client.post("/records", json={"a": 1})


async def refused(client: Face) -> failwell.FailwellError:
    with pytest.raises(failwell.FailwellError) as caught:
        await post(client)
    return caught.value


def test_the_call_goes_on_with_a_fresh_token(kind: str) -> None:
    """One refresh, one more attempt, which is told like any other, and one effect."""
    desk = Desk()
    with desk.server() as server:
        auth = auth_of(kind, server)

        async def scenario(client: Face) -> Any:
            first = await post(client)
            return first, await post(client), client.sleeps

        first, second, sleeps = world_of(kind).run(scenario, base_url=server.url, auth=auth)
        assert (first.status_code, second.status_code) == (201, 201)
        (attempt,) = first.extensions["failwell_attempts"]
        assert (attempt.number, attempt.status, attempt.wait) == (1, 401, 0.0)
        assert "failwell_attempts" not in second.extensions
        assert (desk.refreshes, server.done, sleeps) == (1, 2, [0.0])
        assert auth.token is not None
        assert auth.token.value == desk.valid
        keys = [seen.key for seen in server.requests if seen.path == "/records"]
        assert keys[0] == keys[1] != keys[2]


def test_once_for_eight_threads() -> None:
    """Eight threads are refused at the same time: one refresh, eight results."""
    desk = Desk(crowd=8)
    with desk.server() as server, client_of("sync", server) as client:
        found = in_threads(8, lambda: client.post("/records", json={}).status_code)
        assert (found, desk.refreshes, server.done) == ([201] * 8, 1, 8)


@pytest.mark.parametrize("kind", ["async", "threaded", "trio"])
def test_once_for_fifty_tasks(kind: str) -> None:
    """Fifty tasks are refused at the same time: one refresh, fifty results, no budget spent."""
    desk = Desk(crowd=50)
    with desk.server() as server:
        found: list[int] = []

        async def scenario(client: Face) -> None:
            async def one() -> None:
                found.append((await post(client)).status_code)

            async with anyio.create_task_group() as group:
                for _ in range(50):
                    group.start_soon(one)

        world_of(kind).run(
            scenario, base_url=server.url, auth=auth_of(kind, server), really_sleeps=True
        )
        assert (found, desk.refreshes, server.done) == ([201] * 50, 1, 50)


PROCESS = """
import sys
sys.path.insert(0, {tests!r})
import failwell
from clients.desk import SPENT, DeskAuth
from clients.world import API
auth = DeskAuth({url!r}, SPENT, share="adam")
client = failwell.Client(
    base_url={url!r}, auth=auth, contract=API, store={store!r}, trust_env=False
)
with client:
    print(client.post("/records", json={{}}).status_code, len(auth.token.value))
"""


def in_processes(number: int, server: Server, store: str) -> list[str]:
    """What each of so many processes prints, all of them begun together."""
    script = PROCESS.format(tests=str(TESTS), url=server.url, store=store)
    running = [
        subprocess.Popen([sys.executable, "-c", script], stdout=-1, stderr=-1, text=True)
        for _ in range(number)
    ]
    said = [process.communicate(timeout=60) for process in running]
    assert [errors for _, errors in said] == [""] * number
    return [out.strip() for out, _ in said]


def test_once_for_four_processes_by_sqlite(tmp_path: Path) -> None:
    """Four processes that share a file are refused at the same time: one refresh."""
    desk = Desk(crowd=4)
    desk.pause = 0.3
    with desk.server() as server:
        found = in_processes(4, server, f"sqlite:///{tmp_path}/run.db")
    assert (found, desk.refreshes) == (["201 17"] * 4, 1)


def test_once_for_four_processes_by_valkey(valkey_url: str) -> None:
    """Four processes that share a Valkey server are refused at the same time: one refresh."""
    desk = Desk(crowd=4)
    desk.pause = 0.3
    with desk.server() as server:
        found = in_processes(4, server, valkey_url)
    assert (found, desk.refreshes) == (["201 17"] * 4, 1)


def test_a_refresh_token_that_serves_once_is_handed_on(tmp_path: Path) -> None:
    """Who comes later finds the token of the others in the store, and goes on from there: each
    refresh uses the refresh token that the last one brought."""
    desk = Desk()
    store = f"sqlite:///{tmp_path}/run.db"
    with desk.server() as server:
        for _ in range(3):
            with client_of("sync", server, share="adam", store=store) as client:
                assert client.post("/records", json={}).status_code == 201
            desk.valid = ""
            threading.Event().wait(1.01)
        assert desk.asked == [REFRESH, "ref-next-secret-1", "ref-next-secret-2"]


def test_a_token_is_only_shared_where_that_is_asked_for(tmp_path: Path) -> None:
    """Without `share` a store never sees a token; another account, class or origin has its own."""
    path = tmp_path / "run.db"
    desk = Desk()
    with desk.server() as server:
        with client_of("sync", server, store=f"sqlite:///{path}") as client:
            client.post("/records", json={})
        kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
        assert b"acc-" not in kept
        with client_of("sync", server, share="eve", store=f"sqlite:///{path}") as client:
            desk.refresh = REFRESH
            client.post("/records", json={})
        kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
        assert b"acc-" in kept
        with client_of("sync", server, share="bob", store=f"sqlite:///{path}") as client:
            assert client.auth.token.value == SPENT


def test_the_async_client_shares_too(tmp_path: Path) -> None:
    """What a sync client has put into the store, an async one takes out of it."""
    desk = Desk()
    store = f"sqlite:///{tmp_path}/run.db"
    with desk.server() as server:
        with client_of("sync", server, share="adam", store=store) as client:
            client.post("/records", json={})
        auth = DeskAuth(server.url, SPENT, share="adam")
        answer = World("async").run(post, base_url=server.url, auth=auth, store=store)
        assert (answer.status_code, desk.refreshes) == (201, 1)


@pytest.mark.parametrize(
    ("answer", "said", "passes"),
    [
        (Act(status=200, body=PAGE, content_type="text/html", commit=False), "JSONDecode", False),
        (refusal(500, "internal"), "HTTPStatusError (status 500)", True),
        (Act("hang", commit=False), "ReadTimeout", True),
        (Act("reset", commit=False), "Error", True),
        (Act(status=200, body=b'{"access_token": 5}', commit=False), "Error", False),
    ],
    ids=["page", "500", "hang", "reset", "number"],
)
@pytest.mark.parametrize("kind", ["sync", "async", "threaded"])
def test_a_failed_refresh_surfaces_the_original_401(
    kind: str, answer: Act, said: str, passes: bool
) -> None:
    """The API's own error is raised, at once; why there is no token stands behind it, and whether
    that may pass."""
    desk = Desk(lambda number: answer)
    with desk.server() as server:
        auth = auth_of(kind, server, seconds=0.3)
        error = world_of(kind).run(refused, base_url=server.url, auth=auth)
    assert isinstance(error, failwell.AuthenticationError)
    assert (error.code, error.status_code, len(error.attempts)) == ("no_auth", 401, 1)
    assert error.outcome is failwell.Outcome.NOT_STARTED
    assert isinstance(error.__cause__, failwell.RefreshError)
    assert said in str(error.__cause__)
    assert error.__cause__.transient is passes
    assert ("may still be good" in error.advice) is passes
    assert server.done == 0


@pytest.mark.parametrize("value", [None, 7, "", "two words", "<html>\n", b"bytes"])
def test_what_cannot_be_a_token_is_none(kind: str, value: Any) -> None:
    """`refresh` returned rubbish: that is a failed refresh, and the rubbish is not quoted."""

    class Rubbish(failwell.TokenAuth):
        def refresh(self, spent: failwell.Token | None) -> Any:
            return value

    with Desk().server() as server:
        error = world_of(kind).run(refused, base_url=server.url, auth=Rubbish(SPENT))
    assert "refresh() returned what cannot be a token" in str(error.__cause__)
    assert not value or str(value) not in str(error.__cause__).replace("16384", "")


def test_a_failure_is_shared_and_not_repeated_at_once() -> None:
    """Eight threads wait for a refresh that fails: one request, the same failure for all, and the
    next call does not ask again before a second is over."""
    desk = Desk(lambda number: refusal(503, "unavailable"), crowd=8)
    hand = [0.0]
    with desk.server() as server:
        auth = DeskAuth(server.url)
        auth.memory = MemoryStore(lambda: hand[0])
        auth.put(failwell.Token(SPENT, got_at=1.0))
        client = World("sync").client(base_url=server.url, auth=auth)

        def one() -> str:
            with pytest.raises(failwell.AuthenticationError) as caught:
                client.post("/records", json={})
            return str(caught.value.__cause__)

        assert len(set(in_threads(8, one))) == 1
        one()
        assert desk.refreshes == 1
        hand[0] += 1.1
        one()
        assert desk.refreshes == 2
        hand[0] += 1.1
        one()
        assert desk.refreshes == 2
        client.close()


def test_a_fresh_token_that_is_refused_ends_the_call(kind: str) -> None:
    """The refresh went well and the API refuses all the same: raised at once, no loop, and the
    next call does not fetch a third token in the same second."""
    desk = Desk()
    with Server([lambda seen: desk(seen) if seen.path == "/token" else NO] * 20) as server:

        async def twice(client: Face) -> list[failwell.FailwellError]:
            return [await refused(client), await refused(client)]

        first, second = world_of(kind).run(twice, base_url=server.url, auth=auth_of(kind, server))
    assert [attempt.status for attempt in first.attempts] == [401, 401]
    assert [attempt.status for attempt in second.attempts] == [401]
    assert "a moment ago" in str(second.__cause__)
    assert desk.refreshes == 1


NO = refusal(401, "no_auth")
STRICT = msgspec.structs.replace(API, renew_on=frozenset({"expired"}))


def test_only_the_codes_that_the_contract_names(world: World) -> None:
    """A 401 of another code, such as a revoked token's, is no reason to ask for a fresh one."""
    desk = Desk()
    with desk.server() as server:
        auth = DeskAuth(server.url, SPENT)
        error = world.run(refused, base_url=server.url, auth=auth, contract=STRICT)
    assert (error.code, error.__cause__, desk.refreshes) == ("no_auth", None, 0)


def test_a_write_that_may_have_taken_effect_is_not_sent_again(world: World) -> None:
    """A 401 that is not the API's own word proves nothing: the write is sent once."""
    page = Act(status=401, body=PAGE, content_type="text/html")
    with Server([page]) as server:
        keyless = msgspec.structs.replace(API, idempotency=failwell.Idempotency())
        auth = DeskAuth(server.url, SPENT)
        error = world.run(refused, base_url=server.url, auth=auth, contract=keyless)
    assert (error.outcome, len(server.requests)) == (failwell.Outcome.UNKNOWN, 1)


def test_a_body_that_cannot_be_sent_again_is_not(world: World) -> None:
    """A generator was read: there is no second attempt, and no refresh for nothing."""
    desk = Desk()
    with desk.server() as server:

        async def scenario(client: Face) -> failwell.FailwellError:
            from clients.world import body_for

            with pytest.raises(failwell.AuthenticationError) as caught:
                await client.post("/records", content=body_for(world, [b"a", b"b"]))
            return caught.value

        error = world.run(scenario, base_url=server.url, auth=DeskAuth(server.url, SPENT))
    assert (len(error.attempts), desk.refreshes) == (1, 0)


@pytest.mark.parametrize("token", [None, failwell.Token("acc-old-1", 1.0)], ids=["none", "over"])
def test_a_token_is_fetched_before_the_first_request(
    kind: str, token: failwell.Token | None
) -> None:
    """Where there is none, or its time is over, nothing is sent with it first."""
    desk = Desk()
    with desk.server() as server:
        auth = auth_of(kind, server, token)
        answer = world_of(kind).run(post, base_url=server.url, auth=auth)
        assert answer.status_code == 201
        assert "failwell_attempts" not in answer.extensions
        assert [seen.path for seen in server.requests] == ["/token", "/records"]


def test_without_any_token_nothing_is_sent(kind: str) -> None:
    """There is none and none can be had: an authentication error, nothing sent, and no sign of
    illness for the breaker."""
    desk = Desk(lambda number: refusal(500, "internal"))
    with desk.server() as server:

        async def often(client: Face) -> list[failwell.FailwellError]:
            return [await refused(client) for _ in range(8)]

        errors = world_of(kind).run(often, base_url=server.url, auth=auth_of(kind, server, None))
        assert [type(error) for error in errors] == [failwell.AuthenticationError] * 8
        assert [error.outcome for error in errors] == [failwell.Outcome.NOT_STARTED] * 8
        assert "Nothing was sent" in str(errors[0])
        assert "status 500" in str(errors[0])
        assert [seen.path for seen in server.requests] == ["/token"]


def test_a_token_that_is_nearly_over_still_serves(kind: str) -> None:
    """A refresh ahead of time that fails is no reason to fail: the old token is sent."""
    desk = Desk(lambda number: refusal(500, "internal"))
    desk.valid = "acc-nearly-over-1"
    with desk.server() as server:
        nearly = failwell.Token(desk.valid, time.time() + 20)
        auth = auth_of(kind, server, nearly)
        assert world_of(kind).run(post, base_url=server.url, auth=auth).status_code == 201
        assert desk.refreshes == 1


def test_a_short_lived_token_is_not_fetched_for_each_call(kind: str) -> None:
    """A token that lasts less than the leeway serves half of its time."""
    desk = Desk()
    desk.expires_in = 20
    with desk.server() as server:

        async def thrice(client: Face) -> None:
            for _ in range(3):
                await post(client)

        auth = auth_of(kind, server, None, leeway=3600.0)
        world_of(kind).run(thrice, base_url=server.url, auth=auth)
        assert desk.refreshes == 1


@pytest.mark.parametrize("kind", ["async", "threaded", "trio"])
def test_the_deadline_ends_a_refresh(kind: str) -> None:
    """A token endpoint that hangs costs no more than the call had; the 401 is what is raised, and
    without any token it is the deadline."""
    desk = Desk(lambda number: Act("hang"))
    with desk.server() as server:
        policy = failwell.Policy(deadline=0.5)
        spent, none = (auth_of(kind, server, token, seconds=5.0) for token in (SPENT, None))
        run = world_of(kind).run
        late = run(refused, base_url=server.url, auth=spent, policy=policy)
        never = run(refused, base_url=server.url, auth=none, policy=policy)
    assert (type(late), late.status_code) == (failwell.AuthenticationError, 401)
    assert "time" in str(late.__cause__)
    assert type(never) is failwell.DeadlineExceededError
    assert never.outcome is failwell.Outcome.NOT_STARTED


def test_who_waits_for_another_keeps_to_its_own_deadline() -> None:
    """A thread whose call is nearly over does not wait for the thread that refreshes."""
    desk = Desk()
    desk.pause = 1.5
    with desk.server() as server, client_of("sync", server) as client:
        found: list[Any] = []
        patient = threading.Thread(target=lambda: found.append(client.post("/x", json={})))
        patient.start()
        for _ in range(500):
            if desk.refreshes:
                break
            threading.Event().wait(0.01)
        with pytest.raises(failwell.AuthenticationError) as caught:
            client.with_options(deadline=0.3).post("/x", json={})
        assert found == []
        patient.join(20)
    assert str(caught.value.__cause__) == "the call has no time left to wait for a fresh token"
    assert (found[0].status_code, desk.refreshes) == (201, 1)


@pytest.mark.parametrize("kind", ["async", "trio"])
def test_a_cancelled_refresh_is_taken_over(kind: str) -> None:
    """The task that refreshes is cancelled: another one refreshes, and no lease has to run out."""
    desk = Desk(lambda number: Act("hang") if number == 1 else None)
    with desk.server() as server:

        async def scenario(client: Face) -> int:
            with anyio.move_on_after(0.5):
                await post(client)
            with anyio.fail_after(5):
                return int((await post(client)).status_code)

        auth = auth_of(kind, server)
        found = world_of(kind).run(scenario, base_url=server.url, auth=auth, really_sleeps=True)
    assert (found, desk.refreshes) == (201, 2)


def test_refresh_may_use_the_client_itself(kind: str) -> None:
    """The requests inside `refresh` go with the token that there is, and do not wait for it."""
    clients: list[Any] = []

    def made(answer: Any) -> str:
        return str(answer.json()["access_token"])

    class Own(failwell.TokenAuth):
        def refresh(self, spent: failwell.Token | None) -> Any:
            return made(clients[0].post("/token", data={"refresh_token": REFRESH}))

    class AsyncOwn(failwell.TokenAuth):
        async def refresh(self, spent: failwell.Token | None) -> Any:
            return made(await clients[0].post("/token", data={"refresh_token": REFRESH}))

    desk = Desk()
    with desk.server() as server:

        async def scenario(client: Face) -> Any:
            clients.append(client.client)
            return await post(client)

        is_sync = kind == "sync"
        world = world_of(kind)
        auth = Own(SPENT) if is_sync else AsyncOwn(SPENT)
        assert world.run(scenario, base_url=server.url, auth=auth).status_code == 201


def test_each_call_may_have_an_auth_of_its_own(world: World) -> None:
    """The auth of a call takes the place of the client's, also where it is none at all."""
    desk = Desk()
    with desk.server() as server:
        auth = DeskAuth(server.url, SPENT)

        async def scenario(client: Face) -> None:
            with pytest.raises(failwell.AuthenticationError):
                await client.get("/x", auth=None)
            with pytest.raises(failwell.AuthenticationError):
                await client.get("/x", auth=("adam", "pw"))
            assert desk.refreshes == 0
            assert (await client.get("/x", auth=auth)).status_code == 200
            client.client.auth = auth
            assert (await client.get("/x")).status_code == 200

        world.run(scenario, base_url=server.url)
        assert desk.refreshes == 1
        sent = [seen.headers.get("authorization") for seen in server.requests]
        assert sent[0] is None
        assert sent[1] is not None
        assert sent[1].startswith("Basic ")


def test_bare_tokens_in_a_header_of_their_own(world: World) -> None:
    """Without a scheme the header is the token; it does not follow a redirect to another host."""

    class Bare(failwell.TokenAuth):
        def refresh(self, spent: failwell.Token | None) -> str:
            return "bare-fresh-1"

    def api(seen: Seen) -> Act:
        if seen.path == "/away":
            there = ("Location", f"{other.url}/there")
            return Act(status=307, headers=(there,), commit=False)
        return Act() if seen.headers.get("x-token") == "bare-fresh-1" else NO

    with Server([api] * 9) as server, Server() as other:
        auth = Bare("bare-old-0", header="X-Token", scheme=None)

        async def scenario(client: Face) -> None:
            assert (await client.get("/x")).status_code == 200
            assert (await client.get("/away")).status_code == 200

        world.run(scenario, base_url=server.url, auth=auth, follow_redirects=True)
        assert [seen.headers.get("x-token") for seen in other.requests] == [None]


def test_a_refusal_by_another_host_is_no_reason_to_refresh(world: World) -> None:
    """A redirect has led elsewhere, without the token: that 401 says nothing about it."""
    desk = Desk()
    with Server([NO]) as other:
        there = Act(status=307, headers=(("Location", other.url),), commit=False)
        with Server([there]) as server:

            async def scenario(client: Face) -> None:
                with pytest.raises(failwell.AuthenticationError) as caught:
                    await client.get("/x")
                assert "carried no token" in str(caught.value.__cause__)

            auth = DeskAuth(server.url, SPENT)
            world.run(scenario, base_url=server.url, auth=auth, follow_redirects=True)
    assert desk.refreshes == 0


@pytest.mark.parametrize("fails", [False, True])
def test_no_secret_is_anywhere(kind: str, fails: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the old token, the new one nor a refresh token is in what is raised, kept or
    logged, although everything fails and everything is echoed."""
    caplog.set_level(logging.DEBUG)
    echoed = json.dumps({"access_token": "acc fresh", "seen": [SPENT, REFRESH]}).encode()
    desk = Desk((lambda number: Act(status=500, body=echoed, commit=False)) if fails else None)

    def careless(seen: Seen) -> Act:
        if seen.path == "/token":
            return desk(seen)
        body = {"error": {"code": "no_auth", "message": f"I saw {seen.headers['authorization']}"}}
        return Act(status=401, body=json.dumps(body).encode(), commit=False)

    with Server([careless] * 9) as server:
        auth = auth_of(kind, server, failwell.Token(SPENT, refresh=REFRESH))
        error = world_of(kind).run(refused, base_url=server.url, auth=auth)
    secrets = {"old": SPENT, "refresh": REFRESH, "new": "acc-fresh-token-1"}
    secrets["next"] = "ref-next-secret-1"
    log = "\n".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    shown = exposed(error) | {"log": log, "auth": f"{auth!r} {auth} {auth.token!r}"}
    assert leaks(shown, secrets) == []
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(auth)


def test_settings_that_cannot_be() -> None:
    """Each is refused, by name."""
    for setting in ({"leeway": -1.0}, {"lease": 0.0}, {"share": ""}, {"leeway": float("nan")}):
        with pytest.raises(ValueError, match=f"{next(iter(setting))}="):
            DeskAuth("http://x", SPENT, **setting)
    with pytest.raises(TypeError, match=r"AsyncDeskAuth\.refresh that is not async"):
        failwell.Client(auth=AsyncDeskAuth("http://x", SPENT))


def test_a_token_may_be_put(world: World) -> None:
    """After a new log-in the new token is used from then on."""
    desk = Desk()
    desk.valid = "acc-by-hand-1"
    with desk.server() as server:
        auth = DeskAuth(server.url, SPENT)
        auth.put(desk.valid)
        assert world.run(post, base_url=server.url, auth=auth).status_code == 201
        assert desk.refreshes == 0


def test_a_store_that_is_gone_is_done_without(tmp_path: Path) -> None:
    """A shared store that cannot be used leaves the process to refresh for itself."""
    store = SQLiteStore(str(tmp_path / "run.db"))
    desk = Desk()
    with desk.server() as server, client_of("sync", server, share="adam", store=store) as client:
        store.close()
        assert client.post("/records", json={}).status_code == 201
        assert desk.refreshes == 1


def client_of(kind: str, server: Server, store: Any = None, **more: Any) -> Any:
    auth = auth_of(kind, server, SPENT, **more)
    return World(kind).client(base_url=server.url, auth=auth, store=store)


def in_threads(number: int, work: Callable[[], Any]) -> list[Any]:
    """What each of so many threads returns."""
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(work())) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return found


def test_httpx2s_own_client_sends_the_token() -> None:
    """With a plain client it is an auth like any other, which never renews by itself."""
    desk = Desk()
    with desk.server() as server, httpx2.Client(trust_env=False) as plain:
        answer = plain.get(server.url + "/x", auth=DeskAuth(server.url, SPENT))
        assert (answer.status_code, desk.refreshes) == (401, 0)
        assert server.requests[0].headers["authorization"] == f"Bearer {SPENT}"


def test_nobody_waits_while_the_old_token_still_serves() -> None:
    """A refresh ahead of time holds up one call; the others go with the token that there is."""
    begun, go_on = threading.Event(), threading.Event()

    class Slow(failwell.TokenAuth):
        def refresh(self, spent: failwell.Token | None) -> failwell.Token:
            begun.set()
            assert go_on.wait(10)
            return failwell.Token("fresh-1")

    auth = Slow(failwell.Token("nearly-over-0", time.time() + 20))
    with Server() as server, World("sync").client(base_url=server.url, auth=auth) as client:
        ahead = threading.Thread(target=client.get, args=("/ahead",))
        ahead.start()
        assert begun.wait(10)
        assert client.get("/meanwhile").status_code == 200
        go_on.set()
        ahead.join(10)
        sent = {seen.path: seen.headers["authorization"] for seen in server.requests}
        assert sent == {"/meanwhile": "Bearer nearly-over-0", "/ahead": "Bearer fresh-1"}


@pytest.mark.parametrize("token", [5, b"bytes", {"access_token": "x"}])
def test_what_is_no_token_is_refused_unquoted(token: Any) -> None:
    """Where it is set, and not in the midst of the next call; it may be a secret all the same."""
    with pytest.raises(TypeError, match=r"not a (int|bytes|dict)$"):
        DeskAuth("http://127.0.0.1", token)
    auth = DeskAuth("http://127.0.0.1")
    with pytest.raises(TypeError, match=r"not a (int|bytes|dict)$"):
        auth.put(token)
