"""Flow: bioinformatics samples, data, pipelines and executions, over REST and GraphQL."""

from failwell.apis.flow.client import AsyncClient, Client
from failwell.apis.flow.contract import FLOW, FLOW_GRAPHQL, FLOW_QUERIES, FLOW_V2
from failwell.apis.flow.exceptions import FlowError

__all__ = [
    "FLOW",
    "FLOW_GRAPHQL",
    "FLOW_QUERIES",
    "FLOW_V2",
    "AsyncClient",
    "Client",
    "FlowError",
]
