"""Mount failwell on a requests session, in the place of each adapter that it has."""

from __future__ import annotations

from typing import Any

from requests.adapters import BaseAdapter, HTTPAdapter

from failwell.adoption.ledger import Ledger
from failwell.clients.requests import Adapter


def mount(session: Any, ledger: Ledger) -> None:
    """Make every request of a `requests.Session` pass through failwell."""
    ours: dict[int, Adapter] = {}
    for prefix, adapter in session.adapters.items():
        inner = adapter.inner if isinstance(adapter, Adapter) else adapter
        if id(inner) not in ours:
            _tell(inner, ledger)
            ours[id(inner)] = Adapter(inner, **ledger.settings)
        session.adapters[prefix] = ours[id(inner)]


def _tell(adapter: BaseAdapter, ledger: Ledger) -> None:
    name = type(adapter).__name__
    ledger.mounted(f"Adapter over requests' {name}")
    if not isinstance(adapter, HTTPAdapter):
        ledger.suspect(f"{name} is not an HTTPAdapter, and may send a request again by itself")
    elif adapter.max_retries.total:
        retries = adapter.max_retries
        ledger.switched_off(f"urllib3's {retries.total} retries ({type(retries).__name__})")
