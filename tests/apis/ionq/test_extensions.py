"""What a library on top of IonQ's client may add to it."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import httpx2
import pytest

import failwell
from apis.ionq.conftest import Face, Faces
from failwell.apis.ionq import (
    IONQ,
    RETRY,
    ClientExtension,
    IonQClient,
    IonQError,
    NotFoundError,
    ServerError,
    get_job,
    get_whoami,
)


class Watching:
    """A hook that remembers what it was told, and may fail."""

    def __init__(self, error: Exception | None = None) -> None:
        self.seen: list[Any] = []
        self._error = error

    def on_request(self, request: httpx2.Request) -> None:
        self.seen.append(request)
        if self._error is not None:
            raise self._error

    def on_response(self, request: httpx2.Request, response: httpx2.Response) -> None:
        assert request is response.request
        self.seen.append(response.status_code)


class AsyncWatching(Watching):
    """The same for async calls."""

    async def on_request(self, request: httpx2.Request) -> None:  # type: ignore[override]
        super().on_request(request)

    async def on_response(  # type: ignore[override]
        self, request: httpx2.Request, response: httpx2.Response
    ) -> None:
        super().on_response(request, response)


class Hooked:
    """A client with a hook, in the world of its face."""

    def __init__(self, faces: Faces, cloud: Any, error: Exception | None = None, **more: Any):
        sync, other = Watching(error), AsyncWatching(error)
        own = ClientExtension(event_hooks=(sync,), async_event_hooks=(other,), **more)
        self.face: Face = faces(cloud, extension=own, additional_user_agent="app/2.0")
        self.seen = other.seen if self.face.is_async else sync.seen


def test_hooks_see_each_attempt(faces: Faces, cloud: Any) -> None:
    """Requests, with all that they carry, and answers, those that failed too."""
    cloud.suffer({"fault": "status", "status": 503, "times": 1})
    more = {"user_agent_token": "sdk/1.0", "default_headers": {"X-Team": "blue"}}
    hooked = Hooked(faces, cloud, **more)
    hooked.face.call(get_whoami)
    first, failed, _, well = hooked.seen
    assert (failed, well) == (503, 200)
    assert first.headers["x-team"] == "blue"
    agent = first.headers["user-agent"].split()
    assert [word.partition("/")[0] for word in agent[:4]] == ["failwell", "python", "httpx2", "os"]
    assert agent[4:] == ["app/2.0", "sdk/1.0"]


def test_a_hook_that_fails(faces: Faces, cloud: Any, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, and the call goes on."""
    cloud.suffer()
    hooked = Hooked(faces, cloud, error=RuntimeError("broken hook"))
    with caplog.at_level(logging.ERROR, logger="failwell"):
        assert hooked.face.call(get_whoami).key_name
    assert "broken hook" in caplog.text


def test_a_hook_that_fails_in_development(faces: Faces, cloud: Any) -> None:
    """With `debug_hooks` it is raised as it is."""
    hooked = Hooked(faces, cloud, error=RuntimeError("broken hook"), debug_hooks=True)
    with pytest.raises(RuntimeError, match="broken hook"):
        hooked.face.call(get_whoami)


def test_errors_of_ones_own(faces: Faces, cloud: Any) -> None:
    """`error_mapper` makes them of IonQ's, which stay their cause, or leaves those as they are."""
    cloud.suffer()

    def mapped(error: Exception) -> Exception:
        return LookupError("no such job") if isinstance(error, NotFoundError) else error

    face = faces(cloud, extension=ClientExtension(error_mapper=mapped))
    with pytest.raises(LookupError, match="no such job") as caught:
        face.call(get_job, "nope")
    assert isinstance(caught.value.__cause__, NotFoundError)
    with pytest.raises(LookupError):
        face.wait("nope")
    with pytest.raises(IonQError), cloud.limited(requests_per_minute=1):
        faces(cloud, policy=failwell.Policy(retry=None), extension=face.client.extension).call(
            get_whoami
        )


def test_other_statuses(faces: Faces, cloud: Any) -> None:
    """Those that are tried again, and how often; arguments of the client go first."""
    own = ClientExtension(retryable_status_codes=frozenset({504}), max_retries=1)
    cloud.suffer({"fault": "status", "status": 504, "times": 1})
    assert faces(cloud, extension=own).call(get_whoami).key_name
    cloud.suffer({"fault": "status", "status": 504, "times": 2})
    with pytest.raises(ServerError) as caught:
        faces(cloud, extension=own).call(get_whoami)
    assert len(caught.value.attempts) == 2
    cloud.suffer({"fault": "status", "status": 503, "times": 1})
    with pytest.raises(ServerError):
        faces(cloud, extension=own).call(get_whoami)
    cloud.suffer({"fault": "status", "status": 504, "times": 1})
    with pytest.raises(ServerError) as caught:
        faces(cloud, extension=own, max_retries=0).call(get_whoami)
    assert len(caught.value.attempts) == 1


def test_settings() -> None:
    """Its time-out holds where the client has none; without it, all is as it was."""
    own = ClientExtension(timeout=httpx2.Timeout(7.0))
    with IonQClient(api_key="k", extension=own) as client:
        assert client.client.timeout == httpx2.Timeout(7.0)
    with IonQClient(api_key="k", extension=own, timeout=3.0) as client:
        assert client.client.timeout == httpx2.Timeout(3.0)
    with IonQClient(api_key="k", extension=ClientExtension()) as client:
        assert (client.client.policy.retry, client.client.contract) == (RETRY, IONQ)


def test_a_header_cannot_take_the_keys_place(faces: Faces, cloud: Any) -> None:
    """Nor the User-Agent's."""
    cloud.suffer()
    other = {"authorization": "apiKey other", "User-agent": "other"}
    hooked = Hooked(faces, cloud, default_headers=other)
    assert hooked.face.call(get_whoami).key_name == "All backends"
    assert hooked.seen[0].headers.get_list("user-agent")[0].startswith("failwell/")
    assert len(hooked.seen[0].headers.get_list("authorization")) == 1


class Counting(httpx2.BaseTransport, httpx2.AsyncBaseTransport):
    """A transport around another one."""

    def __init__(self, inner: Any) -> None:
        self.inner, self.count = inner, 0

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self.count += 1
        answer: httpx2.Response = self.inner.handle_request(request)
        return answer

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.count += 1
        answer: httpx2.Response = await self.inner.handle_async_request(request)
        return answer

    def close(self) -> None:
        self.inner.close()

    async def aclose(self) -> None:
        await self.inner.aclose()


def test_a_transport_around_the_clients_own(faces: Faces, cloud: Any) -> None:
    """Each attempt goes through it."""
    cloud.suffer({"fault": "status", "status": 503, "times": 1})
    made: list[Counting] = []

    def wrapped(inner: Any) -> Counting:
        made.append(Counting(inner))
        return made[-1]

    own = ClientExtension(transport_wrapper=wrapped, async_transport_wrapper=wrapped)
    face = faces(cloud, extension=own)
    assert face.call(get_whoami).key_name
    assert [each.count for each in made] == ([0, 2] if face.is_async else [2])


def test_both_worlds_in_one_client(cloud: Any) -> None:
    """One client serves sync and async code, and closes what it opened."""
    cloud.suffer()

    async def scenario() -> None:
        async with IonQClient(
            api_key=cloud.keys["key"], base_url=cloud.base, trust_env=False
        ) as client:
            assert get_whoami.sync(client=client) == await get_whoami.asyncio(client=client)
            own = client.async_client
        assert own.is_closed
        assert client.client.is_closed

    asyncio.run(scenario())
