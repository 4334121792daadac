"""httpx 0.27 and 0.28: transports that make any client, and so any SDK, live with failing APIs."""

from failwell.clients.httpx.transport import AsyncTransport, Transport

__all__ = ["AsyncTransport", "Transport"]
