"""What samples may be: organisms, sample types, metadata attributes, data types."""

from __future__ import annotations

from typing import Any

import msgspec


class Organism(msgspec.Struct, frozen=True):
    """A species, found by its id or by either of its names."""

    id: str
    name: str
    latin_name: str


class SampleType(msgspec.Struct, frozen=True):
    """A kind of sample; the files of one that `has_reads` are FASTQ."""

    identifier: str
    name: str
    description: str
    has_reads: bool = True


class Attribute(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that can be said of a sample; `options` are its only values where there are any,
    `required_for` the sample types that cannot do without."""

    identifier: str
    name: str
    description: str
    options: tuple[str, ...] = ()
    required_for: tuple[str, ...] = ()


ORGANISMS = (
    Organism("Hs", "Human", "Homo sapiens"),
    Organism("Mm", "Mouse", "Mus musculus"),
    Organism("Dm", "Fruit fly", "Drosophila melanogaster"),
    Organism("Sc", "Yeast", "Saccharomyces cerevisiae"),
)
SAMPLE_TYPES = (
    SampleType("RNA-Seq", "RNA-Seq", "Reads of the RNA in a sample."),
    SampleType("CLIP-Seq", "CLIP", "Reads of RNA that a protein was bound to."),
    SampleType("ChIP-Seq", "ChIP-Seq", "Reads of DNA that a protein was bound to."),
    SampleType("generic", "Generic", "Files of any kind.", has_reads=False),
)
ATTRIBUTES = (
    Attribute(
        identifier="strandedness",
        name="Strandedness",
        description="Which strand the reads are of.",
        options=("unstranded", "forward", "reverse"),
    ),
    Attribute(
        identifier="rna_selection_method",
        name="RNA selection method",
        description="How the RNA was selected.",
        options=("polya", "ribominus", "targeted"),
    ),
    Attribute(
        identifier="purification_target",
        name="Purification target",
        description="The protein that was bound.",
        required_for=("CLIP-Seq",),
    ),
    Attribute(identifier="source", name="Source", description="The cell type or tissue."),
    Attribute(identifier="scientist", name="Scientist", description="Who did the experiment."),
    Attribute(identifier="pubmed", name="PubMed", description="The id of the publication."),
)
DATA_TYPES = ("fastq", "fasta", "bam", "bed", "csv", "tsv", "txt", "generic", "multiplexed")

GENERIC = "generic"

_BY_NAME = {
    name.casefold(): organism
    for organism in ORGANISMS
    for name in (organism.id, organism.name, organism.latin_name)
}
_TYPES = {kind.identifier: kind for kind in SAMPLE_TYPES}
_ATTRIBUTES = {attribute.identifier: attribute for attribute in ATTRIBUTES}


def organism(name: str | None) -> Organism | None:
    """The organism with this id, name or Latin name, in any case."""
    return _BY_NAME.get((name or "").casefold())


def sample_type(identifier: str) -> SampleType | None:
    """The sample type with this identifier."""
    return _TYPES.get(identifier)


def attribute(identifier: str) -> Attribute | None:
    """The attribute with this identifier."""
    return _ATTRIBUTES.get(identifier)


def attribute_json(one: Attribute) -> dict[str, Any]:
    """An attribute, as it is given."""
    return {
        "identifier": one.identifier,
        "name": one.name,
        "description": one.description,
        "required": False,
        "has_options": bool(one.options),
        "allow_user_terms": not one.options,
        "allow_annotation": False,
        "sample_type_links": [
            {"sample_type_identifier": kind, "required": True} for kind in one.required_for
        ],
    }
