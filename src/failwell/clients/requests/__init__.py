"""requests: an adapter that makes any session, and so any SDK, live with failing APIs."""

from failwell.clients.requests.adapter import Adapter

__all__ = ["Adapter"]
