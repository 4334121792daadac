"""How a secret may be written where it is echoed: as it is, in JSON, in a URL, in HTML."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import quote, quote_plus

_ESCAPE = r"%[0-9A-F]{2}"
_LEVELS = 4


@lru_cache(maxsize=256)
def spellings(secret: str) -> frozenset[bytes]:
    """Each way to write it, in JSON also as a text in a text in a text."""
    import html

    percent, plus = quote(secret, safe="", errors="replace"), quote_plus(secret, errors="replace")
    forms = {
        *(secret, html.escape(secret), json.dumps(secret)[1:-1].replace("/", "\\/")),
        *_in_json(secret, is_ascii=True),
        *_in_json(secret, is_ascii=False),
        *(percent, re.sub(_ESCAPE, _lower, percent), plus, re.sub(_ESCAPE, _lower, plus)),
    }
    return frozenset(form.encode("utf-8", "replace") for form in forms)


def _in_json(text: str, *, is_ascii: bool) -> Iterator[str]:
    for _ in range(_LEVELS):
        text = json.dumps(text, ensure_ascii=is_ascii)[1:-1]
        yield text


def _lower(escape: re.Match[str]) -> str:
    return escape.group().lower()


@lru_cache(maxsize=256)
def needles(secrets: tuple[str, ...]) -> tuple[str, ...]:
    """The fewest spellings such that a text without them is without any of the secrets."""
    spelt = sorted({s.decode() for secret in secrets for s in spellings(secret)}, key=len)
    return tuple(
        one for number, one in enumerate(spelt) if not any(less in one for less in spelt[:number])
    )
