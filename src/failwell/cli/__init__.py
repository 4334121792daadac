"""The command line: each verb is a file with its arguments and its deed; `render` alone prints."""

from __future__ import annotations

import sys
from typing import NoReturn

_EXTRAS = {"psycopg": "postgres", "valkey": "valkey", "redis": "valkey"}
"""Which extra brings a library that a verb may lack; `sandbox` brings all others."""


def main() -> None:
    """Run the command line of this process."""
    try:
        from failwell.cli.app import app
    except ModuleNotFoundError as error:
        _end(error, extra="cli")
    try:
        app()
    except ModuleNotFoundError as error:
        _end(error, extra=_EXTRAS.get(error.name or "", "sandbox"))


def _end(error: ModuleNotFoundError, *, extra: str) -> NoReturn:
    if error.name is None or error.name.partition(".")[0] == "failwell":
        raise error
    sys.exit(f"failwell: {error.name} is missing here: pip install 'failwell[{extra}]'")
