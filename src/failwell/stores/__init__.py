"""Where shared state lives: each store applies a pure change to one record, atomically."""

from failwell.stores.base import open

__all__ = ["open"]
