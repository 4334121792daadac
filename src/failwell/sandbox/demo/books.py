"""The books of a run: what was really created, against what it was created for.

Whatever was created and is nobody's is a duplicate. A piece of work without a true end is lost; so
is what was told to somebody and was never created, and what was told to two.

Only what callers ask for is in the books: the sandbox itself counts neither the files that a
pipeline at Flow makes, which are its execution's, nor the links of an upload at Ionworks, nor what
of a file at Flow never became whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from failwell.sandbox.demo.story import Item


class Audit(msgspec.Struct, frozen=True):
    """What the books show."""

    duplicates: int
    lost: int


def audit(items: Iterable[Item], created: Mapping[str, Mapping[str, int]]) -> Audit:
    """The audit of all systems; `created` is what each says of its effects, by api and kind."""
    items = tuple(items)
    duplicates, lost = 0, sum(not item.done for item in items)
    for api, kinds in created.items():
        for kind, count in kinds.items():
            told = [
                identifier
                for item in items
                if item.api == api
                for identifier in item.created.get(kind, ())
            ]
            distinct = len(set(told))
            duplicates += max(0, count - distinct)
            lost += max(0, distinct - count) + len(told) - distinct
    return Audit(duplicates, lost)
