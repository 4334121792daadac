"""The public surface, said once."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import failwell

NAMES = [
    "Governor", "Limit", "guard",
    "GENERIC", "APIConnectionError", "APIError", "APITimeoutError", "AsyncClient", "Attempt",
    "AuthenticationError", "BadRequestError", "BadResponseError", "Breaker", "Budget",
    "CircuitBreaker", "CircuitOpenError", "Client", "Code",
    "ConflictError", "Contract", "DeadlineExceededError", "Explanation", "Failure",
    "FailwellError", "Finished", "GoneError", "Idempotency", "InvalidRequestError", "Issue", "Job",
    "JobError",
    "JobFailedError", "JobTimeoutError", "Kind",
    "LookUp", "NotFoundError", "Options", "Outcome", "PayloadTooLargeError",
    "PermissionDeniedError", "Policy", "RateLimitError", "RequestIds", "Retry", "ServerError",
    "ServiceUnavailableError", "Settled", "UnprocessableError",
    "Call", "Declared", "GatherError", "Remainder", "RollbackError", "Todo",
    "TransactionalOperation", "adownload", "agather", "aupload", "download", "gather",
    "transaction", "upload",
    "RefreshError", "Token", "TokenAuth",
    "Existing", "Got", "RunError", "create_or_get",
    "Pending", "adopt", "as_completed", "carry", "end_run", "explain", "options", "wait",
]  # fmt: skip

CORE = [
    "failwell", "failwell.actions", "failwell.contract", "failwell.drive", "failwell.errors",
    "failwell.events", "failwell.headers", "failwell.job", "failwell.model", "failwell.redaction",
    "failwell.tokens",
]  # fmt: skip
ROOMS = [
    "batch", "clients", "dialects", "flows", "hooks", "policy", "stores", "testing", "transactions",
]  # fmt: skip


def modules() -> list[str]:
    found = list(CORE)
    for room in ROOMS:
        package = importlib.import_module(f"failwell.{room}")
        found.append(package.__name__)
        found += [m.name for m in pkgutil.walk_packages(package.__path__, package.__name__ + ".")]
    return found


def is_ours(cls: type) -> bool:
    """Whether failwell defines the class; what it takes over from others they explain."""
    return cls.__module__.startswith("failwell")


def members(name: str) -> list[tuple[str, object]]:
    """The public classes and functions that a module defines, and their public methods."""
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as missing:
        pytest.skip(f"{missing.name} is an extra")
    found: list[tuple[str, object]] = [(name, module)]
    for label, member in vars(module).items():
        is_own = getattr(member, "__module__", None) == name
        if label.startswith("_") or not is_own or not callable(member):
            continue
        found.append((f"{name}.{label}", member))
        if inspect.isclass(member):
            taken_over = {n for base in member.__mro__ if not is_ours(base) for n in vars(base)}
            found += [
                (f"{name}.{label}.{method}", function)
                for method, function in vars(member).items()
                if not method.startswith("_")
                and method not in taken_over
                and (inspect.isfunction(function) or isinstance(function, property))
            ]
    return found


def test_the_public_names_are_these() -> None:
    """A name that appears or disappears is a decision, and is made here."""
    assert sorted(failwell.__all__) == sorted(NAMES)
    assert len(set(failwell.__all__)) == len(failwell.__all__)
    assert all(hasattr(failwell, name) for name in NAMES)


@pytest.mark.parametrize("name", ["", ".contract", ".errors"])
def test_what_is_read_later_is_listed_at_once(name: str) -> None:
    """`dir()` shows every public name, also those that nobody has asked for yet."""
    script = f"import failwell{name} as m; print(set(m.__all__) <= set(dir(m)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60)
    assert (done.stdout, done.stderr) == (b"True\n", b"")


def test_a_name_that_is_not_there_is_refused() -> None:
    """What is read later is read by its own name only."""
    for module in ("failwell", "failwell.contract", "failwell.errors", "failwell.clients.httpx2"):
        with pytest.raises(AttributeError, match="has no attribute 'Nobody'"):
            _ = importlib.import_module(module).Nobody


def test_nothing_else_looks_public() -> None:
    """What can be seen of `failwell` without an underscore is public, or is a room."""
    rooms = {path.stem for path in Path(failwell.__file__).parent.iterdir()}
    seen = {name for name in vars(failwell) if not name.startswith("_")}
    assert seen - set(NAMES) <= rooms


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_is_explained(name: str) -> None:
    """Its docstring opens with a whole sentence."""
    member = getattr(failwell, name)
    doc = inspect.getdoc(member if callable(member) else type(member)) or ""
    assert re.match(r"\S.{15,}?[.;:,] |\S.{15,}?[.:]$", doc, re.DOTALL | re.MULTILINE), name


@pytest.mark.parametrize("module", modules())
def test_everything_public_has_a_docstring(module: str) -> None:
    """Each public module, class, function, method and property says what it does."""
    silent = [
        label
        for label, member in members(module)
        if not (inspect.getdoc(member) or "").strip() and not label.endswith(".record_type")
    ]
    assert silent == []


def test_the_version_is_said_once() -> None:
    """`failwell.__version__` is the version that is installed."""
    from importlib.metadata import version

    assert failwell.__version__ == version("failwell")


def test_it_says_that_it_is_typed() -> None:
    """Type checkers look into the package."""
    assert (Path(failwell.__file__).parent / "py.typed").exists()
