"""Waiting for jobs over real HTTP: one scenario, both worlds."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import anyio
import msgspec
import pytest

import failwell
from clients.fault_server import PAGE, Act, Seen, Server, error, refusal
from clients.world import Face, World
from failwell import Job, Pending

JOB = Job(
    url="jobs/{id}",
    progress="progress",
    cancel=("POST", "jobs/{id}/cancel"),
    first=0.01,
    cap=0.05,
    resume="mine.wait('{id}')",
)
SECONDS = 20.0
CALM = failwell.Policy(governor=None, breaker=None)
"""For streaks whose sleeps are not slept: nobody in the client waits for time to pass."""


def at(state: str, status: int = 200, **record: Any) -> Act:
    body = json.dumps({"id": "j-1", "status": state, **record}).encode()
    return Act(status=status, body=body)


async def waited(face: Face, target: Any, job: Job = JOB, **how: Any) -> Any:
    """`failwell.wait` in the world of this client."""
    done = failwell.wait(face.client, target, job, **how)
    return await done if isinstance(face.client, failwell.AsyncClient) else done


async def ends(face: Face, pending: list[Any], **how: Any) -> list[Any]:
    """All that `as_completed` gives, in the world of this client."""
    over = failwell.as_completed(pending, **how)
    if isinstance(face.client, failwell.AsyncClient):
        return [each async for each in over]
    return list(over)


def scenario(target: Any, job: Job = JOB, **how: Any) -> Callable[[Face], Any]:
    async def run(face: Face) -> Any:
        return await waited(face, target, job, **how)

    return run


# --- Which job -----------------------------------------------------------------------------------


def test_by_its_id(world: World) -> None:
    """An id is read below the client's base URL; the record and the answer come back."""
    with Server([at("queued"), at("completed", shots=100)]) as server:
        done = world.run(scenario("j-1"), base_url=server.url + "/v1")
    assert done.record["shots"] == 100
    assert done.response.json() == done.record
    assert [seen.path for seen in server.requests] == ["/v1/jobs/j-1"] * 2


def test_by_an_id_that_is_a_number(world: World) -> None:
    """Many APIs count their jobs."""
    with Server([at("completed")]) as server:
        done = world.run(scenario(7), base_url=server.url)
    assert (done.job_id, server.requests[0].path) == ("7", "/jobs/7")


@pytest.mark.parametrize("header", ["Location", "location", "Operation-Location"])
def test_by_the_answer_that_created_it(world: World, header: str) -> None:
    """Its `Location` is where the job is read."""
    made = Act(status=202, body=b'{"id": "j-1"}', headers=((header, "/elsewhere/j-1"),))

    async def create_and_wait(face: Face) -> Any:
        return await waited(face, await face.post("/v1/jobs", json={}))

    with Server([made, at("ready")]) as server:
        done = world.run(create_and_wait, base_url=server.url)
    assert (done.job_id, server.requests[1].path) == ("j-1", "/elsewhere/j-1")


def test_by_the_answer_or_record_that_has_its_id(world: World) -> None:
    """Without a `Location`, the id in the record leads to the job."""
    made = Act(status=201, body=b'{"data": {"id": 7}}')

    async def create_and_wait(face: Face) -> None:
        response = await face.post("/jobs", json={})
        job = Job(url="jobs/{id}", record="data", first=0.01)
        await waited(face, response, job)
        await waited(face, {"id": "7"}, Job(url="jobs/{id}"))

    ready = Act(status=200, body=b'{"data": {"status": "done"}, "status": "done"}')
    with Server([made, ready, ready]) as server:
        world.run(create_and_wait, base_url=server.url)
    assert [seen.path for seen in server.requests[1:]] == ["/jobs/7", "/jobs/7"]


def test_by_its_url(world: World) -> None:
    """A URL needs no declaration at all."""
    with Server([at("running"), at("SUCCEEDED")]) as server:
        done = world.run(scenario(f"{server.url}/x/y", Job(first=0.01)))
    assert (done.job_id, done.state) == ("y", "SUCCEEDED")


@pytest.mark.parametrize(
    ("target", "how", "says"),
    [
        ({"name": "x"}, {}, "no member 'id'"),
        ({"id": None}, {}, "no member 'id'"),
        ({"id": True}, {}, "no member 'id'"),
        ("", {}, "not the id"),
        ("..", {}, "not the id"),
        ("j-1", {"timeout": -1}, "timeout=-1"),
        ("j-1", {"timeout": float("nan")}, "timeout=nan"),
        ("j-1", {"timeout": "5"}, "timeout='5'"),
        ("j-1", {"tolerate": -0.5}, "tolerate=-0.5"),
        (True, {}, "no member 'id'"),
        ("j-1", {"on_interrupt": "explode"}, "on_interrupt='explode'"),
        ("j-1", {"job": Job(url="jobs/{id}"), "on_interrupt": "cancel"}, "cannot be cancelled"),
        ("j-1", {"job": Job()}, "no url="),
    ],
)
def test_what_names_no_job_is_refused(world: World, target: Any, how: Any, says: str) -> None:
    """A bad call is refused before anything is sent, and says what is wrong."""
    with Server() as server, pytest.raises(failwell.InvalidRequestError, match=says):
        world.run(scenario(target, **how), base_url=server.url)
    assert server.requests == []


def test_a_location_elsewhere_is_refused(world: World) -> None:
    """The client's credentials are not taken to another host by an answer."""
    made = Act(status=202, headers=(("Location", "https://evil.example/jobs/1"),), body=b"{}")

    async def create_and_wait(face: Face) -> None:
        response = await face.post("/jobs")
        with pytest.raises(failwell.InvalidRequestError, match=r"evil\.example"):
            await waited(face, response)

    with Server([made]) as server:
        world.run(create_and_wait, base_url=server.url)


# --- Bad weather ---------------------------------------------------------------------------------

STORM = [
    *[refusal(504, "upstream")] * 4,
    *[refusal(429, "busy", headers=(("Retry-After", "0"),))] * 4,
    *[Act(how="reset")] * 4,
    *[Act(how="close")] * 4,
    *[Act(status=200, body=PAGE, content_type="text/html")] * 4,
    *[Act(status=502, body=PAGE, content_type="text/html")] * 4,
    *[Act(status=200, body=b'{"status": "completed", "x": "', how="cut")] * 4,
]


def test_it_lives_through_a_storm(world: World) -> None:
    """504, 429, drops, pages of HTML and cut answers, one after another, end no wait."""
    with Server([at("running"), *STORM, at("ready")]) as server:
        done = world.run(scenario("j-1"), base_url=server.url, policy=CALM)
    assert done.state == "ready"
    assert len(server.requests) == len(STORM) + 2


def test_the_clients_whole_policy_is_kept_to(world: World) -> None:
    """With breaker and governor on, a streak ends no wait either: their refusals may pass."""
    with Server([at("running"), *[refusal(504, "upstream")] * 7, at("ready")]) as server:
        done = world.run(scenario("j-1"), base_url=server.url, really_sleeps=True)
    assert done.state == "ready"
    assert len(server.requests) == 9


@pytest.mark.parametrize("contract", [failwell.GENERIC, None])
def test_a_login_page_is_not_a_job(world: World, contract: Any) -> None:
    """A page with status 200 is a failure of the look, whether or not JSON was promised."""
    page = Act(status=200, body=b"<html>Sign in</html>", content_type="text/html")
    more = {} if contract is None else {"contract": contract}
    with Server([page] * 40) as server, pytest.raises(failwell.BadResponseError):
        world.run(scenario("j-1", tolerate=0), base_url=server.url, policy=CALM, **more)


def test_dns_comes_and_goes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is not found for a while is borne, and looked up once for each connect; a socket
    also asks what an address is, which nobody is asked over the network."""
    find, asked = socket.getaddrinfo, []

    def flaky(host: Any, *args: Any, **how: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        asked.append(name)
        if len(asked) <= 8:
            raise socket.gaierror(-3, "Temporary failure in name resolution")
        return find("127.0.0.1" if name == "job.test" else host, *args, **how)

    with Server([at("ready")]) as server:
        monkeypatch.setattr(socket, "getaddrinfo", flaky)
        url = f"http://job.test:{server.port}"
        done = world.run(scenario("j-1"), base_url=url, policy=CALM)
    assert done.state == "ready"
    assert asked.count("job.test") == 9
    assert set(asked) <= {"job.test", "127.0.0.1"}


def test_patience_ends(world: World) -> None:
    """A name that is never found is raised as what it is, with how to wait again."""
    with pytest.raises(failwell.APIConnectionError) as caught:
        world.run(
            scenario("j-1", tolerate=0.3, job=JOB),
            base_url="http://127.0.0.1:9",
            really_sleeps=True,
            policy=CALM,
        )
    assert "mine.wait('j-1')" in "".join(caught.value.__notes__)


def test_a_dead_client_is_no_weather(world: World) -> None:
    """A 401 is raised at once."""
    dead = [refusal(401, "no_auth")] * 9
    with Server([at("running"), *dead]) as server, pytest.raises(failwell.AuthenticationError):
        world.run(scenario("j-1"), base_url=server.url)
    assert len(server.requests) == 2


# --- Ends ----------------------------------------------------------------------------------------


def test_failure_is_the_servers_own_word(world: World) -> None:
    """The server's traceback is the message; state, id and record are attributes."""
    trace = "Traceback (most recent call last):\n  File 'cell.py'\nValueError: negative volume"
    raises = pytest.raises(failwell.JobFailedError, match="ValueError: negative volume")
    with Server([at("running"), at("failed", error=trace)]) as server, raises as caught:
        world.run(scenario("j-1"), base_url=server.url)
    failed = caught.value
    assert (failed.job_id, failed.state, failed.record["error"]) == ("j-1", "failed", trace)


def test_time_runs_out(world: World) -> None:
    """After `timeout` seconds: the last state."""
    raises = pytest.raises(failwell.JobTimeoutError, match=r"running after 0\.2 s")
    with Server([at("running")] * 500) as server, raises as caught:
        world.run(scenario("j-1", timeout=0.2), base_url=server.url, really_sleeps=True)
    assert caught.value.state == "running"


def test_a_server_that_hangs_does_not_hold_it(world: World) -> None:
    """A look is cut where the time is up; the last known state is told."""
    raises = pytest.raises(failwell.JobTimeoutError, match="queued")
    wait = scenario("j-1", timeout=0.4)
    with Server([at("queued"), *[Act(how="hang")] * 2]) as server, raises as caught:
        world.run(wait, base_url=server.url, really_sleeps=True, timeout=None)
    assert isinstance(caught.value.__cause__, failwell.APITimeoutError)


# --- What is shown -------------------------------------------------------------------------------


def test_verbose_tells_changes_only(world: World) -> None:
    """One line for each change of state, by the writer that is given, harmless to a terminal."""
    lines: list[str] = []
    states = [at("queued"), at("queued"), refusal(404, "x"), at("\x1b[31mrunning"), at("ready")]
    states[2] = Act(status=500, body=error(500, "internal"))
    tell = scenario("j-1", verbose=True, write=lines.append)
    with Server(states) as server:
        world.run(tell, base_url=server.url, policy=CALM)
    assert lines == [
        "Job j-1: queued",
        "Job j-1: not seen, looking again: It failed.",
        "Job j-1: \ufffd[31mrunning",
        "Job j-1: ready",
    ]


def test_it_is_silent_otherwise(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    """Nothing is printed that was not asked for."""
    with Server([at("queued"), at("ready")]) as server:
        world.run(scenario("j-1"), base_url=server.url)
    assert capfd.readouterr() == ("", "")


def test_progress_in_lines(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    """Where there is no terminal, progress is lines on standard error."""
    with Server([at("running", progress=0.5), at("ready", progress=1)]) as server:
        world.run(scenario("j-1", progress=True), base_url=server.url)
    assert capfd.readouterr() == ("", "Job j-1: running 50%\nJob j-1: ready 100%\n")


def test_progress_in_bars(
    world: World, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """On a terminal, rich draws a bar on standard error; a state is text, never markup."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    job = msgspec.structs.replace(JOB, succeeded=frozenset({"[red]"}))
    with Server([at("running", progress=0.5), at("[red]")]) as server:
        world.run(scenario("j-1", job, progress=True), base_url=server.url)
    out, err = capfd.readouterr()
    assert "Job j-1: [red]" in err
    assert "\N{BOX DRAWINGS HEAVY HORIZONTAL}" in err
    assert out == ""


def test_the_clients_hooks_are_told(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Each look is an event, for traces, and a line of the log."""
    caplog.set_level("INFO", "failwell")
    events: list[Any] = []
    with Server([at("queued"), at("ready")]) as server:
        world.run(scenario("j-1"), base_url=server.url, hooks=[events.append])
    assert [event.state for event in events] == ["queued", "ready"]
    lines = [f"{server.url}/jobs/j-1: job j-1 is {state}" for state in ("queued", "ready")]
    assert [record.message for record in caplog.records if record.name == "failwell"] == lines


# --- Many ----------------------------------------------------------------------------------------

ION = Job(url="v0.4/jobs/{id}", failed=frozenset({"failed"}), reason="failure", code="failure.code")
CELL = Job(url="cells/{id}", record="data", state="phase", succeeded=frozenset({"measured"}))


def test_jobs_of_different_apis_in_the_order_in_which_they_end(world: World) -> None:
    """Each comes as it ends, with the tag it was given; a failed one ends none of the others."""
    failure = {"code": "SimulationTimeout", "message": "too long"}
    ions = [at("submitted"), at("failed", failure=failure)]
    cells = [*[Act(status=200, body=b'{"data": {"phase": "cycling"}}')] * 5]
    cells.append(Act(status=200, body=b'{"data": {"phase": "measured", "ah": 2.9}}'))
    how = {"first": 0.02, "growth": 1.0}
    ion, cell = (msgspec.structs.replace(job, **how) for job in (ION, CELL))

    async def both(face: Face) -> list[Any]:
        other = world.client(base_url=cell_server.url, contract=failwell.GENERIC)
        pending = [
            Pending(other, "c-1", cell, tag="cell"),
            Pending(face.client, "i-1", ion, tag="ion"),
        ]
        over = await ends(face, pending)
        await other.aclose() if world.is_async else other.close()
        return over

    with Server(ions) as ion_server, Server(cells) as cell_server:
        over = world.run(both, base_url=ion_server.url, really_sleeps=True)
    assert [each.tag for each in over] == ["ion", "cell"]
    with pytest.raises(failwell.JobFailedError, match="too long") as caught:
        over[0].result()
    assert (caught.value.code, over[0].state) == ("SimulationTimeout", "failed")
    assert over[1].result() == {"phase": "measured", "ah": 2.9}


def test_many_jobs_of_one_api(world: World) -> None:
    """Fifty jobs, each once, and each asked about only until it has ended."""

    def act(seen: Seen) -> Act:
        return at("ready" if asked.count(seen.path) >= int(seen.path[-1]) else "running")

    asked: list[str] = []

    def noted(seen: Seen) -> Act:
        asked.append(seen.path)
        return act(seen)

    async def all_of_them(face: Face) -> list[Any]:
        return await ends(face, [Pending(face.client, f"{n}", JOB) for n in range(50)])

    with Server([noted] * 1000) as server:
        over = world.run(all_of_them, base_url=server.url, really_sleeps=True)
    assert sorted(int(each.job_id) for each in over) == list(range(50))
    assert all(each.error is None for each in over)


def test_no_jobs_are_no_work() -> None:
    """Nothing to wait for is over at once."""
    assert list(failwell.as_completed([])) == []


def test_the_two_worlds_do_not_mix() -> None:
    """Jobs of sync and of async clients in one call are refused."""
    pending: list[Any] = [Pending(c(), "/x") for c in (failwell.Client, failwell.AsyncClient)]
    with pytest.raises(failwell.InvalidRequestError, match="mixed"):
        failwell.as_completed(pending)
    pending[0].client.close()
    asyncio.run(pending[1].client.aclose())


def test_whoever_breaks_off_leaves_nothing_running(world: World) -> None:
    """After a `break` no look is begun any more, and nothing was said."""

    async def first_of_two(face: Face) -> None:
        patient = msgspec.structs.replace(JOB, first=9.0)
        pending = [Pending(face.client, "j-1", JOB), Pending(face.client, "j-2", patient)]
        over = failwell.as_completed(pending)
        if world.is_async:
            async for _ in over:
                break
            await over.aclose()
        else:
            for _ in over:
                break

    def act(seen: Seen) -> Act:
        return at("ready" if seen.path.endswith("1") else "running")

    with Server([act] * 1000) as server:
        world.run(first_of_two, base_url=server.url, really_sleeps=True)
    looks = [seen.path for seen in server.requests]  # one may be on its way when another ends
    assert len(looks) == len(set(looks))


# --- Interrupted ---------------------------------------------------------------------------------

CHILD = """
import asyncio, sys, failwell
url, world, on_interrupt = sys.argv[1:]
job = failwell.Job(url="jobs/{id}", cancel=("POST", "jobs/{id}/cancel"), first=0.05, cap=0.05)
how = dict(on_interrupt=on_interrupt)
if world == "sync":
    with failwell.Client(base_url=url) as client:
        failwell.wait(client, "j-1", job, **how)
async def main():
    async with failwell.AsyncClient(base_url=url) as client:
        await failwell.wait(client, "j-1", job, **how)
asyncio.run(main())
"""


def interrupted(world: World, on_interrupt: str, *more: Act) -> tuple[str, list[Seen], int]:
    """What a child process says that is interrupted while it waits, what the server has seen, and
    how the child ended."""
    under_way = threading.Event()

    def act(seen: Seen) -> Act:
        if seen.method == "POST":
            return more[0]
        if len(server.requests) > 2:
            under_way.set()
        return at("running")

    with Server([act] * 1000) as server:
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, server.url, world.name, on_interrupt],
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert under_way.wait(SECONDS)
            child.send_signal(signal.SIGINT)
            _, said = child.communicate(timeout=SECONDS)
        finally:
            child.kill()
            child.wait()
    return said, server.requests, child.returncode


def test_ctrl_c_detaches(world: World) -> None:
    """Ctrl-C ends the program as ever, after one line that waits again; the job goes on."""
    said, seen, code = interrupted(world, "detach")
    assert code == -signal.SIGINT
    first = said.splitlines()[0]
    url = f"http://127.0.0.1:{seen[0].headers['host'].rpartition(':')[2]}/jobs/j-1"
    again = f"failwell wait {url}"
    assert first == f"Detached: Job j-1 goes on; to wait for it again: {again}"
    assert said.rstrip().endswith("KeyboardInterrupt")
    assert {request.method for request in seen} == {"GET"}


def test_ctrl_c_cancels_if_told_to(world: World) -> None:
    """With `on_interrupt="cancel"` the declared call is made first, and said."""
    said, seen, code = interrupted(world, "cancel", Act(status=204))
    assert code == -signal.SIGINT
    assert said.splitlines()[0] == "Cancelled: Job j-1"
    assert (seen[-1].method, seen[-1].path) == ("POST", "/jobs/j-1/cancel")


def test_a_job_that_cannot_be_cancelled_any_more(world: World) -> None:
    """Where the API refuses, that is said, and how to go on."""
    said, _, code = interrupted(world, "cancel", refusal(409, "clash"))
    assert code == -signal.SIGINT
    assert said.startswith("Not cancelled: Job j-1 may go on (It failed.); to wait for it again: ")


def test_a_cancelled_task_detaches(capfd: pytest.CaptureFixture[str]) -> None:
    """Cancelling the task that waits says how to wait again, once."""

    async def main() -> None:
        async with failwell.AsyncClient(base_url=server.url, trust_env=False) as client:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await failwell.wait(client, "j-1", JOB)

    with Server([at("running")] * 500) as server:
        asyncio.run(main())
    said = "Detached: Job j-1 goes on; to wait for it again: mine.wait('j-1')\n"
    assert capfd.readouterr() == ("", said)


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_a_cancelled_scope_calls_the_jobs_off(loop: str) -> None:
    """The declared cancellation is sent although everything around it is cancelled already."""
    said: list[str] = []

    async def main() -> None:
        async with failwell.AsyncClient(base_url=server.url, trust_env=False) as client:
            pending = [Pending(client, f"j-{number}", JOB) for number in range(2)]
            over = failwell.as_completed(pending, on_interrupt="cancel", write=said.append)
            with anyio.move_on_after(0.3) as scope:
                await anext(over)
            assert scope.cancelled_caught

    def act(seen: Seen) -> Act:
        return Act(status=204) if seen.method == "POST" else at("running")

    with Server([act] * 500) as server:
        anyio.run(main, backend=loop)
    assert said == ["Cancelled: Job j-0", "Cancelled: Job j-1"]
    sent = [seen.path for seen in server.requests if seen.method == "POST"]
    assert sent == ["/jobs/j-0/cancel", "/jobs/j-1/cancel"]


@pytest.mark.parametrize("jobs", [1, 3])
def test_cancelling_at_every_await_leaks_nothing(jobs: int) -> None:
    """Wherever the task is cancelled, its one connection is free again and no task is left."""
    said: list[str] = []

    async def turns(count: int) -> None:
        for _ in range(count):
            await asyncio.sleep(0)

    async def all_of_them(client: failwell.AsyncClient) -> None:
        pending = [Pending(client, f"j-{n}", JOB) for n in range(jobs)]
        async for over in failwell.as_completed(pending, write=said.append):
            over.result()

    async def main() -> int:
        import httpx2

        limits = httpx2.Limits(max_connections=1, max_keepalive_connections=0)
        cancelled = 0
        async with failwell.AsyncClient(
            base_url=server.url, trust_env=False, limits=limits
        ) as client:
            for count in range(60):
                task = asyncio.ensure_future(all_of_them(client))
                await turns(count)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                cancelled += 1
                await turns(3)
                assert asyncio.all_tasks() == {asyncio.current_task()}
            await client.get("/free", timeout=5)
        return cancelled

    with Server([at("running")] * 5000) as server:
        cancelled = asyncio.run(main())
    assert 0 < len(said) <= cancelled * jobs


def test_trio_too() -> None:
    """The async wait runs on trio as it does on asyncio."""
    with Server([at("queued"), at("ready")]) as server:
        assert World("trio").run(scenario("j-1"), base_url=server.url).state == "ready"
