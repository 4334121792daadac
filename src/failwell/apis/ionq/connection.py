"""How IonQ's clients reach it: key, base URL, time-outs and User-Agent, from arguments or the
environment.

Source: IonQ's client 0.2.0.
"""

from __future__ import annotations

import platform
import warnings

import httpx2

import failwell
from failwell.apis import keys

BASE_URL = "https://api.ionq.co/v0.4"
KEY_VARIABLE = "IONQ_API_KEY"
TIMEOUT = httpx2.Timeout(60.0, connect=10.0)
"""Seconds: at most 10 to connect, and 60 of silence."""

_ADVICE = "Make a key in IonQ's console, at cloud.ionq.com."
_LOOPBACK = ("localhost", "::1")


def headers(api_key: str | None, *tokens: str | None) -> dict[str, str]:
    """What each request carries; `tokens` are added to the User-Agent.

    Raises `InvalidRequestError`, a `ValueError`, without a usable key.
    """
    key = keys.api_key(api_key, (KEY_VARIABLE,), _ADVICE)
    return {"Authorization": f"apiKey {key}", "User-Agent": _user_agent(*tokens)}


def warn_of_cleartext(base_url: str, level: int) -> None:
    """Warns where the key would cross a network unencrypted; `level` is whose line is blamed."""
    url = httpx2.URL(base_url)
    if url.scheme == "https" or url.host in _LOOPBACK or url.host.startswith("127."):
        return
    told = f"The base URL {base_url!r} is not HTTPS: the API key is sent in cleartext"
    warnings.warn(told, UserWarning, stacklevel=level + 1)


def _user_agent(*tokens: str | None) -> str:
    own = (
        f"failwell/{failwell.__version__}",
        f"python/{platform.python_version()}",
        f"httpx2/{httpx2.__version__}",
        f"os/{platform.system().lower()}",
    )
    return " ".join((*own, *filter(None, tokens)))
