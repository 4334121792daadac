"""Logging in, staying in, logging out."""

from __future__ import annotations

from typing import Any

import msgspec

from failwell.apis.flow.client import sessions
from failwell.apis.flow.client.auth import AsyncFlowAuth, FlowAuth
from failwell.apis.flow.client.base import AsyncBase, Base
from failwell.apis.flow.client.reading import User


class Accounts(Base):
    """Who is asking."""

    _auth: FlowAuth
    _user: User | None = None

    def login(self, username: str, password: str) -> User:
        """Begin a session. Raises `AuthenticationError` for a wrong name or password."""
        token, user = self._run(sessions.log_in(username, password))
        self._auth.log_in(token)
        self._user = user
        return user

    def refresh_token(self) -> None:
        """Have a new access token in place of this one; seldom needed, for one that is over is
        renewed by itself. Raises `AuthenticationError` where the session is over, too."""
        if not self._run(sessions.renewed(self._auth.asked())):
            self._auth.log_in(self._run(sessions.fresh_token()))

    def logout(self) -> None:
        """End the session."""
        self._run(sessions.log_out())
        self._user = None
        self._auth.log_out()

    @property
    def current_user(self) -> dict[str, Any] | None:
        """Who is logged in, as plain JSON for a log; None before `login` and `me`."""
        return None if self._user is None else msgspec.structs.asdict(self._user)

    def me(self) -> User:
        """Who is logged in, as Flow says."""
        self._user = user = self._run(sessions.me())
        return user


class AsyncAccounts(AsyncBase):
    """Who is asking: see `Accounts`."""

    _auth: AsyncFlowAuth
    _user: User | None = None

    async def login(self, username: str, password: str) -> User:
        """Begin a session: see `Accounts.login`."""
        token, user = await self._run(sessions.log_in(username, password))
        self._auth.log_in(token)
        self._user = user
        return user

    async def refresh_token(self) -> None:
        """Have a new access token in place of this one: see `Accounts.refresh_token`."""
        if not await self._run(sessions.renewed(self._auth.asked())):
            self._auth.log_in(await self._run(sessions.fresh_token()))

    async def logout(self) -> None:
        """End the session."""
        await self._run(sessions.log_out())
        self._user = None
        self._auth.log_out()

    @property
    def current_user(self) -> dict[str, Any] | None:
        """Who is logged in, as plain JSON for a log; None before `login` and `me`."""
        return None if self._user is None else msgspec.structs.asdict(self._user)

    async def me(self) -> User:
        """Who is logged in, as Flow says."""
        self._user = user = await self._run(sessions.me())
        return user
