"""Adopt the client object of an official SDK: its calls become safe, its code stays as it is."""

from failwell.adoption.entry import adopt
from failwell.adoption.summary import Adoption, AdoptionError, AdoptionWarning

__all__ = ["Adoption", "AdoptionError", "AdoptionWarning", "adopt"]
