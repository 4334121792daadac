"""Quotas of several windows, said on every answer, in MatCraft's words."""

from __future__ import annotations

import time
from typing import Any


def test_what_is_left_is_on_every_answer(fresh: Any) -> None:
    """6: limit, remaining and reset (epoch) on successes, on 401, 404 and 422; each caller has
    a quota of its own."""
    left = []
    for key, path in (("admin", "/campaigns"), ("admin", "/nowhere"), ("read_only", "/campaigns")):
        fields = fresh.call("GET", path, key=key).headers
        assert fields["x-ratelimit-limit"] == "300"
        assert time.time() - 1 < float(fields["x-ratelimit-reset"]) < time.time() + 61
        left.append(int(fields["x-ratelimit-remaining"]))
    assert left == [299, 298, 299]
    assert "x-ratelimit-remaining" in fresh.call("GET", "/campaigns", key=None).headers


def test_rate_limited_by_the_minute(fresh: Any) -> None:
    """4: one too many in a minute; details are an array with the window, and Retry-After holds."""
    with fresh.limited(requests_per_minute=3):
        answers = [fresh.call("GET", "/campaigns") for _ in range(4)]
        assert [one.status_code for one in answers] == [200, 200, 200, 429]
        (detail,) = fresh.refused(answers[3], 429, "RATE_LIMITED")["details"]
        assert (detail["limit"], detail["window"]) == (3, "minute")
        wait = int(answers[3].headers["retry-after"])
        assert 0 < detail["retry_after"] <= wait <= 60
        assert fresh.call("GET", "/campaigns", key="read_only").status_code == 200
    assert fresh.call("GET", "/campaigns").status_code == 200


def test_rate_limited_by_the_hour(fresh: Any) -> None:
    """4: the window that is used up is the one that is named."""
    with fresh.limited(requests_per_hour=2):
        answers = [fresh.call("GET", "/nowhere") for _ in range(3)]
        (detail,) = fresh.refused(answers[2], 429, "RATE_LIMITED")["details"]
        assert (detail["limit"], detail["window"]) == (2, "hour")
        assert 60 < int(answers[2].headers["retry-after"]) <= 3600


def test_callers_without_a_key_have_a_quota_as_well(fresh: Any) -> None:
    """Guessing keys is counted by address."""
    with fresh.limited(requests_per_minute=1):
        fresh.refused(fresh.call("GET", "/jobs", key=None), 401, "UNAUTHORIZED")
        fresh.refused(fresh.call("GET", "/jobs", key="mc_live_guess"), 429, "RATE_LIMITED")


def test_campaigns_have_a_quota_of_their_own(fresh: Any) -> None:
    """4: so many new campaigns an hour; what is refused before it is made costs nothing."""
    with fresh.limited(campaigns_per_hour=2):
        new = fresh.new()
        assert fresh.call("POST", "/campaigns", json=new).status_code == 201
        fresh.refused(fresh.call("POST", "/campaigns", json=new), 409, "CONFLICT")
        fresh.refused(fresh.call("POST", "/campaigns", json={}), 400, "INVALID_REQUEST")
        assert fresh.call("POST", "/campaigns", json=fresh.new()).status_code == 201
        response = fresh.call("POST", "/campaigns", json=fresh.new())
        (detail,) = fresh.refused(response, 429, "RATE_LIMITED")["details"]
        assert (detail["limit"], detail["window"]) == (2, "hour")
        assert fresh.created["campaigns"] == 2
        assert fresh.call("GET", "/campaigns").status_code == 200
