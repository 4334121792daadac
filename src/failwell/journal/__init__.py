"""What failed, found again by its request id: redacted, bounded, written off the request's path."""

from failwell.journal.base import Backend
from failwell.journal.entry import Entry, entry, of_failure
from failwell.journal.opening import open
from failwell.journal.writer import Journal

__all__ = ["Backend", "Entry", "Journal", "entry", "of_failure", "open"]
