"""A word in the last line of a pipeline's description, by which the pipeline is found again.

Names of pipelines are not unique, but Ionworks keeps what their description says without a look at
it, and its list of pipelines can be asked for it (the filter `description` of `ionworks-api` 0.38).
"""

from __future__ import annotations

from typing import Any

import msgspec

from failwell.apis.answers import spelled

TAG = "failwell-tag"
_MARK = f"{TAG}: "


def tagged(body: bytes, word: str) -> bytes | None:
    """The body of a new pipeline with this word in its description, where that of another one
    gives way; None where there is no room for it. All else stays as it is, to the byte."""
    pipeline = spelled(body)
    if not pipeline:
        return None
    try:
        said = msgspec.json.decode(pipeline.get("description", b"null"), type=str | None)
    except (msgspec.DecodeError, RecursionError):
        return None
    told = "\n\n".join(filter(None, (untagged(said), _MARK + word)))
    return msgspec.json.encode({**pipeline, "description": told})


def untagged(description: str | None) -> str | None:
    """The description as the caller gave it."""
    said, word = _parted(description or "")
    return description if word is None else said or None


def is_tagged(pipeline: dict[str, Any], word: str) -> bool:
    """Whether this pipeline's description carries the word."""
    description = pipeline.get("description")
    return isinstance(description, str) and _parted(description)[1] == word


def _parted(description: str) -> tuple[str, str | None]:
    """What is said, and the word after it, if there is one in a line of its own."""
    said, mark, word = description.rstrip().rpartition(_MARK)
    is_last_line = bool(mark) and len(word.split()) == 1 and said[-1:] in ("", "\n")
    return (said.rstrip(), word) if is_last_line else (description, None)
