"""Flow's GraphQL interface, on graphql-core; it is loaded at the first request for it."""
