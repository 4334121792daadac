"""The main jobs of the systems, done together under bad weather, and their books checked."""

from failwell.sandbox.demo.report import Report, Weather
from failwell.sandbox.demo.run import run

__all__ = ["Report", "Weather", "run"]
