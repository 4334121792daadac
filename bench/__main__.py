"""`python -m bench [calls] [errors] [imports] [server] [policies]`: measure, print, keep it.

Only a run of everything is kept. A missed target is said to be missed; nothing fails for it, for
a busy machine is no mistake in the code. `python -m bench faults`, which counts and does not
measure, is run by name only.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from bench import calls, errors, faults, imports, policies, server
from bench.rounds import Row, Table

MEASURES = {
    "calls": calls.tables,
    "errors": errors.tables,
    "imports": imports.tables,
    "server": server.tables,
    "policies": policies.tables,
}
PACKAGES = (
    "failwell", "httpx2", "msgspec", "httpx", "httpx-retries", "httpware", "clientwright",
    "ionq-core", "starlette", "asgi-correlation-id", "slowapi", "nopanic", "stamina", "tenacity",
    "purgatory", "pybreaker", "interlock-cb", "redress", "openai", "botocore",
)  # fmt: skip
README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- results -->", "<!-- end of results -->"


def main(wanted: list[str]) -> None:
    """Measure what is wanted, or everything."""
    if wanted == ["faults"]:
        faults.run()
        return
    lines = [f"`make bench`, {_versions()}", *_header()]
    for name in wanted or MEASURES:
        for table in MEASURES[name]():
            lines += _lines(table)
    print("\n".join(lines))
    if not wanted:
        _keep(lines)


def _versions() -> str:
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return ", ".join([python, *(_version(name) for name in PACKAGES)])


def _version(name: str) -> str:
    try:
        return f"{name} {metadata.version(name)}"
    except metadata.PackageNotFoundError:
        return f"no {name}"


def _header() -> Iterator[str]:
    yield ""
    yield f"| {'measure':<45} | {'case':<20} | {'µs':>9} | {'ratio':>6} | target        |"
    yield f"|{'-' * 47}|{'-' * 22}|{'-' * 10}:|{'-' * 7}:|{'-' * 15}|"


def _lines(table: Table) -> Iterator[str]:
    title = table.title
    for row in table.rows:
        yield f"| {title:<45} | {row.name:<20} | {_figures(row)} | {_judged(row):<13} |"
        title = ""


def _figures(row: Row) -> str:
    if row.note:
        return f"{'-':>9} | {'-':>6}"
    return f"{row.micros:9.1f} | {row.ratio:6.2f}"


def _judged(row: Row) -> str:
    if row.target is None:
        return row.note or row.detail
    verdict = "met" if row.ratio <= row.target else "**missed**"
    return f"≤ {row.target:g} {verdict}" + (f"; {row.detail}" if row.detail else "")


def _keep(lines: list[str]) -> None:
    text = README.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    results = "\n".join(lines)
    README.write_text(f"{head}{BEGIN}\n\n{results}\n\n{END}{tail}", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
