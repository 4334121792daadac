"""The verbs, each in a file of its own. Those that need the sandbox import it themselves."""

from __future__ import annotations

from collections.abc import Callable

import cyclopts
from rich.console import Console
from rich.text import Text

from failwell import __version__
from failwell.cli.ddl import ddl
from failwell.cli.demo import demo
from failwell.cli.docs import docs
from failwell.cli.ending import in_one_line
from failwell.cli.explain import explain
from failwell.cli.recover import recover
from failwell.cli.runs import end, listed
from failwell.cli.sandbox import sandbox
from failwell.cli.trace import trace
from failwell.cli.wait import wait


def _mistake(error: cyclopts.CycloptsError) -> Text:
    """What is wrong with the arguments, in the form of all other trouble."""
    words = ["failwell", *(error.command_chain or ()), "--help"]
    said = " ".join(str(error).split())
    return Text(f"failwell: {said} (see {' '.join(words)})")


app = cyclopts.App(
    name="failwell",
    version=__version__,
    help="Failing HTTP APIs, on both sides of the wire.",
    help_epilogue=(
        "Exit status: 0 if all went well, 1 if something failed, 2 if the arguments or the input "
        "cannot be meant, 130 after Ctrl-C (0 for the sandbox, whose end it is). What went wrong "
        "is one line on standard error."
    ),
    error_formatter=_mistake,
    error_console=Console(stderr=True, soft_wrap=True),
)
verbs: list[Callable[..., int | None]] = [
    sandbox, explain, demo, trace, docs, ddl, recover, wait,
]  # fmt: skip
for verb in verbs:
    app.command(in_one_line(verb))

runs = cyclopts.App(name="runs", help="The runs of scripts that a store keeps.")
runs.command(in_one_line(listed), name="list")
runs.command(in_one_line(end), name="end")
app.command(runs)
