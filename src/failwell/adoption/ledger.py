"""One adoption under way: what to mount with, and what was done so far."""

from __future__ import annotations

import warnings
from typing import Any

from failwell.adoption.summary import Adoption, AdoptionWarning


class Ledger:
    """What every transport of one adopted client is made with (`settings`), and its story."""

    def __init__(self, sdk: str, settings: dict[str, Any]) -> None:
        self.settings = settings
        self._sdk = sdk
        self._told: dict[str, list[str]] = {"mounted": [], "switched_off": [], "left": []}

    def mounted(self, where: str) -> None:
        """failwell stands there now."""
        self._tell("mounted", where)

    def switched_off(self, what: str) -> None:
        """The SDK retries no more by that."""
        self._tell("switched_off", what)

    def left(self, what: str) -> None:
        """That goes past failwell, as before."""
        self._tell("left", what)

    def suspect(self, what: str) -> None:
        """That may retry by itself, and is not known well enough to be switched off."""
        self.left(what)
        warnings.warn(f"{self._sdk}: {what}", AdoptionWarning, stacklevel=2)

    def _tell(self, chapter: str, what: str) -> None:
        if what not in self._told[chapter]:
            self._told[chapter].append(what)

    def closed(self) -> Adoption:
        """The summary."""
        told = {chapter: tuple(entries) for chapter, entries in self._told.items()}
        return Adoption(sdk=self._sdk, contract=self.settings["contract"].name, **told)
