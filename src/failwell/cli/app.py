"""The verbs and their arguments. Those that need the sandbox import it themselves."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import cyclopts
from cyclopts import Parameter

from failwell import __version__
from failwell.actions import StoreError
from failwell.cli import docs as docs_verb
from failwell.cli import explain as explain_verb
from failwell.cli import recover as recover_verb
from failwell.cli import render
from failwell.cli import runs as runs_verb
from failwell.cli import trace as trace_verb
from failwell.cli import wait as wait_verb
from failwell.errors import FailwellError
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
    store: str | None = None,
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
    store
        The URL of the store for quotas and idempotency records; in a temporary file if left out.
    """
    from failwell.cli import sandbox as sandbox_verb

    try:
        sandbox_verb.serve(
            port=port, only=tuple(only or ()), seed=seed, store=store, ready=render.ready
        )
    except (ValueError, OSError, StoreError) as error:
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
        Whose answer it is: generic, ionworks, ionq, flow, toolpath, matcraft, or module:NAME.
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
    only: Annotated[list[str] | None, Parameter(negative=())] = None,
    files: Path | None = None,
    seed: int = 7,
    plain: Annotated[bool, Parameter(negative=())] = False,
    report: Path | None = None,
    picture: Path | None = None,
) -> None:
    """Do the main jobs of the systems through the sandbox, over a bad network and failing parts.

    Parameters
    ----------
    faults
        How bad the weather is.
    only
        Work with just this system (may be given several times).
    files
        A folder of STEP files for Toolpath; the ones that come with failwell if left out.
    seed
        Makes the weather repeat.
    plain
        Plain lines instead of a live table.
    report
        Also leave the run as a page, in this HTML file.
    picture
        Also draw the end of the run into this SVG file.
    """
    from failwell.cli import demo as demo_verb

    try:
        told = demo_verb.run(
            faults=faults, only=tuple(only or ()), files=files, seed=seed, plain=plain
        )
        if report is not None:
            demo_verb.write_page(told, report)
        if picture is not None:
            picture.write_text(render.picture(told), encoding="utf-8")
    except (ValueError, OSError, RuntimeError) as error:
        sys.exit(render.trouble(error))
    sys.exit(render.demo(told))


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
        ionworks, ionq, flow, toolpath, matcraft, or module:NAME for a contract of your own.
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


@app.command
def recover(
    *,
    store: str,
    app: Annotated[list[str] | None, Parameter(negative=())] = None,
    wait: float = 0.0,
    forget: str | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Finish or roll back the transactions whose processes are gone.

    Parameters
    ----------
    store
        Where they are kept: sqlite:///path/to/file.db, postgresql://… or valkey://….
    app
        The module with their steps, or module:client to send requests with that client too (may
        be given several times).
    wait
        Wait so many seconds for transactions that a process may still hold.
    forget
        Recover nothing; take this transaction off the books, for its to-do list is done.
    json
        Print JSON for machines.
    """
    try:
        if forget is not None:
            found = [recover_verb.forget(forget, store=store)]
        else:
            found = recover_verb.recover(apps=app or [], store=store, wait=wait)
    except (ValueError, LookupError, ModuleNotFoundError, StoreError) as error:
        sys.exit(render.trouble(error))
    sys.exit(render.recoveries(found, as_json=json))


runs = cyclopts.App(name="runs", help="The runs of scripts that a store keeps.")
app.command(runs)


@runs.command(name="list")
def list_runs(*, store: str, json: Annotated[bool, Parameter(negative=())] = False) -> None:
    """List the runs that have not ended, and their writes of which the end is not known.

    Parameters
    ----------
    store
        Where they are kept: sqlite:///path/to/file.db, postgresql://… or valkey://….
    json
        Print JSON for machines.
    """
    try:
        found = runs_verb.listed(store=store)
    except (ValueError, ModuleNotFoundError, StoreError) as error:
        sys.exit(render.trouble(error))
    render.runs(found, as_json=json)


@runs.command(name="end")
def end_run(
    name: str, /, *, store: str, force: Annotated[bool, Parameter(negative=())] = False
) -> None:
    """End a run: its keys and its answers are forgotten, and its name begins anew.

    Parameters
    ----------
    name
        The run's name.
    store
        Where it is kept: sqlite:///path/to/file.db, postgresql://… or valkey://….
    force
        Forget writes, too, of which nobody knows what became of them.
    """
    try:
        ended = runs_verb.end(name, store=store, force=force)
    except (ValueError, LookupError, ModuleNotFoundError, StoreError, FailwellError) as error:
        sys.exit(render.trouble(error))
    render.ended(ended)


@app.command
def wait(
    url: str,
    /,
    *,
    record: str = "",
    state: str = "status",
    reason: str = "error",
    succeeded: Annotated[list[str] | None, Parameter(negative=())] = None,
    failed: Annotated[list[str] | None, Parameter(negative=())] = None,
    cancelled: Annotated[list[str] | None, Parameter(negative=())] = None,
    token_env: str | None = None,
    header_env: Annotated[list[str] | None, Parameter(negative=())] = None,
    timeout: float | None = None,
    tolerate: float = 60.0,
) -> None:
    """Wait for a job that another program has left running, and print its record as JSON.

    Parameters
    ----------
    url
        The URL of the job's record.
    record
        The member of the answer that holds the record (data, data.job); the answer itself if
        left out.
    state
        The member of the record that tells the state; empty to go by 202 and 200 alone.
    reason
        The member that says why the job failed.
    succeeded
        A state that is success (may be given several times); common words if left out.
    failed
        A state that is failure (may be given several times).
    cancelled
        A state that is cancellation (may be given several times).
    token_env
        The environment variable with the token for "Authorization: Bearer".
    header_env
        A header and the environment variable that holds its value, as X-Api-Key=MY_KEY (may be
        given several times).
    timeout
        Give up after so many seconds.
    tolerate
        Bear a streak of failed looks for so many seconds.
    """
    try:
        job = wait_verb.declared(
            record=record, state=state, reason=reason,
            succeeded=succeeded, failed=failed, cancelled=cancelled,
        )  # fmt: skip
        access = wait_verb.Access(token_env=token_env, header_env=tuple(header_env or ()))
        ended = wait_verb.wait(url, job, access, timeout=timeout, tolerate=tolerate)
    except (ValueError, FailwellError) as error:
        sys.exit(render.trouble(error))
    except KeyboardInterrupt:
        sys.exit(130)
    render.job(ended)
