"""MatCraft: materials optimisation, from an MDL document to a Pareto set."""

from failwell.apis.matcraft.async_campaigns import AsyncCampaign
from failwell.apis.matcraft.async_client import AsyncMatCraftClient
from failwell.apis.matcraft.campaigns import Campaign
from failwell.apis.matcraft.client import MatCraftClient
from failwell.apis.matcraft.contract import MATCRAFT, RETRY
from failwell.apis.matcraft.exceptions import MatCraftAPIError
from failwell.apis.matcraft.records import (
    CampaignRecord,
    Dataset,
    JobRecord,
    Page,
    Point,
    Results,
    Template,
)

__all__ = [
    "MATCRAFT",
    "RETRY",
    "AsyncCampaign",
    "AsyncMatCraftClient",
    "Campaign",
    "CampaignRecord",
    "Dataset",
    "JobRecord",
    "MatCraftAPIError",
    "MatCraftClient",
    "Page",
    "Point",
    "Results",
    "Template",
]
