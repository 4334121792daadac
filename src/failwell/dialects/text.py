"""A body that is no JSON: the sentence in a line of text, in a page, or in JSON that was cut."""

from __future__ import annotations

import codecs
import re
from contextlib import suppress

from failwell.model import Response, read_json

LONGEST = 1000
"""Characters of a sentence that are kept."""

_READ = 8192
"""Characters of a text or a page in which a sentence is looked for."""

_TEXTS_SHARE = 5
"""One in so many characters of a text may be strange; of random bytes, one in four is."""

_NAMES = ("message", "detail", "msg", "title", "error")
_CUT_SENTENCE = rf'(?s)"({"|".join(_NAMES)})"\s*:\s*(?:\[\s*)?"((?:[^"\\]|\\.)+)'
_CUT_ESCAPE = r"\\u[0-9a-fA-F]{0,3}$"
_MARKUP = r"(?i)<(?:[!?]|/?[a-z])"
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_HEADING = r"(?is)<(title|h1|h2|p)\b[^>]*>(.*?)</\1\s*>"
_TAG = r"(?is)<(script|style)\b.*?</\1\s*>|<(?:[!?]|/?[a-z])[^>]*(?:>|$)"


def sentence_in(response: Response) -> str:
    """The sentence of a body that is no JSON, or is none any more; empty where there is none."""
    text = _decoded(response)[:_READ]
    if _is_binary(text):
        return ""
    cut = dict(reversed(re.findall(_CUT_SENTENCE, text)))
    for name in _NAMES:
        if name in cut:
            return _tidy(_unescaped(cut[name]))
    if re.search(_MARKUP, text[:512]):
        return _from_html(text)
    return _tidy(text)


def _is_binary(text: str) -> bool:
    """Whether it was no text in the first place: many characters of it cannot be printed."""
    strange = sum(not (c.isprintable() or c.isspace()) for c in text)
    return strange * _TEXTS_SHARE > len(text)


def _unescaped(cut: str) -> str:
    whole = read_json(b'"%b"' % re.sub(_CUT_ESCAPE, "", cut).encode("utf-8", "replace"))
    return whole if isinstance(whole, str) else cut.replace('\\"', '"').replace("\\n", " ")


def _from_html(text: str) -> str:
    headings = (_tidy(re.sub(_TAG, " ", found[2])) for found in re.finditer(_HEADING, text))
    told = list(dict.fromkeys(filter(None, headings)))
    return ". ".join(told[:2])[:LONGEST] or _tidy(re.sub(_TAG, " ", text))


def _decoded(response: Response) -> str:
    body = as_utf8(response.body or b"")[: 4 * _READ]
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        cut_character = error.start >= len(body) - 3
        return body.decode("utf-8" if cut_character else "latin-1", "replace")


def as_utf8(body: bytes) -> bytes:
    """The body without a byte order mark, and in UTF-8 where the mark says that it is not."""
    if body[:1] == b"{":
        return body
    for mark, encoding in _MARKS.items():
        if body.startswith(mark):
            return body.decode(encoding, "replace").encode("utf-8", "replace")
    return body


def _tidy(text: str) -> str:
    with suppress(ValueError):  # a numeral of thousands of digits
        import html

        text = html.unescape(text)
    printable = "".join(c if c.isprintable() or c.isspace() else " " for c in text)
    return re.sub(r"\s+", " ", printable).strip()[:LONGEST]
