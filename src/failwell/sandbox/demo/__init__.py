"""The main jobs of the systems, done together under bad weather, and their books checked."""

from failwell.sandbox.demo.report import Report, Weather

__all__ = ["Report", "Weather"]
