"""Wire shapes: one a file, each with its reader and its writer side by side.

A shape is imported when it is first asked for: most programs speak one.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from failwell.dialects.flat import Flat
    from failwell.dialects.generic import Generic
    from failwell.dialects.graphql import GraphQL
    from failwell.dialects.nested import Nested
    from failwell.dialects.problem import Problem

__all__ = ["Flat", "Generic", "GraphQL", "Nested", "Problem"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{name.lower()}"), name)
