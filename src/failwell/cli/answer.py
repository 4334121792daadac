"""An answer as people have it: what `curl -i` printed, or the body alone."""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec

from failwell.contract import Contract
from failwell.model import Headers, Response

_STATUS_LINE = re.compile(rb"\s*HTTP/[0-9.]+ +([0-9]{3})\b[^\r\n]*(?:\r?\n|\Z)")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n]*)(?:\r?\n|\Z)")
_BLANK = re.compile(rb"\r?\n")
_STATUS_MEMBER = re.compile(rb'"(?:status|statusCode|status_code)"\s*:\s*([45][0-9]{2})\b')


class Answer(NamedTuple):
    """An answer; `status` is None where nothing in it says which one it had."""

    status: int | None
    headers: Headers
    body: bytes

    @property
    def is_json(self) -> bool:
        """Whether the body is a JSON object or list."""
        try:
            return isinstance(msgspec.json.decode(self.body), (dict, list))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False

    def under(self, status: int) -> Response:
        """This answer, had it come with that status."""
        return Response(status=status, headers=self.headers, body=self.body)

    def statuses(self, contract: Contract) -> list[int]:
        """The statuses that it may have had: its own, else those of its code in the contract."""
        if self.status is not None:
            return [self.status]
        failure = contract.dialect.parse(self.under(500))
        code = None if failure is None else failure.code
        return sorted(entry.status for entry in contract.codes if entry.code == code)


def parse(text: bytes) -> Answer:
    """The answer, with its status line and header fields where it has them; the last one where
    there are several (100, a proxy's, a redirect's)."""
    fields: dict[str, str] = {}
    status: int | None = None
    body = text.strip()
    while line := _STATUS_LINE.match(text):
        status = int(line[1])
        fields, body = _fields(text[line.end() :], are_told=True)
        text = body
    if status is None:
        fields, body = _fields(body, are_told=False)
        status = _status_in(body)
    if body[:1] in b"{[" and "content-type" not in {name.lower() for name in fields}:
        fields["content-type"] = "application/json"
    return Answer(status, Headers(fields), body)


def _fields(text: bytes, *, are_told: bool) -> tuple[dict[str, str], bytes]:
    """The header fields that the text begins with, and what comes after their blank line. Where
    no status line told of them and no blank line ends them, it is a body with colons in it."""
    fields: dict[str, str] = {}
    rest = text
    while field := _FIELD.match(rest):
        fields[field[1].decode()] = field[2].decode("latin-1").strip()
        rest = rest[field.end() :]
    blank = _BLANK.match(rest)
    if blank is None and not are_told:
        return {}, text
    return fields, rest[blank.end() if blank else 0 :]


def _status_in(body: bytes) -> int | None:
    found = _STATUS_MEMBER.search(body)
    return int(found[1]) if found else None
