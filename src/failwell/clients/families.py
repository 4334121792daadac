"""Exceptions of both families: failwell's, and the HTTP library's that is expected at its seam.

An SDK goes on catching its own library's classes; whoever calls the SDK may catch failwell's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from failwell import redaction
from failwell.errors import FailwellError

_Ours = type[FailwellError]
_Theirs = type[BaseException]

_made: dict[tuple[_Ours, _Theirs], _Ours] = {}
_parents: dict[_Ours, tuple[_Ours, _Theirs]] = {}


def family(ours: _Ours, theirs: _Theirs) -> _Ours:
    """The class that is both, made once; it goes by the library's name, which SDKs print.

    Theirs must be made from a message alone.
    """
    if issubclass(ours, theirs):
        return ours
    both = _made.get((ours, theirs))
    if both is None:
        both = _made.setdefault((ours, theirs), _new(ours, theirs))
    return both


def joined(error: FailwellError, theirs: _Theirs) -> FailwellError:
    """The same failure, as an exception of both families; its cause and its notes come along."""
    restore, (ours, *facts) = _reduced(type(error), error)
    return _rebuilt(restore, ours, theirs, *facts)


def _new(ours: _Ours, theirs: _Theirs) -> _Ours:
    about = f"{ours.__name__} and {theirs.__module__}.{theirs.__name__}."
    members: dict[str, Any] = {"__doc__": about, "__reduce__": _reduce, "__module__": __name__}
    asked = getattr(theirs, "request", None)
    if isinstance(asked, property):
        members["request"] = asked.setter(_setter(asked))
    both: _Ours = type(theirs.__name__, (ours, theirs), members)
    _parents[both] = (ours, theirs)
    return both


def _setter(asked: property) -> Callable[[Any, Any], None]:
    def keep(error: Any, request: Any) -> None:
        assert asked.fset is not None
        asked.fset(error, _shown(request))

    return keep


def _shown(asked: Any) -> Any:
    """A request without its body and without what is secret in it: httpx hangs on each error the
    one that led to it, and SDKs read its method and URL."""
    secrets = redaction.secrets_of(asked.headers, asked.url, None)
    fields = {name: _shown_field(name, said, secrets) for name, said in asked.headers.items()}
    told = type(asked.headers)(fields, encoding="utf-8")
    return type(asked)(asked.method, redaction.address(str(asked.url), secrets), headers=told)


def _shown_field(name: str, said: str, secrets: tuple[str, ...]) -> str:
    is_secret = redaction.is_secret_parameter(name)
    return redaction.MASK if is_secret else redaction.text(said, secrets)


def _reduce(error: FailwellError) -> tuple[Any, ...]:
    """A class that is made on the fly is found again by its parents, not by its name."""
    ours, theirs = _parents[type(error)]
    restore, (_, *facts) = _reduced(ours, error)
    return _rebuilt, (restore, ours, theirs, *facts)


def _reduced(cls: _Ours, error: FailwellError) -> tuple[Callable[..., FailwellError], Any]:
    """How `cls` pickles this error: what restores it, and out of what, its class first."""
    restore, facts = cls.__reduce__(error)
    return restore, facts


def _rebuilt(
    restore: Callable[..., FailwellError], ours: _Ours, theirs: _Theirs, *facts: Any
) -> FailwellError:
    error = restore(family(ours, theirs), *facts)
    theirs.__init__(error, error.message)
    return error
