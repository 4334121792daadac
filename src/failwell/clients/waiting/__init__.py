"""Waiting for jobs: `wait` for one, `as_completed` for many, over clients of any API."""

from failwell.clients.waiting.many import as_completed
from failwell.clients.waiting.one import wait
from failwell.clients.waiting.pending import Pending

__all__ = ["Pending", "as_completed", "wait"]
