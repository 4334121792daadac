"""Wire shapes: one a file, each with its reader and its writer side by side."""

from failwell.dialects.flat import Flat
from failwell.dialects.generic import Generic
from failwell.dialects.nested import Nested
from failwell.dialects.problem import Problem

__all__ = ["Flat", "Generic", "Nested", "Problem"]
