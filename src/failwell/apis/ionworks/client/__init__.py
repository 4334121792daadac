"""The Python client of Ionworks, sync and async."""

from failwell.apis.ionworks.client.concurrent import AsyncIonworks
from failwell.apis.ionworks.client.serial import Ionworks

__all__ = ["AsyncIonworks", "Ionworks"]
