"""A contract by its name on the command line."""

from __future__ import annotations

from failwell.cli.modules import imported
from failwell.contract import Contract

KNOWN = {
    "generic": "failwell.dialects.generic:GENERIC",
    "ionworks": "failwell.apis.ionworks.contract:IONWORKS",
    "ionq": "failwell.apis.ionq.contract:IONQ",
    "flow": "failwell.apis.flow.contract:FLOW",
    "toolpath": "failwell.apis.toolpath.contract:TOOLPATH",
    "matcraft": "failwell.apis.matcraft.contract:MATCRAFT",
}
"""What failwell knows by heart, and where that is."""


def find(name: str) -> Contract:
    """The contract of this name, or the one at `module:NAME`. Raises `ValueError` for none."""
    module, _, attribute = KNOWN.get(name, name).partition(":")
    if not attribute:
        known = ", ".join(KNOWN)
        raise ValueError(f"no contract {name!r}: use {known}, or module:NAME for one of your own")
    found = getattr(imported(module, option=repr(name)), attribute, None)
    if found is None:
        raise ValueError(f"{name!r} cannot be read: {module} has no {attribute}")
    if not isinstance(found, Contract):
        raise ValueError(f"{name!r} is a {type(found).__name__}, and no Contract")
    return found
