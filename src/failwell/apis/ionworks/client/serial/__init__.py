"""The sync client."""

from failwell.apis.ionworks.client.serial.client import Ionworks

__all__ = ["Ionworks"]
