"""The solids and surface bodies of a file, and the faces of their shells."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from failwell.apis.toolpath.step.errors import StepError
from failwell.apis.toolpath.step.exchange import Exchange


class Bodies(NamedTuple):
    """The numbers of the solids and of the surface models of a file."""

    solids: list[int]
    surface_models: list[int]

    @classmethod
    def of(cls, exchange: Exchange) -> Bodies:
        """Return the bodies; raise ``no_solid`` if there is none."""
        found = cls(
            exchange.numbers_of("MANIFOLD_SOLID_BREP", "FACETED_BREP", "BREP_WITH_VOIDS"),
            exchange.numbers_of("SHELL_BASED_SURFACE_MODEL"),
        )
        if not found.solids and not found.surface_models:
            raise StepError("no_solid", "the file has neither a solid nor a surface body")
        return found

    def faces(self, exchange: Exchange) -> Iterator[tuple[int, bool]]:
        """Yield each face once, and whether its shell keeps the sense of its normal."""
        seen: set[int] = set()
        for shell, sense in dict(self._shells(exchange)).items():
            for face in exchange.record(shell).references(1):
                if face not in seen:
                    seen.add(face)
                    yield face, sense

    def _shells(self, exchange: Exchange) -> Iterator[tuple[int, bool]]:
        for solid in self.solids:
            record = exchange.record(solid)
            yield record.reference(1), True
            for void in record.references(2) if record.keyword == "BREP_WITH_VOIDS" else ():
                oriented = exchange.record(void)
                yield oriented.reference(2), oriented.flag(3)
        for model in self.surface_models if not self.solids else ():
            for shell in exchange.record(model).references(1):
                yield shell, True
