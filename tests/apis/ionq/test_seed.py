"""The source document of IonQ's exceptions: its sample runs against the sandbox, and its classes
are ours.

Where the document is there (`../shared/seeds/ionq.txt` beside the repository), it is read from it;
where it is not, the same calls and the same module in our own words stand for them.
"""

from __future__ import annotations

import functools
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from apis.ionq.conftest import job
from failwell.apis import ionq
from failwell.apis.ionq import exceptions

SEED = Path(__file__).parents[4] / "shared" / "seeds" / "ionq.txt"

OWN_SAMPLE = """
from ionq_core import AuthenticationError, IonQClient, RateLimitError

client = IonQClient()
try:
    job = create_job.sync(client=client, body=payload)
except AuthenticationError:
    print("Invalid API key")
except RateLimitError as limited:
    print(f"Rate limited, retry after {limited.retry_after}s")
"""

OWN_MODULE = """
class IonQError(Exception): ...
class APIConnectionError(IonQError): ...
class APITimeoutError(APIConnectionError): ...


class APIError(IonQError):
    def __init__(self, status_code, body=None, message=None, *, request_id=None):
        super().__init__(message or f"HTTP {status_code}")
        self.message, self.status_code = str(self), status_code
        self.body, self.request_id = body, request_id


class BadRequestError(APIError): ...
class AuthenticationError(APIError): ...
class PermissionDeniedError(APIError): ...
class NotFoundError(APIError): ...
class ServerError(APIError): ...


class RateLimitError(APIError):
    def __init__(
        self, status_code=429, body=None, message=None, retry_after=None, *, request_id=None
    ):
        super().__init__(status_code, body, message, request_id=request_id)
        self.retry_after = retry_after


def raise_for_status(status_code, body=None, retry_after=None, message=None, *, request_id=None):
    if status_code == 429:
        raise RateLimitError(429, body, message, retry_after, request_id=request_id)
    if status_code >= 400:
        plain = APIError if status_code < 500 else ServerError
        known = _STATUS_TO_EXCEPTION.get(status_code, plain)
        raise known(status_code, body, message, request_id=request_id)


_STATUS_TO_EXCEPTION = dict(
    zip(
        (400, 401, 403, 404, 429),
        (BadRequestError, AuthenticationError, PermissionDeniedError, NotFoundError,
         RateLimitError),
    )
)
__all__ = sorted(name for name in dir() if name.endswith("Error"))
"""

_NUMBER = re.compile(r"^(?:  \d| \d\d|\d{3})")
"""The number before a line of the module: three characters."""


class Payload:
    """What the sample calls `payload`: it has `to_dict()`."""

    def to_dict(self) -> dict[str, Any]:
        return job()


REPAIRS = {
    "line numbers stripped": lambda line: _NUMBER.sub("", line),
    "re-indented": textwrap.dedent,
}
SUPPLIED: dict[str, dict[str, Any]] = {
    "missing names": {"create_job": ionq.create_job, "payload": Payload()},
    "missing imports": {"ionq_core": ionq},
}
"""All that is done to the document before it runs; it has no `{...}` to be filled in."""


def lines() -> list[str]:
    """The document without line numbers."""
    return list(map(REPAIRS["line numbers stripped"], SEED.read_text("utf-8").splitlines()))


def samples() -> Iterator[str]:
    """Each place where the document shows how it is used."""
    if not SEED.exists():
        yield OWN_SAMPLE
        return
    text = lines()
    for begin, line in enumerate(text):
        if line.strip().startswith("from ionq_core import"):
            end = next(n for n in range(begin, len(text)) if "Rate limited" in text[n])
            yield REPAIRS["re-indented"]("\n".join(text[begin : end + 1]))


SAMPLES = tuple(samples())


def listing() -> str:
    """The module that the document lists; ours in its place, where it is not there."""
    if not SEED.exists():
        return OWN_MODULE
    text = lines()
    whole = SEED.read_text("utf-8").splitlines()
    numbers = [n for n, line in enumerate(whole) if _NUMBER.match(line)]
    last = next(n for n in numbers if text[n].strip().startswith("raise exc_cls("))
    return "\n".join(text[numbers[0] : last + 1])


@functools.cache
def documented() -> dict[str, Any]:
    """What the module defines, run."""
    names: dict[str, Any] = {"__name__": "seed"}
    exec(listing(), names)
    return names


@pytest.fixture
def network(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network in which IonQ's own address leads to the sandbox."""
    sent, target = httpx2.HTTPTransport.handle_request, httpx2.URL(cloud.base)

    def rerouted(self: httpx2.HTTPTransport, request: httpx2.Request) -> httpx2.Response:
        if request.url.host == "api.ionq.co":
            path = request.url.raw_path.replace(b"/v0.4", target.raw_path, 1)
            request.url = target.copy_with(raw_path=path)
        return sent(self, request)

    monkeypatch.setattr(httpx2.HTTPTransport, "handle_request", rerouted)
    for name, supplied in SUPPLIED["missing imports"].items():
        monkeypatch.setitem(sys.modules, name, supplied)
    monkeypatch.setenv("NO_PROXY", "*")
    cloud.suffer()


def ran(sample: str) -> dict[str, Any]:
    """What the sample leaves behind."""
    names = dict(SUPPLIED["missing names"])
    try:
        exec(sample, names)
    finally:
        if "client" in names:
            names["client"].close()
    return names


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.usefixtures("network")
def test_the_sample_submits_a_job(cloud: Any, monkeypatch: pytest.MonkeyPatch, sample: str) -> None:
    """With a good key, one job is made."""
    monkeypatch.setenv("IONQ_API_KEY", cloud.keys["key"])
    before = cloud.created["jobs"]
    assert ran(sample)["job"].status == "submitted"
    assert cloud.created["jobs"] == before + 1


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.usefixtures("network")
def test_the_sample_tells_of_a_bad_key(
    cloud: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], sample: str
) -> None:
    """The first `except` is taken."""
    monkeypatch.setenv("IONQ_API_KEY", cloud.keys["revoked"])
    ran(sample)
    assert capsys.readouterr().out == "Invalid API key\n"


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.usefixtures("network")
def test_the_sample_tells_of_the_rate_limit(
    cloud: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], sample: str
) -> None:
    """The second one, once IonQ asks for more patience than the client has."""
    monkeypatch.setenv("IONQ_API_KEY", cloud.keys["key"])
    cloud.suffer({"fault": "status", "status": 429, "retry_after": "90"})
    ran(sample)
    assert capsys.readouterr().out == "Rate limited, retry after 90.0s\n"


# --- The module -----------------------------------------------------------------------------------


NAMES = documented()["__all__"]


def test_the_same_names() -> None:
    """Ten of them, in the same order."""
    assert exceptions.__all__ == NAMES
    assert len(NAMES) == 10


@pytest.mark.parametrize("name", NAMES)
def test_the_same_tree(name: str) -> None:
    """Each class has the same parents among the ten."""
    theirs, ours = documented()[name], getattr(exceptions, name)
    parents = [each.__name__ for each in theirs.__mro__ if each.__name__ in NAMES]
    among_ours = {getattr(exceptions, each) for each in NAMES}
    assert [each.__name__ for each in ours.__mro__ if each in among_ours] == parents


@pytest.mark.parametrize("name", ["APIError", "RateLimitError", "raise_for_status"])
def test_the_same_arguments(name: str) -> None:
    """By name, in the same order, with the same defaults."""

    def told(function: Any) -> list[tuple[Any, ...]]:
        parameters = inspect.signature(function).parameters.values()
        return [(each.name, each.kind, each.default) for each in parameters]

    assert told(getattr(exceptions, name)) == told(documented()[name])


@pytest.mark.parametrize(
    "status", [399, 400, 401, 402, 403, 404, 409, 413, 422, 429, 500, 503, 504]
)
def test_the_same_exception(status: int) -> None:
    """`raise_for_status` raises the class of the same name, with the same attributes."""

    def raised(function: Any) -> Any:
        try:
            function(status, {"message": "m"}, 2.5, "text", request_id="r-1")
        except Exception as error:
            return error
        return None

    theirs, ours = raised(documented()["raise_for_status"]), raised(exceptions.raise_for_status)
    assert type(ours).__name__ == type(theirs).__name__
    for name in ("status_code", "body", "message", "request_id"):
        assert getattr(ours, name, None) == getattr(theirs, name, None)
    assert str(ours) == str(theirs)
    if status == 429:
        assert ours.retry_after == theirs.retry_after == 2.5


def test_the_same_table() -> None:
    """The five statuses that have a class of their own."""
    theirs = documented()["_STATUS_TO_EXCEPTION"]
    ours = exceptions._STATUS_TO_EXCEPTION
    assert {status: cls.__name__ for status, cls in ours.items()} == {
        status: cls.__name__ for status, cls in theirs.items()
    }
