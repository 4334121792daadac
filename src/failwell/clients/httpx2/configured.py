"""What the sync and the async client have in common: their settings, and views with others.

What a client is made of is read when the first one is made: `import failwell` is to cost little
more than `import httpx2`, which does as much.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any, Self, cast

import httpx2
import msgspec

from failwell.actions import AsyncStore, Store
from failwell.clients.httpx2.address import Parsed
from failwell.clients.httpx2.hooked import ReadFirst
from failwell.contract import Contract
from failwell.drive import Rim
from failwell.errors import InvalidRequestError
from failwell.settings import Options, Policy

if TYPE_CHECKING:
    from failwell.clients.httpx2 import AsyncClient, Client
    from failwell.clients.httpx2.settings import Settings
    from failwell.clients.renewal import TokenAuth
    from failwell.events import Hook
    from failwell.flows.runs import Book


_WIRE = ("h11", "httpcore2")
"""What httpx2 sends with, once it sends."""


class Configured:
    """What the sync and the async client have in common: settings, and views with others."""

    _settings: Settings
    _own_store: Store | AsyncStore | None
    _parsed = Parsed(None)
    _keep_refusal: Callable[[httpx2.Response], object]

    def _check(self, contract: Contract, policy: Policy, hooks: Collection[Hook]) -> None:
        """Raises `InvalidRequestError` for what no client can be made with."""
        from failwell.clients import arguments

        arguments.policy(policy)
        arguments.hooks(hooks)
        fields = _plain(cast("httpx2.Client", self).headers)
        arguments.without_key(fields, arguments.contract(contract))

    def _configure(
        self,
        contract: Contract,
        policy: Policy,
        store: Store | AsyncStore,
        hooks: Sequence[Hook],
        sleep: Callable[[float], object],
        book: Book | None,
        durable: Store | AsyncStore | None,
    ) -> None:
        from failwell.clients.httpx2.settings import Settings
        from failwell.clients.origin import tenant_of
        from failwell.clients.readiness import read_ahead
        from failwell.hooks.logging import log

        read_ahead("failwell.clients.httpx2.course", "failwell.clients.httpx2.settling", *_WIRE)

        rim = Rim(sleep=sleep, hooks=(log, *hooks), store=store, durable=durable)
        tenant = tenant_of(_plain(cast("httpx2.Client", self).headers))
        ruled = policy.under(contract)
        self._settings = Settings(contract=contract, policy=ruled, rim=rim, tenant=tenant)
        self._settings = msgspec.structs.replace(self._settings, book=book)
        self._settings = self._settings_under(cast("httpx2.Client", self).auth)
        self.event_hooks = vars(self)["_event_hooks"]

    def _settings_of(self, how: dict[str, Any]) -> Settings:
        """The settings of a call that is sent so: it may have an auth of its own."""
        auth = how.get("auth", httpx2.USE_CLIENT_DEFAULT)
        if auth is httpx2.USE_CLIENT_DEFAULT:
            auth = cast("httpx2.Client", self).auth
        return self._settings if auth is self._settings.auth else self._settings_under(auth)

    def _settings_under(self, auth: object) -> Settings:
        settings, rim, renewer = self._settings, self._settings.rim, None
        if isinstance(auth, httpx2.Auth):
            from failwell.clients.renewal import renewer_of

            client = cast("Client | AsyncClient", self)
            renewer = renewer_of(auth, rim, client.base_url, sync=isinstance(self, httpx2.Client))
        return msgspec.structs.replace(
            settings,
            auth=auth,
            account=getattr(auth, "tenant", ""),
            arm=renewer and renewer.armed,
            rim=msgspec.structs.replace(rim, renew=renewer and renewer.renew),
        )

    @property
    def contract(self) -> Contract:
        """What the API promises about failing."""
        return self._settings.contract

    @property
    def policy(self) -> Policy:
        """How this client lives with failure."""
        return self._settings.policy

    @property
    def rim(self) -> Rim:
        """Where its calls touch the world: the clock, the sleep, the hooks."""
        return self._settings.rim

    def with_options(self, **options: Any) -> Self:
        """A view of this client, over the same connections, whose calls have these `Options`.

        An `idempotency_key` serves the view's first write; the second raises
        `InvalidRequestError`.
        """
        view = copy.copy(self)
        view._settings = self._settings.with_options(Options(**options))
        return view

    def under(self, contract: Contract) -> Self:
        """A view of this client, over the same connections, for a part of the API that has a
        contract of its own."""
        from failwell.clients import arguments

        view, named = copy.copy(self), arguments.contract(contract)
        view._settings = msgspec.structs.replace(self._settings, contract=named)
        return view

    def build_request(
        self,
        method: str,
        url: httpx2.URL | str,
        *,
        content: Any = None,
        data: Any = None,
        files: Any = None,
        json: Any = None,
        params: Any = None,
        headers: Any = None,
        cookies: Any = None,
        timeout: Any = httpx2.USE_CLIENT_DEFAULT,
        extensions: Any = None,
        **others: Any,
    ) -> httpx2.Request:
        """httpx2's own, which raises `InvalidRequestError` for what cannot be a request."""
        this = cast("httpx2.Client", self)
        parsed, base = self._parsed, this.base_url
        if parsed.base is not base:
            parsed = self._parsed = Parsed(base)
        known = parsed.get(url)
        try:
            # Each by its name: gathered and spread out, they take three times as long.
            built = cast("Callable[..., httpx2.Request]", super().build_request)(  # type: ignore[misc]
                method, known, content=content, data=data, files=files, json=json,
                params=params, headers=headers, cookies=cookies, timeout=timeout,
                extensions=extensions, **others,
            )  # fmt: skip
        except (httpx2.InvalidURL, UnicodeError) as error:
            from failwell.redaction import text

            why = text(str(error))
        else:
            if known is url and params is None and not this.params:
                parsed.keep(url, built.url)
            if not cookies and this.cookies and "cookie" not in httpx2.Headers(headers):
                from failwell.clients.httpx2.own import JAR

                built.extensions = {**built.extensions, JAR: True}
            return built
        raise InvalidRequestError.of(f"The request cannot be built: {why}")

    @property
    def event_hooks(self) -> dict[str, list[Any]]:
        """httpx2's own: what is called with each request, and with each answer."""
        return cast("ReadFirst", vars(self)["_event_hooks"]).given

    @event_hooks.setter
    def event_hooks(self, event_hooks: dict[str, list[Any]]) -> None:
        given = {name: list(event_hooks.get(name, ())) for name in ("request", "response")}
        vars(self)["_event_hooks"] = ReadFirst(given, self._keep_refusal)

    def _build_auth(self, auth: Any) -> httpx2.Auth | None:
        """httpx2's own; of Digest, one that takes a challenge it cannot use for a refusal."""
        build = cast("Callable[..., httpx2.Auth | None]", super()._build_auth)  # type: ignore[misc]
        built = build(auth)
        if type(built) is not httpx2.DigestAuth:
            return built
        from failwell.clients.httpx2.digest import Lenient

        return Lenient(built)

    def _build_redirect_request(
        self, request: httpx2.Request, response: httpx2.Response
    ) -> httpx2.Request:
        """httpx2's own, which raises the same for a location that only a socket would refuse."""
        from failwell.clients.httpx2.address import why_unreachable

        build = cast("Callable[..., httpx2.Request]", super()._build_redirect_request)  # type: ignore[misc]
        following = build(request, response)
        unreachable = why_unreachable(following.url.raw_host, following.url.port)
        if unreachable is not None:
            raise httpx2.RemoteProtocolError(
                f"Invalid URL in location header: {unreachable}", request=request
            )
        if self._settings.arm is not None:
            cast("TokenAuth", self._settings.auth).withhold(request, following)
        return following

    def _close_own_store(self) -> None:
        close = getattr(self._own_store, "close", None)
        if close is not None:
            close()


def _plain(headers: httpx2.Headers) -> dict[str, str]:
    """The fields, read byte by byte: httpx2 may find no encoding in which it can tell them."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers.raw}
