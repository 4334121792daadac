"""A hundred clients at once, each of which has one thing made while its answers are lost, cut and
forged: every service has made what it was asked to, once, and every failure tells the truth."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

from failwell.apis import flow, ionq, ionworks, matcraft, toolpath
from failwell.errors import FailwellError
from failwell.model import Outcome
from failwell.sandbox.app import application, services
from failwell.sandbox.wire import running
from failwell.settings import Breaker, Budget, Policy, Retry

CLIENTS = 100
STEP = Path(str(files("failwell.sandbox"))) / "data" / "standoff_spacer.step"

POLICY = Policy(
    retry=Retry(max_retries=4, base=0.05, cap=0.2, fast_base=0.05),
    deadline=20.0,
    budget=Budget(ratio=1.0, floor=100),
    breaker=Breaker(failures=1000),
)
"""Half of all attempts are made to fail, which is not an outage: a budget and a breaker that are
meant for one must not end the work. Few retries, so that some calls end in an error."""

POST = {"method": "POST"}
FAULTS: list[dict[str, Any]] = [
    {"match": POST, "fault": "lose_answer", "probability": 0.15},
    {"match": POST, "fault": "reset", "probability": 0.10},
    {"match": POST, "fault": "cut_body", "probability": 0.10},
    {"match": POST, "fault": "truncate", "probability": 0.05},
    {"match": POST, "fault": "html_502", "committed": True, "probability": 0.05},
    {"fault": "status", "status": 429, "retry_after": "0.1", "probability": 0.05},
    {"fault": "html_502", "probability": 0.05},
    {"fault": "reset", "probability": 0.05},
]

Thing = tuple[str, str]
"""The name that was asked for, and the id."""


class Told(msgspec.Struct):
    """What one client has learnt of the thing that it asked for: an id, or a failure."""

    name: str
    id: str | None = None
    error: Any = None


class Side(ABC):
    """One system as a client sees it: how one thing is made, and which of them are there."""

    name: str
    counted: str

    def __init__(self, about: dict[str, Any], folder: Path) -> None:
        self.about = about
        self.folder = folder
        self.how: dict[str, Any] = {
            "base_url": about["base_url"],
            "policy": POLICY,
            "trust_env": False,
        }

    @abstractmethod
    async def open(self, http: httpx2.AsyncClient) -> Callable[[], Any]:
        """What makes clients; `http` is a bare one, to log in with."""

    @abstractmethod
    async def make(self, client: Any, name: str) -> str:
        """The id of a new thing."""

    @abstractmethod
    async def listed(self, client: Any) -> list[Thing] | None:
        """All things that there are; None where the API lists none."""


class Toolpath(Side):
    name, counted = "toolpath", "parts"

    async def open(self, http: httpx2.AsyncClient) -> Callable[[], Any]:
        key = self.about["credentials"]["read_write"]
        return lambda: toolpath.AsyncToolpath(key, **self.how)

    async def make(self, client: Any, name: str) -> str:
        return str((await client.parts.create(STEP, name=name)).id)

    async def listed(self, client: Any) -> None:
        return None


class IonQ(Side):
    name, counted = "ionq", "jobs"

    async def open(self, http: httpx2.AsyncClient) -> Callable[[], Any]:
        key = self.about["credentials"]["key"]
        return lambda: ionq.IonQClient(api_key=key, **self.how)

    async def make(self, client: Any, name: str) -> str:
        circuit = {"qubits": 1, "gateset": "qis", "circuit": [{"gate": "x", "target": 0}]}
        body = {"type": "ionq.circuit.v1", "backend": "simulator", "input": circuit, "name": name}
        return str((await ionq.create_job.asyncio(client=client, body=body)).id)

    async def listed(self, client: Any) -> list[Thing]:
        return [(str(job.name), job.id) async for job in ionq.aiter_jobs(client)]


class MatCraft(Side):
    name, counted = "matcraft", "datasets"

    async def open(self, http: httpx2.AsyncClient) -> Callable[[], Any]:
        key = self.about["credentials"]["admin"]
        (self.folder / "rows.csv").write_text("x,y\n1,2\n")
        return lambda: matcraft.AsyncMatCraftClient(key, **self.how)

    async def make(self, client: Any, name: str) -> str:
        return str((await client.datasets.create(self.folder / "rows.csv", name=name)).id)

    async def listed(self, client: Any) -> list[Thing]:
        pages = [await client.datasets.list(page=page, per_page=100) for page in (1, 2)]
        return [(one.name, one.id) for page in pages for one in page.items]


class Ionworks(Side):
    name, counted = "ionworks", "cell_specs"

    async def open(self, http: httpx2.AsyncClient) -> Callable[[], Any]:
        how = {**self.how, "api_url": self.how["base_url"], "print_correlation_id": False}
        how |= {"project_id": self.about["project_id"]}
        del how["base_url"]
        return lambda: ionworks.AsyncIonworks(self.about["credentials"]["key"], **how)

    async def make(self, client: Any, name: str) -> str:
        return str((await client.cell_spec.create({"name": name})).id)

    async def listed(self, client: Any) -> list[Thing]:
        found = await client.cell_spec.list(limit=1000)
        return [(one.name, one.id) for one in found]


class Flow(Side):
    name, counted = "flow", "samples"

    async def open(self, http: httpx2.AsyncClient) -> Callable[[], Any]:
        user = self.about["credentials"]["alice"]
        answer = await http.post(self.about["base_url"] + "/login", json=user)
        return lambda: flow.AsyncClient(token=answer.json()["token"], **self.how)

    async def make(self, client: Any, name: str) -> str:
        return str((await client.create_sample(name, "Hs", sample_type="RNA-Seq")).id)

    async def listed(self, client: Any) -> list[Thing]:
        found = await client.search_samples(name="thing")
        return [(one.name, str(one.id)) for one in found]


async def ask(side: Side, client: Any, name: str) -> Told:
    """Have one thing made."""
    try:
        return Told(name, id=await side.make(client, name))
    except FailwellError as error:
        return Told(name, error=error)


def proves(told: Told, there: Counter[str]) -> bool:
    """Whether what the failure says of its write is so."""
    match told.error.outcome:
        case Outcome.NOT_STARTED | Outcome.ROLLED_BACK:
            return there[told.name] == 0
        case Outcome.APPLIED:
            return there[told.name] == 1
        case _:
            return there[told.name] <= 1


class Control:
    """The sandbox's own side of a system."""

    def __init__(self, url: str, name: str, http: httpx2.AsyncClient) -> None:
        self._base, self._http = f"{url}/sandbox/{name}", http

    async def faults(self, *faults: dict[str, Any]) -> int:
        """Replace the faults; how many requests have met one so far."""
        answer = await self._http.put(self._base + "/faults", json=faults)
        return sum(answer.json()["used"].values())

    async def created(self, kind: str) -> int:
        """How many things of this kind were really made."""
        return int((await self._http.get(self._base + "/effects")).json()["created"][kind])

    async def lift(self, limits: dict[str, Any]) -> None:
        """Set all rates to what nobody reaches."""
        rates = {name: 10**6 for name in limits if "_per_" in name}
        await self._http.put(self._base + "/limits", json=rates)


async def endure(url: str, kind: type[Side], folder: Path) -> None:
    """The whole scenario."""
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(httpx2.AsyncClient(trust_env=False, timeout=30))
        about = (await http.get(url + "/sandbox.json")).json()["apis"][kind.name]
        control, side = Control(url, kind.name, http), kind(about, folder)
        await control.lift(about["limits"])
        make = await side.open(http)
        clients = [await stack.enter_async_context(make()) for _ in range(CLIENTS)]
        before = await control.created(kind.counted)
        await control.faults(*FAULTS)
        asked = (ask(side, client, f"thing-{n}") for n, client in enumerate(clients))
        told = await asyncio.gather(*asked)
        assert await control.faults() > CLIENTS / 4
        await judge(side, clients[0], told, await control.created(kind.counted) - before)


async def judge(side: Side, client: Any, told: list[Told], created: int) -> None:
    """Compare what the clients were told with what there is."""
    listed = await side.listed(client)
    if listed is None:
        listed = [(one.name, await settled(side, client, one)) for one in told if may_be(one)]
    there = Counter(name for name, _ in listed)
    assert created == len(there) == there.total() == len({known for _, known in listed})
    assert {(one.name, one.id) for one in told if one.id} <= set(listed)
    assert [one for one in told if one.error is not None and not proves(one, there)] == []
    assert sum(one.id is not None for one in told) > CLIENTS / 2


def may_be(told: Told) -> bool:
    """Whether, by what the client knows, its thing may be there."""
    return told.error is None or told.error.outcome in (Outcome.UNKNOWN, Outcome.APPLIED)


async def settled(side: Side, client: Any, told: Told) -> str:
    """The id of a thing at an API with keys: it was told, or is in the answer to the same key."""
    if told.id is not None:
        return told.id
    found = await client.settle(told.error)
    assert found.outcome is Outcome.APPLIED, found
    return str(found.record["data"]["id"])


SIDES = [Toolpath, IonQ, MatCraft, Ionworks, Flow]


@pytest.mark.parametrize("kind", SIDES, ids=lambda kind: kind.name)
def test_a_hundred_clients_with_faults(kind: type[Side], tmp_path: Path) -> None:
    """Nothing is made twice, what was promised is there, and a failed write tells what it did."""
    systems = services((kind.name,))
    with running(application(systems, seed=1)) as url:
        asyncio.run(endure(url, kind, tmp_path))
