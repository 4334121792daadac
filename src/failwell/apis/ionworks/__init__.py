"""Ionworks: battery cells and their measurements, simulations and fits."""

from failwell.apis.ionworks.client import AsyncIonworks, Ionworks
from failwell.apis.ionworks.client.existing import RecordDiffersWarning
from failwell.apis.ionworks.contract import IONWORKS
from failwell.apis.ionworks.exceptions import IonworksError

__all__ = ["IONWORKS", "AsyncIonworks", "Ionworks", "IonworksError", "RecordDiffersWarning"]
