"""What Flow's clients do with samples, projects, pipelines and files, told once for sync and
async. `kind` is the class of the thing that is given back: each world has its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

from failwell.apis.flow.client.facts import (
    DataFacts,
    ExecutionFacts,
    Import,
    Permission,
    ProjectFacts,
    SampleFacts,
)
from failwell.apis.flow.client.reading import Link, id_of, read, read_all
from failwell.apis.operation import Ask, Operation, deleted
from failwell.errors import InvalidRequestError
from failwell.settings import Options

T = TypeVar("T")
S = TypeVar("S", bound=SampleFacts)
P = TypeVar("P", bound=ProjectFacts)
D = TypeVar("D", bound=DataFacts)
E = TypeVar("E", bound=ExecutionFacts)

PAGE = 100
"""Things on a page; Flow gives no more."""


def get_sample(kind: type[S], sample: object) -> Operation[S]:
    """The sample as it is now."""
    response, _ = yield from Ask("GET", f"samples/{id_of(sample)}")
    return read(response, kind)


def search_samples(kind: type[S], asked: Mapping[str, Any]) -> Operation[list[S]]:
    """All samples that one may read and that meet what is asked."""
    return (yield from _pages(kind, "samples/search", "samples", asked))


def create_sample(kind: type[S], body: Mapping[str, Any], key: str | None) -> Operation[S]:
    """A new sample."""
    response, _ = yield from Ask("POST", "samples/create", json=_given(body), options=_keyed(key))
    return read(response, kind)


def edit_sample(kind: type[S], sample: object, changes: Mapping[str, Any]) -> Operation[S]:
    """The sample with these changes."""
    response, _ = yield from Ask("POST", f"samples/{id_of(sample)}/edit", json=dict(changes))
    return read(response, kind)


def delete_sample(sample: object) -> Operation[None]:
    """The sample and its files are gone."""
    yield from deleted(f"samples/{id_of(sample)}")


def share(what: str, thing: object, users: Sequence[object], level: Permission) -> Operation[None]:
    """These users may do so much with a sample or a project. Raises `InvalidRequestError` for one
    name where a list is meant: its letters are no users."""
    if isinstance(users, str):
        raise InvalidRequestError.of(f"users is the text {users[:80]!r}: give a list of names")
    body = {"users": [str(getattr(user, "username", user)) for user in users], "permission": level}
    yield from Ask("POST", f"{what}/{id_of(thing)}/share", json=body)


def get_projects(kind: type[P], *, owned: bool) -> Operation[list[P]]:
    """All projects that one may read, or one's own."""
    path = "projects/owned" if owned else "projects/search"
    return (yield from _pages(kind, path, "projects", {}))


def get_project(kind: type[P], project: object) -> Operation[P]:
    """The project as it is now."""
    response, _ = yield from Ask("GET", f"projects/{id_of(project)}")
    return read(response, kind)


def create_project(kind: type[P], body: Mapping[str, Any], key: str | None) -> Operation[P]:
    """A new project."""
    response, _ = yield from Ask("POST", "projects/new", json=_given(body), options=_keyed(key))
    return read(response, kind)


def delete_project(project: object) -> Operation[None]:
    """The project is gone; its samples stay."""
    yield from deleted(f"projects/{id_of(project)}")


def project_samples(kind: type[S], project: object) -> Operation[list[S]]:
    """The samples of a project."""
    return (yield from _pages(kind, f"projects/{id_of(project)}/samples", "samples", {}))


def pipelines() -> Operation[list[dict[str, Any]]]:
    """The pipelines, by category and subcategory."""
    response, _ = yield from Ask("GET", "pipelines")
    return read(response, list[dict[str, Any]])


def run_pipeline(
    kind: type[E], pipeline: object, body: Mapping[str, Any], key: str | None
) -> Operation[E]:
    """A new execution of a version of a pipeline, by its id, or by the pipeline's name."""
    version = quote(str(getattr(pipeline, "id", pipeline)), safe="")
    if version in ("", ".", ".."):
        raise InvalidRequestError.of(f"{pipeline!r} is not the id or the name of a pipeline")
    path = f"pipelines/versions/{version}/run"
    response, _ = yield from Ask("POST", path, json=_given(body), options=_keyed(key))
    return read(response, kind)


def get_execution(kind: type[E], execution: object) -> Operation[E]:
    """The execution as it is now."""
    response, _ = yield from Ask("GET", f"executions/{id_of(execution)}")
    return read(response, kind)


def get_outputs(kind: type[D], execution: object) -> Operation[list[D]]:
    """The files that an execution has made."""
    response, _ = yield from Ask("GET", f"executions/{id_of(execution)}/outputs")
    return read_all(response, kind, "data")


def cancel_execution(kind: type[E], execution: object) -> Operation[E]:
    """The execution, ended."""
    response, _ = yield from Ask("POST", f"executions/{id_of(execution)}/cancel")
    return read(response, kind)


def get_data(kind: type[D], data: object) -> Operation[D]:
    """The file as it is now."""
    response, _ = yield from Ask("GET", f"data/{id_of(data)}")
    return read(response, kind)


def link_to(data: object) -> Operation[Link]:
    """A new link to download a file by."""
    response, _ = yield from Ask("POST", f"data/{id_of(data)}/download-link")
    return read(response, Link)


def import_samples(imports: Sequence[Mapping[str, Any]], key: str | None) -> Operation[Import]:
    """A new import of accessions, all of them or none."""
    body = {"imports": [dict(one) for one in imports]}
    response, _ = yield from Ask("POST", "v2/sample-imports", json=body, options=_keyed(key))
    return read(response, Import)


def _pages(kind: type[T], path: str, member: str, asked: Mapping[str, Any]) -> Operation[list[T]]:
    """What stands on all pages. What is added or deleted meanwhile may be missed or come twice."""
    found: list[T] = []
    params = {name: _spelled(value) for name, value in asked.items() if value is not None}
    for page in range(1, 10**6):
        paged = {**params, "page": str(page), "count": str(PAGE)}
        response, _ = yield from Ask("GET", path, params=paged)
        listed = read_all(response, kind, member)
        found += listed
        if len(listed) < PAGE or len(found) >= read(response, int, "count"):
            break
    return found


def _given(body: Mapping[str, Any]) -> dict[str, Any]:
    """The members that say something; a thing is meant by its id."""
    return {name: _plain(value) for name, value in body.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]  # pyright: ignore[reportUnknownVariableType]
    return str(value.id) if hasattr(value, "id") else value


def _spelled(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(_plain(value))


def _keyed(key: str | None) -> Options | None:
    return None if key is None else Options(idempotency_key=key)
