"""Toolpath's promise as data: the page's tables of codes and of statuses."""

from __future__ import annotations

import pytest

import failwell
from failwell.apis.toolpath import ToolpathError
from failwell.apis.toolpath.contract import TOOLPATH
from failwell.errors import BY_KIND

CODES = {
    "invalid_request": {400, 405},
    "unauthorized": {401},
    "forbidden": {403},
    "not_found": {404},
    "conflict": {409},
    "rate_limited": {429},
    "internal_error": {422, 500, 503},
}
AGAIN = {429, 500, 503}
"""What the page calls retryable with backoff."""


def test_the_catalogue_is_the_published_one() -> None:
    """Seven codes, ten statuses, and what to do about each."""
    listed = [(entry.code, entry.status) for entry in TOOLPATH.codes]
    published = [(code, status) for code, statuses in CODES.items() for status in statuses]
    assert sorted(listed) == sorted(published)
    assert all(entry.means and entry.advice for entry in TOOLPATH.codes)


@pytest.mark.parametrize("status", sorted(set[int]().union(*CODES.values())))
def test_each_status_has_its_exception(status: int) -> None:
    """Toolpath's class, which is failwell's of that kind; the status says whether to try again."""
    (code,) = [code for code, statuses in CODES.items() if status in statuses]
    error = TOOLPATH.fail(code, status)
    assert isinstance(error, ToolpathError)
    assert isinstance(error, BY_KIND[error.failure.kind])
    assert (error.code, error.status_code, error.retryable) == (code, status, status in AGAIN)


def test_one_code_is_three_failures() -> None:
    """`internal_error`: refused, broken, away; the code alone does not say which."""
    kinds = [type(TOOLPATH.fail("internal_error", status)) for status in (422, 500, 503)]
    assert issubclass(kinds[0], failwell.UnprocessableError)
    assert issubclass(kinds[1], failwell.ServerError)
    assert issubclass(kinds[2], failwell.ServiceUnavailableError)
    with pytest.raises(ValueError, match="say which of 422, 500, 503"):
        TOOLPATH.fail("internal_error")
