"""MDL, the materials description language: a YAML document of parameters, objectives and
constraints, and an optimiser's settings.

It is read in two levels, and every mistake of both is reported at once: schema (what is there,
of which type, how large) and meaning (names that clash, formulas over names that there are not).
"""

from failwell.apis.matcraft.mdl.document import Document, MalformedError, read
from failwell.apis.matcraft.mdl.model import (
    Constraint,
    Objective,
    Optimizer,
    Parameter,
    Problem,
)
from failwell.apis.matcraft.mdl.report import MistakesError
from failwell.apis.matcraft.mdl.schema import parse

__all__ = [
    "Constraint",
    "Document",
    "MalformedError",
    "MistakesError",
    "Objective",
    "Optimizer",
    "Parameter",
    "Problem",
    "parse",
    "read",
]
