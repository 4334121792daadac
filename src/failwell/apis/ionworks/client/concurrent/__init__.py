"""The async client."""

from failwell.apis.ionworks.client.concurrent.client import AsyncIonworks

__all__ = ["AsyncIonworks"]
