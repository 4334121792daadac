"""Everything that the command line prints."""

from failwell.cli.render.books import ended, recoveries, runs
from failwell.cli.render.failures import explanation, journal, story
from failwell.cli.render.lines import job, ready, text, trouble
from failwell.cli.render.works import demo, picture, watching

__all__ = [
    "demo",
    "ended",
    "explanation",
    "job",
    "journal",
    "picture",
    "ready",
    "recoveries",
    "runs",
    "story",
    "text",
    "trouble",
    "watching",
]
