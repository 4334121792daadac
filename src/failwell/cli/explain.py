"""`failwell explain`: an error answer, from a file or standard input, in plain words."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from failwell.cli import contracts
from failwell.explanation import Explanation
from failwell.explanation import explain as explained
from failwell.model import Headers, Request, Response
from failwell.policy import evidence

_STATUS_LINE = re.compile(rb"\s*HTTP/[0-9.]+ +([0-9]{3})\b[^\r\n]*(?:\r?\n|\Z)")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n]*)(?:\r?\n|\Z)")
_BLANK = re.compile(rb"\r?\n")


def read(file: Path | None) -> bytes:
    """The bytes of the file, or of standard input."""
    return sys.stdin.buffer.read() if file is None else file.read_bytes()


def explain(answer: bytes, *, contract: str, method: str, status: int | None) -> Explanation:
    """What the answer means. Raises `ValueError` where its status is not to be found, is below
    400, or the contract is not known."""
    response = parse(answer, status)
    promise = contracts.find(contract)
    request = Request(method=method.upper(), url="", reads_json=True)
    verdict = evidence.judge(promise, request, response)
    if verdict is None:
        raise ValueError(f"this answer is a success ({response.status}): nothing failed")
    return explained(promise.error(verdict.failure))


def parse(answer: bytes, status: int | None) -> Response:
    """The answer, with its status line and header fields where it has them; the last one where
    there are several (100, a proxy's, a redirect's)."""
    fields: dict[str, str] = {}
    said: int | None = None
    body = answer.strip()
    while line := _STATUS_LINE.match(answer):
        said = int(line[1])
        fields, body = _fields(answer[line.end() :], are_told=True)
        answer = body
    if said is None:
        fields, body = _fields(body, are_told=False)
    found = status or said or _status_in(body)
    if found is None:
        raise ValueError("the answer has no status line: say which status it had with --status")
    if body[:1] in b"{[" and "content-type" not in {name.lower() for name in fields}:
        fields["content-type"] = "application/json"
    return Response(status=found, headers=Headers(fields), body=body)


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
    found = re.search(rb'"(?:status|statusCode|status_code)"\s*:\s*([45][0-9]{2})\b', body)
    return int(found[1]) if found else None
