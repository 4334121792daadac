"""What the five clients are made with is looked at before anything is sent."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest

import failwell
from failwell.apis import flow, ionq, ionworks, matcraft, toolpath

KEY = "sk_live_0123456789abcdef"
BASE = "http://127.0.0.1:9/api"
Make = Callable[..., Any]


class Client:
    """How one of the clients is made, and what its arguments are called."""

    def __init__(self, make: Make, key: str = "api_key", address: str = "base_url") -> None:
        self.make, self.key, self.address = make, key, address

    def __call__(self, **given: Any) -> Any:
        settings = {self.key: KEY, self.address: BASE, **given}
        made = self.make(**settings)
        OPEN.append(getattr(made, "client", None))
        return made


OPEN: list[Any] = []
CLIENTS = {
    "toolpath": Client(toolpath.Toolpath),
    "toolpath-async": Client(toolpath.AsyncToolpath),
    "matcraft": Client(matcraft.MatCraftClient),
    "matcraft-async": Client(matcraft.AsyncMatCraftClient),
    "ionq": Client(ionq.IonQClient),
    "ionworks": Client(ionworks.Ionworks, address="api_url"),
    "ionworks-async": Client(ionworks.AsyncIonworks, address="api_url"),
    "flow": Client(flow.Client, key="token"),
    "flow-async": Client(flow.AsyncClient, key="token"),
}
NO_SERVICE = (
    "TOOLPATH_API_KEY", "MATCRAFT_API_KEY", "MATERIA_API_KEY", "IONQ_API_KEY", "IONWORKS_API_KEY",
    "IONWORKS_API_TOKEN", "IONWORKS_API_URL", "MATCRAFT_BASE_URL", "FLOW_API_URL", "FLOW_API_TOKEN",
)  # fmt: skip


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> Client:
    return CLIENTS[request.param]


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for variable in NO_SERVICE:
        monkeypatch.delenv(variable, raising=False)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The base URL", category=UserWarning)
        yield
    while OPEN:
        made = OPEN.pop()
        if isinstance(made, failwell.Client):
            made.close()


def refused(client: Client, name: str, **given: Any) -> str:
    """What the error says, which is failwell's and a `ValueError`, and names the argument."""
    with pytest.raises(ValueError, match=name) as caught:
        client(**given)
    assert KEY not in str(caught.value)
    assert not isinstance(caught.value, UnicodeError)
    return str(caught.value)


@pytest.mark.parametrize(
    "timeout", [0, -1, True, "5", "x", float("nan"), float("inf"), [], object(), (1,), (1, "2")]
)
def test_an_odd_timeout_is_refused(client: Client, timeout: Any) -> None:
    """None but numbers of seconds above 0, and httpx2's own."""
    assert "seconds above 0" in refused(client, "timeout=", timeout=timeout)


@pytest.mark.parametrize("timeout", [5, 0.5, (3.0, 10.0), httpx2.Timeout(5.0, connect=None)])
def test_a_timeout_is_taken_as_it_is(client: Client, timeout: Any) -> None:
    """In each of httpx2's forms."""
    made = client(timeout=timeout)
    assert made.client.timeout == httpx2.Timeout(timeout)


def test_a_timeout_of_httpx2s_is_looked_into(client: Client) -> None:
    """It takes anything."""
    refused(client, "timeout=", timeout=httpx2.Timeout(-1))


@pytest.mark.parametrize(
    "address",
    [5, b"http://x", object(), True, "x", "//host", "ftp://host", "http://", "https:///path",
     "http://host:99999", "http://a b", "http://" + "a" * 70, "http://[::1"],
)  # fmt: skip
def test_an_odd_address_is_refused(client: Client, address: Any) -> None:
    """An absolute http or https URL of a host that can exist."""
    refused(client, client.address, **{client.address: address})


def test_a_key_in_the_addresss_place_is_not_shown(client: Client) -> None:
    """Arguments are mixed up sooner or later."""
    refused(client, client.address, **{client.address: KEY})
    told = refused(client, client.address, **{client.address: "ftp://user:hush-hush@host"})
    assert "hush" not in told


@pytest.mark.parametrize("key", [5, b"key", object(), True, 0, "a\nb", "é", "a b"])
def test_an_odd_key_is_refused(client: Client, key: Any) -> None:
    """It is not shown."""
    told = refused(client, "API key|token", **{client.key: key})
    assert "a\nb" not in told


@pytest.mark.parametrize("name", ["toolpath", "matcraft", "ionq", "ionworks"])
@pytest.mark.parametrize("key", [None, ""])
def test_no_key_is_refused(name: str, key: Any) -> None:
    """An empty one is none; the error says where to give one."""
    assert "api_key=" in refused(CLIENTS[name], "no API key", api_key=key)


@pytest.mark.parametrize("name", ["ionq", "ionworks", "ionworks-async"])
@pytest.mark.parametrize("number", [-1, "5", 1.5, float("nan"), True, []])
def test_an_odd_number_of_retries_is_refused(name: str, number: Any) -> None:
    """A whole number, 0 or more."""
    refused(CLIENTS[name], "max_retries=", max_retries=number)


@pytest.mark.parametrize("name", ["ionq", "ionworks", "ionworks-async"])
@pytest.mark.parametrize("policy", [5, None, failwell.Retry()])
def test_an_odd_policy_is_refused(name: str, policy: Any) -> None:
    """A `failwell.Policy`."""
    refused(CLIENTS[name], "policy=", policy=policy)


@pytest.mark.parametrize("name", ["ionworks", "ionworks-async"])
@pytest.mark.parametrize("argument", ["project_id", "organization_id"])
@pytest.mark.parametrize("value", [5, b"p", "a\nb"])
def test_an_odd_project_is_refused(name: str, argument: str, value: Any) -> None:
    """It would travel in a body or in a header field."""
    refused(CLIENTS[name], argument, **{argument: value})


@pytest.mark.parametrize(
    ("argument", "value"),
    [("extension", 5), ("extension", {}), ("additional_user_agent", 5),
     ("additional_user_agent", "a\nb")],
)  # fmt: skip
def test_an_odd_extension_of_ionqs_is_refused(argument: str, value: Any) -> None:
    """As is what would break a header field."""
    refused(CLIENTS["ionq"], argument, **{argument: value})


@pytest.mark.parametrize("other", [None, 5, httpx2])
def test_an_endpoint_needs_ionqs_client(other: Any) -> None:
    """`create_job.sync(client=…)` of anything else."""
    with pytest.raises(ValueError, match="client="):
        ionq.create_job.sync(client=other, body={})


@pytest.mark.parametrize("interval", [0, -1, "x", None, float("nan")])
def test_an_odd_interval_is_refused(interval: Any) -> None:
    """Before the job is asked after."""
    with pytest.raises(ValueError, match="poll_interval="):
        ionq.wait_for_job(CLIENTS["ionq"](), "job", poll_interval=interval)


@pytest.mark.parametrize(
    ("name", "variable"),
    [("ionworks", "IONWORKS_API_URL"), ("matcraft", "MATCRAFT_BASE_URL"), ("flow", "FLOW_API_URL")],
)
def test_an_odd_variable_is_named(
    name: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reads the error has not written the variable into the code."""
    monkeypatch.setenv(variable, "localhost:8000")
    client = CLIENTS[name]
    refused(client, variable, **{client.address: None})


@pytest.mark.parametrize(
    ("name", "seconds"), [("matcraft", 30.0), ("ionworks", 10.0), ("flow", 60.0)]
)
def test_what_is_left_out_is_the_apis_own(name: str, seconds: float) -> None:
    """Its address and its patience; an empty variable of a configuration leaves it out, too."""
    client = CLIENTS[name]
    for nothing in (None, ""):
        made = client(**{client.address: nothing})
        assert made.client.base_url.scheme == "https"
        assert made.client.timeout.read == seconds
