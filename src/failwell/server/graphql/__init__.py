"""GraphQL, at the level of graphql-core, on which Strawberry and Ariadne both sit.

`Masking` says of each error what the contract allows: `extensions` hold its `code`, the request's
id and, for a mutation, its outcome. `over_http` gives each answer the status and media type that
GraphQL over HTTP asks for.
"""

from failwell.server.graphql.http import over_http
from failwell.server.graphql.masking import Masking

__all__ = ["Masking", "over_http"]
