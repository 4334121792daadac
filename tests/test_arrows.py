"""Imports go one way: the picture of the house, read from the code.

A room leans on rooms below it. Beside it, only what `BESIDE` names, each with its reason.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src"

FLOORS = [
    "model tokens",
    "narrative later",
    "errors events headers quotas ids redaction settings contract job actions",
    "policy dialects",
    "flows drive places deeds",
    "clients server stores hooks journal testing",
    "explanation transactions batch guarding",
    "apis",
    "sandbox tools adoption",
    "cli page __main__",
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms.split()}

BESIDE = {
    "events": {"errors"},  # an event carries the error that is raised
    "contract": {"errors", "settings"},  # a contract gives each kind its class
    "quotas": {"headers"},  # a reset is told apart by the answer's date
    "job": {"errors"},  # a job names the exceptions of its ends
    "actions": {"events"},  # `Emit` carries an event
    "policy.evidence": {
        "dialects.generic",
        "dialects.problem",
        "policy.kept",  # not its own word
        "policy.promise",
    },
    "policy.kept": {"dialects.generic"},  # what is not the API's own word
    "policy.retry": {"policy.backoff"},
    "policy.intents": {"policy.idempotency"},  # a run keeps what a server would replay
    "policy.likeness": {"policy.idempotency"},  # and tells writes apart as a server does
    "policy.saga": {"policy.backoff", "policy.setback"},
    "policy.governor": {"policy.governor"},  # one question, in three files
    "clients": {"hooks.logging", "stores"},  # logging is on by itself; a store may be a URL
    "server": {"stores", "journal"},  # a store may be a URL; failures are written down
    "hooks.journal": {"journal"},  # the hook that writes the journal
    "hooks.jsonlines": {"journal.redact"},  # prose is redacted alike, in a journal and in a log
    "hooks.structlog": {"journal.redact"},
    "hooks.opentelemetry": {"clients"},  # it puts a span around a client's calls
    "cli": {""},  # the version
    "__main__": {"cli"},
}
"""Arrows between neighbours, by module; "" is the front door, `failwell` itself."""

PURE = ("policy", "flows", "dialects")
IMPURE = {
    "time", "random", "uuid", "os", "logging", "threading", "asyncio", "anyio", "socket", "sqlite3",
    "httpx2", "httpx", "requests", "aiohttp", "subprocess", "multiprocessing", "select", "secrets",
    "datetime", "pathlib", "tempfile", "signal", "concurrent",
}  # fmt: skip
ADAPTERS = {"rich", "cyclopts", "starlette", "uvicorn", "h2", "trio", "fastapi", "django", "flask",
            "psycopg", "valkey", "redis", "opentelemetry", "structlog", "sentry_sdk", "requests",
            "httpx", "aiohttp", "strawberry", "graphql", "jinja2", "prometheus_client"}  # fmt: skip


def name_of(path: Path) -> str:
    """The module below `failwell` ("" for the package itself)."""
    parts = path.relative_to(SOURCE / "failwell").with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted((SOURCE / "failwell").rglob("*.py"))}


def imports_of(path: Path, *, at_once: bool = False) -> Iterator[tuple[int, str]]:
    """Line and full name of all that a file imports; `at_once` leaves out what functions do."""
    tree = ast.parse(path.read_text("utf-8"))
    for node in tree.body if at_once else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: name what you import in full"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                is_module = full.removeprefix("failwell.") in MODULES
                yield node.lineno, full if is_module else str(node.module)


def is_beside(module: str, target: str) -> bool:
    """Whether the table above allows this arrow between neighbours."""
    for name, allowed in BESIDE.items():
        if module == name or module.startswith(name + "."):
            return any(target == to or (to and target.startswith(to + ".")) for to in allowed)
    return False


def is_wrong(module: str, target: str) -> bool:
    """Whether a module must not lean on that one."""
    room, other = module.partition(".")[0], target.partition(".")[0]
    if is_beside(module, target):
        return False
    if room == other:
        return room == "policy" and module != target
    if not other:
        return FLOOR[room] < FLOOR["apis"]
    return FLOOR[other] >= FLOOR[room]


def arrows(*, at_once: bool = False) -> Iterator[tuple[str, str, str]]:
    """Each arrow inside the house: where it is written, from which module, to which."""
    for module, path in MODULES.items():
        if not module:
            continue  # the front door may lean on everything
        for line, full in imports_of(path, at_once=at_once):
            package, _, target = full.partition(".")
            if package == "failwell":
                yield f"{path.relative_to(SOURCE)}:{line}", module, target


def test_every_room_has_a_floor() -> None:
    """A new room is put on a floor before anything lives in it."""
    rooms = {module.partition(".")[0] for module in MODULES} - {""}
    assert rooms <= set(FLOOR), f"put these into FLOORS: {sorted(rooms - set(FLOOR))}"


def test_every_arrow_points_down() -> None:
    """Nobody leans on what is above or beside; the message is the wrong arrow."""
    wrong = [
        f"{where}: {module} must not import {target or 'failwell'}"
        for where, module, target in arrows()
        if is_wrong(module, target)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("module", "target"),
    [
        ("model", "errors"), ("policy.retry", "policy.evidence"), ("policy.backoff", "flows.call"),
        ("flows.call", "drive"), ("drive", "flows.call"), ("stores.sqlite", "clients.httpx2"),
        ("policy.evidence", "dialects.flat"), ("clients.httpx2.serial", ""), ("apis.x", "cli.app"),
        ("dialects.flat", "policy.retry"), ("contract", "actions"), ("server.asgi", "clients"),
        ("apis.toolpath.service", "sandbox.faults"),
    ],
)  # fmt: skip
def test_a_wrong_arrow_is_seen(module: str, target: str) -> None:
    """The test above would notice."""
    assert is_wrong(module, target)


def test_every_exception_is_in_use() -> None:
    """An arrow that nobody draws any more is taken out of the table."""
    drawn = {(module, target) for _, module, target in arrows()}
    reserve = {("policy.evidence", "dialects.problem")}  # named by the design
    for name, allowed in BESIDE.items():
        for to in allowed:
            used = any(
                (module == name or module.startswith(name + "."))
                and (target == to or (to and target.startswith(to + ".")))
                for module, target in drawn
            )
            assert used or (name, to) in reserve, f"BESIDE[{name!r}] no longer needs {to!r}"


@pytest.mark.parametrize("module", [m for m in MODULES if m.partition(".")[0] in PURE])
def test_the_middle_is_pure(module: str) -> None:
    """A policy, a dialect and a flow touch no clock, dice, lock, file, socket or log."""
    roots = {full.partition(".")[0] for _, full in imports_of(MODULES[module])}
    assert roots & IMPURE == set()


def test_the_lower_floors_know_no_adapter() -> None:
    """What the facts, contracts, flows and drivers are made of needs nothing optional."""
    for module, path in MODULES.items():
        if FLOOR.get(module.partition(".")[0], 99) <= FLOOR["drive"]:
            roots = {full.partition(".")[0] for _, full in imports_of(path)}
            assert roots & ADAPTERS == set(), module


def test_importing_failwell_loads_nothing_optional() -> None:
    """No extra, no database, no event loop: `import failwell` is httpx2, msgspec and ourselves."""
    heavy = sorted(ADAPTERS | {"sqlite3", "asyncio", "anyio", "multiprocessing", "pytest"})
    script = f"import sys, failwell; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60)
    assert (done.stdout, done.stderr) == (b"[]\n", b"")


def test_importing_failwell_loads_no_room_that_is_not_needed() -> None:
    """Server, stores, journal, sandbox and command line stay unread until somebody asks."""
    script = "import sys, failwell; print(*sorted(m for m in sys.modules if m[:9] == 'failwell.'))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, timeout=60, text=True
    )
    rooms = {name.split(".")[1] for name in done.stdout.split()}
    assert rooms & {"server", "journal", "apis", "sandbox", "cli", "page", "testing"} == set()


def test_the_whole_house_has_no_circle() -> None:
    """No module needs itself, by way of others, before it can be loaded."""
    leans: dict[str, set[str]] = {module: set() for module in MODULES}
    for _, module, target in arrows(at_once=True):
        if target in MODULES and target != module:
            leans[module].add(target)
    done: set[str] = set()

    def visit(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, " -> ".join((*way[way.index(module) :], module))
        if module in done or not module:
            return
        for target in leans[module]:
            visit(target, (*way, module))
        done.add(module)

    for module in MODULES:
        visit(module, ())
