"""The pipelines that there are, and which samples and parameters each takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from failwell.apis.flow.desk.fields import Fields

_READS = ("RNA-Seq", "CLIP-Seq", "ChIP-Seq")


class Parameter(msgspec.Struct, frozen=True):
    """A whole number that a pipeline takes."""

    name: str
    title: str
    least: int
    most: int
    default: int


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a pipeline. `organisms` is empty where any will do."""

    number: int
    name: str
    processes: tuple[str, ...]
    parameters: tuple[Parameter, ...] = ()
    sample_types: tuple[str, ...] = _READS
    organisms: tuple[str, ...] = ()

    @property
    def schema(self) -> dict[str, Any]:
        """What its parameters may be, as JSON Schema."""
        properties = {
            one.name: {
                "type": "integer",
                "title": one.title,
                "minimum": one.least,
                "maximum": one.most,
                "default": one.default,
            }
            for one in self.parameters
        }
        return {"type": "object", "properties": properties, "additionalProperties": False}

    def settings(self, given: Mapping[str, Any]) -> dict[str, int]:
        """Every parameter with its value. Raises VALIDATION_ERROR."""
        fields = Fields(given)
        known = {one.name: one for one in self.parameters}
        settings = {name: one.default for name, one in known.items()}
        for name, value in given.items():
            number = int(value) if isinstance(value, str) and value[:9].isdigit() else value
            one = known.get(name)
            if one is None:
                fields.complain(f"params.{name[:50]}", "There is no such parameter")
            elif type(number) is not int or not one.least <= number <= one.most:
                why = f"Give a whole number from {one.least} to {one.most}"
                fields.complain(f"params.{name}", why)
            else:
                settings[name] = number
        fields.check()
        return settings


class Pipeline(msgspec.Struct, frozen=True, kw_only=True):
    """A pipeline; its last version is the one that is run by its name."""

    number: int
    name: str
    description: str
    category: str
    subcategory: str
    versions: tuple[Version, ...]

    @property
    def version(self) -> Version:
        return self.versions[-1]


_K = Parameter("k", "Length of a k-mer", 1, 31, 15)
_QUALITY = Parameter("quality", "Quality below which an end is cut off", 0, 41, 20)
_LENGTH = Parameter("min_length", "Length below which a read is dropped", 0, 1000, 20)

PIPELINES = (
    Pipeline(
        number=1,
        name="FastQC",
        description="Reads, bases, GC content and quality at each position.",
        category="Quality control",
        subcategory="Reads",
        versions=(Version(number=1, name="1.0", processes=("FASTQC",)),),
    ),
    Pipeline(
        number=2,
        name="Read-Trimming",
        description="Cuts ends of low quality off, drops short reads, and looks at what is left.",
        category="Quality control",
        subcategory="Reads",
        versions=(
            Version(number=2, name="1.0", processes=("TRIM",), parameters=(_QUALITY, _LENGTH)),
            Version(
                number=3,
                name="1.1",
                processes=("TRIM", "FASTQC"),
                parameters=(_QUALITY, _LENGTH),
            ),
        ),
    ),
    Pipeline(
        number=3,
        name="RNA-Seq",
        description="Quality, trimming and the spectrum of k-mers of RNA of human or mouse.",
        category="Sequencing",
        subcategory="Transcriptomics",
        versions=(
            Version(
                number=4,
                name="1.0",
                processes=("FASTQC", "TRIM", "KMERS"),
                parameters=(_QUALITY, _LENGTH, _K),
                sample_types=("RNA-Seq",),
                organisms=("Hs", "Mm"),
            ),
        ),
    ),
)

VERSIONS = {version.number: (one, version) for one in PIPELINES for version in one.versions}
_NAMED = {one.name: (one, one.version) for one in PIPELINES}


def found(name: str) -> tuple[Pipeline, Version] | None:
    """The pipeline and version with this number of a version, or this name of a pipeline."""
    if name.isascii() and name.isdigit() and len(name) < 10:
        return VERSIONS.get(int(name))
    return _NAMED.get(name)


def numbered(name: str) -> Pipeline | None:
    """The pipeline with this number or name."""
    return next((one for one in PIPELINES if name in (str(one.number), one.name)), None)
