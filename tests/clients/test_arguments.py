"""What a client cannot be made with is refused when it is made, by name."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from clients.world import API, World
from failwell import Idempotency, InvalidRequestError, Retry
from failwell.clients.httpx import AsyncTransport, Transport
from failwell.clients.requests import Adapter

BAD: list[tuple[dict[str, Any], str]] = [
    ({"policy": Retry()}, "policy=Retry"),
    ({"policy": None}, "policy=None: must be a failwell.Policy"),
    ({"contract": None}, "contract=None: must be a failwell.Contract"),
    ({"contract": "ionq"}, "contract='ionq'"),
    ({"hooks": [5]}, "hooks=.5.: must be a list of functions"),
    ({"hooks": print}, "hooks="),
    ({"hooks": None}, "hooks=None"),
]


@pytest.mark.parametrize(("given", "told"), BAD, ids=lambda part: str(part)[:30])
def test_an_argument_of_another_kind_is_refused(
    world: World, given: dict[str, Any], told: str
) -> None:
    """`InvalidRequestError` says which argument it is, what was given and what it must be."""
    with pytest.raises(InvalidRequestError, match=told) as caught:
        world.client(**given)
    assert isinstance(caught.value, ValueError)


def test_a_view_is_refused_a_contract_that_is_none(world: World) -> None:
    """`under` looks at what it is given as the client itself does."""
    with pytest.raises(InvalidRequestError, match="contract=None"):
        world.client().under(None)


@pytest.mark.parametrize("seam", [Transport, AsyncTransport, Adapter])
@pytest.mark.parametrize(("given", "told"), BAD, ids=lambda part: str(part)[:30])
def test_an_adapter_goes_the_same_way(seam: Any, given: dict[str, Any], told: str) -> None:
    """So do those that stand under another HTTP library."""
    with pytest.raises(InvalidRequestError, match=told):
        seam(**given)


@pytest.mark.parametrize("api", ["toolpath", "ionq", "ionworks", "flow", "matcraft"])
def test_the_clients_of_the_apis_go_the_same_way(api: str) -> None:
    """A policy that is none, and a hook that cannot be called, are refused by each of them."""
    made = MADE[api]
    with pytest.raises(InvalidRequestError, match="policy="):
        made(policy="x")
    with pytest.raises(InvalidRequestError, match="hooks="):
        made(hooks=[5])


def test_one_key_for_all_writes_is_refused(world: World) -> None:
    """A key among the client's own header fields would merge different writes into one."""
    for name in ("Idempotency-Key", "idempotency-key"):
        with pytest.raises(InvalidRequestError, match="Idempotency-Key"):
            world.client(headers={name: "k"})
    named = msgspec.structs.replace(API, idempotency=Idempotency(header="Request-Token"))
    with pytest.raises(InvalidRequestError, match="Request-Token"):
        world.client(contract=named, headers={"Request-Token": "k"})
    unkeyed = msgspec.structs.replace(API, idempotency=Idempotency(header=None))
    world.client(contract=unkeyed, headers={"Idempotency-Key": "k"})


def _made() -> dict[str, Any]:
    from failwell.apis.flow import Client as Flow
    from failwell.apis.ionq import IonQClient
    from failwell.apis.ionworks import Ionworks
    from failwell.apis.matcraft import MatCraftClient
    from failwell.apis.toolpath import Toolpath

    at = {"base_url": "https://api.example.org"}
    return {
        "toolpath": lambda **how: Toolpath("tp_live_x", **at, **how),
        "ionq": lambda **how: IonQClient(api_key="x", **at, **how),
        "ionworks": lambda **how: Ionworks("x", **how),
        "flow": lambda **how: Flow(token="x", **how),
        "matcraft": lambda **how: MatCraftClient("x", **at, **how),
    }


MADE = _made()
