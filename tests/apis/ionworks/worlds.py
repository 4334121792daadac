"""Clients of both worlds, whose methods are called the same way."""

from __future__ import annotations

from typing import Any

from apis.ionworks.conftest import Lab
from apis.serving import Driven, World
from failwell.apis.ionworks import AsyncIonworks, Ionworks
from failwell.settings import Policy, Retry

QUICK = Policy(retry=Retry(base=0.01, cap=0.05, fast_base=0.01))


class Clients(World):
    """Makes clients of one world."""

    def __call__(self, lab: Lab, key: str = "key", **how: Any) -> Any:
        """A client of this sandbox, with one of its credentials; its retries are quick."""
        return self.at(api_key=lab.keys.get(key, key), api_url=lab.base, **how)

    def at(self, **how: Any) -> Any:
        """A client that is made with these arguments."""
        how = {"policy": QUICK, "trust_env": False} | how
        return Driven(self.keep((AsyncIonworks if self.is_async else Ionworks)(**how)), self)
