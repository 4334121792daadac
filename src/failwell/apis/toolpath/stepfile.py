"""STEP files as callers give them: a path, text or bytes; refused here where they are none."""

from __future__ import annotations

import re
from pathlib import Path

from failwell.errors import InvalidRequestError

StepFile = str | bytes | Path

_BEGINS = re.compile(r"ISO-10303-21\s*;")


def read(step: StepFile) -> tuple[str, str | None]:
    """The STEP text, and the name of its file. Raises `InvalidRequestError` for what is none."""
    content, source = _given(step)
    text = _decoded(content, source) if isinstance(content, bytes) else content
    why = _why_not(text)
    if why is not None:
        raise InvalidRequestError.of(f"{named(source)} {why}")
    return text, source


def _given(step: StepFile) -> tuple[str | bytes, str | None]:
    if isinstance(step, Path) or (isinstance(step, str) and not _is_text(step)):
        path = Path(step)
        return _content(path), path.name
    if isinstance(step, (str, bytes)):  # pyright: ignore[reportUnnecessaryIsInstance]
        return step, None
    given = type(step).__name__
    raise InvalidRequestError.of(
        f"The STEP file is given as {given}: give its path, its text or its bytes"
    )


def _why_not(text: str) -> str | None:
    if not text.strip():
        return "is empty"
    if not _BEGINS.search(text[:4096]):
        return "is not a STEP file: it does not begin with ISO-10303-21;"
    return None


def _is_text(step: str) -> bool:
    """Whether it is STEP text, well or badly written, and not the path of a file."""
    return not step.strip() or "\n" in step or "ISO-10303-21" in step


def encoded(text: str, source: str | None) -> bytes:
    """The text as UTF-8. Raises `InvalidRequestError` where that cannot be."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise InvalidRequestError.of(f"{named(source)} holds text that is not Unicode") from None


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:
        shown = str(path) if len(str(path)) < 200 else f"{str(path)[:60]}…"
        reason = getattr(error, "strerror", None) or error
        raise InvalidRequestError.of(f"The STEP file {shown!r} cannot be read: {reason}") from None


def _decoded(data: bytes, source: str | None) -> str:
    if b"\0" in data:
        raise InvalidRequestError.of(f"{named(source)} is binary, not STEP text")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def named(source: str | None) -> str:
    """The file, as messages call it."""
    return f"The STEP file {source!r}" if source else "The STEP file"


def stem(source: str | None) -> str | None:
    """Its name without the ending."""
    return None if source is None else Path(source).stem
