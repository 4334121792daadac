"""The verbs and their arguments."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import cyclopts
from cyclopts import Parameter

from failwell import __version__
from failwell.cli import demo as demo_verb
from failwell.cli import explain as explain_verb
from failwell.cli import render
from failwell.cli import sandbox as sandbox_verb
from failwell.sandbox.demo import Weather

app = cyclopts.App(
    name="failwell",
    version=__version__,
    help="Failing HTTP APIs, on both sides of the wire.",
)


@app.command
def sandbox(
    *,
    port: int = 8765,
    only: Annotated[list[str] | None, Parameter(negative=())] = None,
    seed: int | None = None,
) -> None:
    """Serve the re-created systems on 127.0.0.1 until Ctrl-C.

    Parameters
    ----------
    port
        The port; 0 takes any free one.
    only
        Serve just this system (may be given several times).
    seed
        Makes faults that come by chance repeat.
    """
    try:
        sandbox_verb.serve(port=port, only=tuple(only or ()), seed=seed, ready=render.ready)
    except (ValueError, OSError) as error:
        sys.exit(render.trouble(error))


@app.command
def explain(
    file: Path | None = None,
    /,
    *,
    contract: str = "generic",
    method: str = "POST",
    status: int | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Say in plain words what an error answer means.

    Parameters
    ----------
    file
        The answer: its body, or the whole of it as `curl -i` prints it. Standard input if left out.
    contract
        Whose answer it is: generic or toolpath.
    method
        The method of the request that it answers.
    status
        Its status, where the input has no status line.
    json
        Print JSON for machines.
    """
    try:
        explanation = explain_verb.explain(
            explain_verb.read(file), contract=contract, method=method, status=status
        )
    except (ValueError, OSError) as error:
        sys.exit(render.trouble(error))
    render.explanation(explanation, as_json=json)


@app.command
def demo(
    *,
    faults: Weather = "default",
    files: Path | None = None,
    seed: int = 7,
    at_once: int = 8,
    plain: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Price real STEP files through the sandbox, over a bad network and a failing Engine.

    Parameters
    ----------
    faults
        How bad the weather is.
    files
        A folder of STEP files; the ones that come with failwell if left out.
    seed
        Makes the weather repeat.
    at_once
        How many files are under way at a time.
    plain
        Plain lines instead of a live table.
    """
    report = demo_verb.run(faults=faults, files=files, seed=seed, at_once=at_once, plain=plain)
    sys.exit(render.demo(report))
