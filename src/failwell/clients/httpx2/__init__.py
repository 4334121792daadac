"""httpx2: the clients, one attempt, its body, its sockets and its stream."""

from failwell.clients.httpx2.client import AsyncClient, Client

__all__ = ["AsyncClient", "Client"]
