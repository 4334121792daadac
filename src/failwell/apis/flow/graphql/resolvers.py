"""The operations of the GraphQL interface, one method each, named as in the schema."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.datastructures import UploadFile
from starlette.requests import Request

from failwell.apis.flow.access.guards import caller_of
from failwell.apis.flow.desk.content import Chunk
from failwell.apis.flow.desk.desk import Desk
from failwell.apis.flow.desk.fields import number_of
from failwell.apis.flow.graphql.objects import Object, Objects, category_objects
from failwell.apis.flow.records import DataRow, ProjectRow, UserRow
from failwell.apis.flow.refusals import invalid, not_found, wrong
from failwell.apis.flow.rest.accounts import COOKIE


class Context:
    """One request for GraphQL: who asks, and the refresh token that its answer is to set."""

    def __init__(self, desk: Desk, request: Request) -> None:
        self._accounts = desk.accounts
        self._request = request
        self.new_cookie: str | None = None

    @property
    def user(self) -> UserRow:
        """Who is logged in. Raises UNAUTHENTICATED, TOKEN_EXPIRED or TOKEN_INVALID."""
        return self._accounts.user(caller_of(self._request.scope))

    @property
    def cookie(self) -> str | None:
        """The refresh token that came along."""
        return self._request.cookies.get(COOKIE)


class Resolvers:
    """The root of every query and every mutation."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def me(self, info: Any) -> Object:
        user = info.context.user
        return Objects(self._desk, user).user(user)

    def accessToken(self, info: Any) -> str:  # noqa: N802
        return self._desk.accounts.refresh(info.context.cookie)

    def user(self, info: Any, username: str) -> Object:
        asking = info.context.user
        found = self._desk.accounts.named(username)
        if found is None:
            raise not_found("user", username[:100])
        return Objects(self._desk, asking).user(found)

    def sample(self, info: Any, id: str) -> Object:
        user = info.context.user
        return Objects(self._desk, user).sample(
            self._desk.samples.found(_number(id, "sample"), user)
        )

    def project(self, info: Any, id: str) -> Object:
        user = info.context.user
        row = self._desk.sharing.found(ProjectRow, _number(id, "project"), user)
        return Objects(self._desk, user).project(row)

    def data(self, info: Any, id: str) -> Object:
        user = info.context.user
        row = self._desk.sharing.found(DataRow, _number(id, "data"), user)
        return Objects(self._desk, user).data(row)

    def execution(self, info: Any, id: str) -> Object:
        user = info.context.user
        row = self._desk.executions.found(_number(id, "execution"), user)
        return Objects(self._desk, user).execution(row)

    def pipelineCategories(self, info: Any) -> list[Object]:  # noqa: N802
        return category_objects()

    def login(self, info: Any, username: str, password: str) -> Object:
        found = self._desk.accounts.log_in(username, password)
        info.context.new_cookie = found.refresh
        user = Objects(self._desk, found.user).user(found.user)
        return {"accessToken": found.access, "user": user}

    def runPipeline(self, info: Any, id: str, **given: Any) -> Object:  # noqa: N802
        user = info.context.user
        values = {
            "params": _object(given, "params"),
            "data_params": _object(given, "dataParams"),
            "csv_params": _object(given, "sampleParams"),
            "nextflow_version": given.get("nextflowVersion"),
        }
        row = self._desk.executions.start(user, id, values)
        return {"execution": Objects(self._desk, user).execution(row)}

    async def uploadData(self, info: Any, **given: Any) -> Object:  # noqa: N802
        return await self._uploaded(info, given, None)

    async def uploadMultiplexedData(self, info: Any, **given: Any) -> Object:  # noqa: N802
        return await self._uploaded(info, given, "multiplexed")

    async def _uploaded(self, info: Any, given: dict[str, Any], kind: str | None) -> Object:
        user = info.context.user
        blob = given["blob"]
        if not isinstance(blob, UploadFile):
            raise invalid(wrong("blob", "Send the chunk as a file of the form"))
        offset, data = given["expectedFileSize"], given.get("data")
        if not (offset >= 0 and offset == int(offset)):
            raise invalid(wrong("expectedFileSize", "Give a whole number of bytes"))
        chunk = Chunk(
            filename=given["filename"],
            offset=int(offset),
            is_last=given["isLast"],
            blob=await blob.read(),
            data=None if data is None else _number(data, "data"),
            md5=given.get("md5"),
            data_type=kind,
            is_reads=kind is not None,
        )
        row = await self._desk.uploads.take(user, chunk)
        return {"dataId": row.number}


def _number(identifier: str, kind: str) -> int:
    number = number_of(identifier)
    if number is None:
        raise not_found(kind, identifier[:100])
    return number


def _object(given: dict[str, Any], name: str) -> dict[str, Any]:
    """The object in a JSON string."""
    text = given.get(name)
    if text is None:
        return {}
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise invalid(wrong(name, f"Give a JSON object: {error}")) from None
