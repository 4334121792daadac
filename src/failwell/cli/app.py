"""The verbs and their arguments."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import cyclopts
from cyclopts import Parameter

from failwell import __version__
from failwell.actions import StoreError
from failwell.cli import demo as demo_verb
from failwell.cli import docs as docs_verb
from failwell.cli import explain as explain_verb
from failwell.cli import render
from failwell.cli import sandbox as sandbox_verb
from failwell.cli import trace as trace_verb
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
    picture: Path | None = None,
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
    picture
        Also draw the end of the run into this SVG file.
    """
    try:
        report = demo_verb.run(faults=faults, files=files, seed=seed, at_once=at_once, plain=plain)
    except (ValueError, OSError, RuntimeError) as error:
        sys.exit(render.trouble(error))
    if picture is not None:
        picture.write_text(render.picture(report), encoding="utf-8")
    sys.exit(render.demo(report))


@app.command
def trace(
    request_id: str | None = None,
    /,
    *,
    since: str | None = None,
    code: str | None = None,
    status: int | None = None,
    api: str | None = None,
    outcome: str | None = None,
    limit: int = 50,
    store: str | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Tell the story of one failed request, client and server together, or list what failed.

    Parameters
    ----------
    request_id
        The request to tell of; without it, the newest failures are listed.
    since
        How far back to list: 90s, 15m, 1h, 7d; a day if left out.
    code
        List only failures with this code.
    status
        List only failures with this status.
    api
        List only failures of this API.
    outcome
        List only failures with this outcome.
    limit
        List so many at most.
    store
        Where the journal is: sqlite:///path/to/file.db or postgresql://…; if left out,
        $FAILWELL_JOURNAL, else failwell-journal.db in this directory.
    json
        Print JSON for machines.
    """
    filters = trace_verb.Filters(since=since, code=code, status=status, api=api, outcome=outcome)
    try:
        if request_id is None:
            entries = trace_verb.entries(filters, limit=limit, store=store)
            render.journal(entries, as_json=json)
        else:
            entries = trace_verb.story(request_id, filters, store=store)
            render.story(request_id, entries, as_json=json)
    except (ValueError, LookupError, ModuleNotFoundError, StoreError) as error:
        sys.exit(render.trouble(error))


@app.command
def docs(contract: str, /) -> None:
    """Print the page about errors that an API with this contract would publish (Markdown).

    Parameters
    ----------
    contract
        toolpath, or module:NAME for a contract of your own.
    """
    sys.path.insert(0, "")
    try:
        render.text(docs_verb.page(contract))
    except ValueError as error:
        sys.exit(render.trouble(error))


@app.command
def ddl(database: str, /) -> None:
    """Print the SQL that makes the table for idempotency keys, for your own migrations.

    Parameters
    ----------
    database
        sqlite or postgresql.
    """
    try:
        render.text(docs_verb.ddl(database))
    except ValueError as error:
        sys.exit(render.trouble(error))
