"""The server half for Strawberry: `strawberry.Schema(..., extensions=[masking(CONTRACT)])`."""

from __future__ import annotations

from graphql import GraphQLError
from strawberry.extensions import MaskErrors

from failwell.contract import Contract
from failwell.journal import Journal
from failwell.server.graphql import Masking, over_http

__all__ = ["masking", "over_http"]


def masking(contract: Contract, journal: Journal | None = None) -> type[MaskErrors]:
    """An extension for a schema: its errors leave with the contract's codes, the request's id and,
    of a mutation, their outcome; one that nobody meant for the caller says nothing of its cause."""
    masked = Masking(contract, journal)

    class Masked(MaskErrors):
        def __init__(self) -> None:
            super().__init__()

        def anonymise_error(self, error: GraphQLError) -> GraphQLError:
            return masked.told(error)

    return Masked
