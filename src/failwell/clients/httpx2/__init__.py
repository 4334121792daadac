"""httpx2: the clients, one attempt, its body and its stream."""

from failwell.clients.httpx2.concurrent import AsyncClient
from failwell.clients.httpx2.serial import Client

__all__ = ["AsyncClient", "Client"]
