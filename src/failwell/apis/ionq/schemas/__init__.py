"""The JSON schemas of what IonQ takes and gives, for its OpenAPI document."""

from failwell.apis.ionq.schemas.given import ERROR, SUCCESSES
from failwell.apis.ionq.schemas.taken import BODIES, PARAMETERS, QUERIES

__all__ = ["BODIES", "ERROR", "PARAMETERS", "QUERIES", "SUCCESSES"]
