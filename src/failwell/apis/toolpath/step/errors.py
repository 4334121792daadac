"""The one exception of this package."""

from __future__ import annotations


class StepError(Exception):
    """The text is not a STEP file this package can measure.

    ``code`` is one of ``invalid_geometry`` (the exchange structure or an entity is broken),
    ``no_solid`` (no body at all) and ``too_complex`` (more than ``MAX_EDGES`` edges); ``reason``
    says what is wrong and where.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason
