"""Fakes for tests of code that uses failwell: time moved by hand, answers from a script.

Nothing here sleeps, opens a socket or throws dice. `StoreTests` holds what every store promises;
a store's own test is a subclass of a few lines.
"""

from failwell.testing.clock import Clock
from failwell.testing.playing import Played, play, recorded
from failwell.testing.script import Line, Script, answer
from failwell.testing.stores import StoreTests
from failwell.testing.tally import Add, Break, Drop, Look, Tally

__all__ = [
    "Add",
    "Break",
    "Clock",
    "Drop",
    "Line",
    "Look",
    "Played",
    "Script",
    "StoreTests",
    "Tally",
    "answer",
    "play",
    "recorded",
]
