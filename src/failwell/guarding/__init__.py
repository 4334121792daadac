"""failwell's policies around any function, whatever it calls."""

from failwell.guarding.circuit import CircuitBreaker
from failwell.guarding.stack import guard

__all__ = ["CircuitBreaker", "guard"]
