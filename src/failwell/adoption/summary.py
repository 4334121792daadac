"""What an adoption found and did, and the ways in which it can fail."""

from __future__ import annotations

import logging

import msgspec

logger = logging.getLogger("failwell")


class AdoptionError(TypeError):
    """An object that failwell cannot adopt; the message says which it can, and what else to do."""


class AdoptionWarning(UserWarning):
    """Something in an adopted client may send a request again by itself."""


class Adoption(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one client: where failwell was mounted, which retries of the SDK's own were
    switched off, and what goes past failwell still."""

    sdk: str
    contract: str
    mounted: tuple[str, ...]
    switched_off: tuple[str, ...]
    left: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"adopted {self.sdk} under the contract {self.contract!r}"]
        lines += [f"  mounted: {what}" for what in self.mounted]
        lines += [f"  switched off: {what}" for what in self.switched_off]
        lines += [f"  left as it is: {what}" for what in self.left]
        return "\n".join(lines)


def log(adoption: Adoption) -> None:
    """Write the summary at INFO to the logger "failwell"."""
    logger.info("%s", adoption, extra={"failwell": adoption})
