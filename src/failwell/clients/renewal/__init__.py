"""Tokens that are over after a while: one fetches a fresh one, the others wait for it."""

from failwell.clients.renewal.auth import TokenAuth
from failwell.clients.renewal.renewer import AsyncRenewer, Renewer, renewer_of

__all__ = ["AsyncRenewer", "Renewer", "TokenAuth", "renewer_of"]
