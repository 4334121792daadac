"""The peers, each in a file of its own, as its documentation sets it up for what is measured.

What a file gives is named alike in all of them: `over` a client over a mock transport, `patient`
a read that outlasts a quota or an outage, `budgeted` or `insistent` reads of a server that is
dead, `stack` a function with everything around it, `breaker` a circuit breaker's `call`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager

Read = Callable[[], object]
"""One read of the server; an answer of 400 or more is raised."""

AsyncRead = Callable[[], Awaitable[object]]

Patient = Callable[[str, float], AbstractAsyncContextManager[AsyncRead]]
"""A base URL and the seconds that a call may take, to a read that is made again for so long."""

Reading = Callable[[str], AbstractContextManager[Read]]
"""A base URL to a read that is made again as the library makes it."""

MANY = 1000
"""Attempts, for those that count them: the time is to end a call, and not their number."""
