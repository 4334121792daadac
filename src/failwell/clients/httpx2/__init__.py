"""httpx2: the clients, one attempt, its body and its stream."""

from failwell.clients.httpx2.client import AsyncClient, Client

__all__ = ["AsyncClient", "Client"]
