"""The command line: each verb is a file with one function; `render` alone prints."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line of this process."""
    try:
        from failwell.cli.app import app
    except ModuleNotFoundError as error:
        print(f"failwell's command line needs {error.name}: pip install 'failwell[sandbox]'")
        sys.exit(2)
    app()
