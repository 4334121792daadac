"""`failwell explain`: an error answer in plain words, wherever it comes from."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest

from failwell.cli.app import app
from failwell.sandbox.app import application, services
from failwell.sandbox.wire import running

ENVELOPE = {"error": {"code": "internal_error", "message": "The Engine is away", "requestId": "r7"}}
BODY = json.dumps(ENVELOPE)
WHOLE = (
    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
    "Retry-After: 2\r\nX-Request-Id: r7\r\n\r\n" + BODY
)
FACTS = {
    "happened", "effect", "charge", "retry", "when", "advice", "ask", "api", "status", "code",
    "kind", "outcome", "charged", "retry_after", "request_id", "support", "issues", "times",
    "causes", "todo",
}  # fmt: skip


class Told:
    """Runs the verb in this process, on a file."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._file = folder / "answer"
        self._capsys = capsys

    def words(self, answer: str | bytes, *arguments: str) -> str:
        """What is printed."""
        self._file.write_bytes(answer if isinstance(answer, bytes) else answer.encode())
        app(["explain", str(self._file), *arguments], result_action="return_value")
        out, err = self._capsys.readouterr()
        assert err == ""
        return out

    def facts(self, answer: str | bytes, *arguments: str) -> dict[str, Any]:
        """What is printed for machines."""
        facts: dict[str, Any] = json.loads(self.words(answer, "--json", *arguments))
        return facts

    def refusal(self, answer: str | bytes, *arguments: str) -> str:
        """What is said, in one line, where there is nothing to explain."""
        self._file.write_bytes(answer if isinstance(answer, bytes) else answer.encode())
        assert app(["explain", str(self._file), *arguments], result_action="return_value") == 2
        out, err = self._capsys.readouterr()
        assert out == ""
        assert err.startswith("failwell: ")
        assert err.count("\n") == 1
        return err


@pytest.fixture
def told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Told:
    return Told(tmp_path, capsys)


def test_in_plain_words(told: Told) -> None:
    """What happened, whether it took effect, whether to try again and when, what to do, the id."""
    words = told.words(WHOLE, "--contract", "toolpath")
    assert "Toolpath answered internal_error (503): The Engine is away" in words
    assert "It did not take effect: what was begun was undone." in words
    assert "Yes, in 2 seconds." in words
    assert "Try again later; the same key is still good." in words
    assert "r7" in words


def test_for_machines(told: Told) -> None:
    """`--json`: one object with always the same members."""
    facts = told.facts(WHOLE, "--contract", "toolpath")
    assert set(facts) == FACTS
    assert (facts["status"], facts["code"], facts["kind"]) == (503, "internal_error", "unavailable")
    assert (facts["outcome"], facts["retry"], facts["retry_after"]) == ("rolled_back", "yes", 2.0)
    assert facts["request_id"] == "r7"


def test_a_body_alone(told: Told) -> None:
    """A problem document says its own status; any other may be told its status."""
    assert told.facts(BODY, "--status", "503", "--contract", "toolpath")["status"] == 503
    problem = {"type": "about:blank", "status": 404, "detail": "No such job"}
    facts = told.facts(json.dumps(problem))
    assert (facts["status"], facts["kind"]) == (404, "not_found")
    assert "No such job" in facts["happened"]


def test_a_code_that_has_one_status(told: Told) -> None:
    """A body alone is enough where the contract lists its code under one status."""
    body = json.dumps({"error": {"code": "conflict", "message": "Not ready", "requestId": "r"}})
    facts = told.facts(body, "--contract", "toolpath")
    assert (facts["status"], facts["outcome"], facts["retry"]) == (409, "not_started", "no")


def test_a_code_that_has_several_statuses(told: Told) -> None:
    """Where a code stands for several statuses, a body alone is explained under each of them."""
    words = told.words(BODY, "--contract", "toolpath")
    assert "Toolpath answered internal_error (one of 422, 500, 503): The Engine is away" in words
    effect = (
        "Took effect?   422: It did not take effect: it was refused before anything was done.\n"
        "               500: Nobody can tell from this answer whether it took effect.\n"
        "               503: It did not take effect: what was begun was undone.\n"
    )
    assert effect in words
    assert "503: Try again later; the same key is still good." in words
    facts = told.facts(BODY, "--contract", "toolpath")
    assert (facts["status"], facts["outcome"], facts["retry"]) == (None, "unknown", "settle")
    assert (facts["code"], facts["request_id"]) == ("internal_error", "r7")


def test_a_body_alone_of_an_undeclared_api(told: Told) -> None:
    """Without status and contract its own sentence is told, and nothing is claimed beside it."""
    words = told.words(json.dumps({"detail": "No such oven"}))
    assert "The API answered (status not known): No such oven" in words
    assert "Nobody can tell" in words
    facts = told.facts(BODY)
    assert set(facts) == FACTS
    assert (facts["status"], facts["kind"], facts["retry"]) == (None, None, "settle")
    assert "--status" in facts["advice"]
    assert told.facts(BODY, "--method", "GET")["outcome"] is None


@pytest.mark.parametrize("status", ["0", "42", "200", "399", "600"])
def test_a_status_that_no_error_has(told: Told, status: str) -> None:
    """A `--status` outside 400 to 599 is refused by its name."""
    assert "use 400 to 599" in told.refusal(BODY, "--status", status)


@pytest.mark.parametrize("method", ["", "foo bar", "GET\r\nX: y", "é"])
def test_a_method_that_there_cannot_be(told: Told, method: str) -> None:
    """A `--method` that is no token (RFC 9110 section 5.6.2) is refused by its name."""
    assert "--method" in told.refusal(BODY, "--status", "503", "--method", method)


def test_what_is_told_does_not_contradict_itself(told: Told) -> None:
    """A conflict that passes with time is not for good: when, and what to do, say the same."""
    said = {"code": "conflict", "message": "Part part0001 is still being processed"}
    words = told.words(json.dumps({"error": said}), "--contract", "toolpath")
    assert "Not before the conflict is resolved." in words
    assert "Not as it is" not in words
    assert "send the same request with the same key" in words


@pytest.mark.parametrize("end", ["\r\n", "\n"])
@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0", "HTTP/2", "HTTP/3"])
def test_any_status_line(told: Told, end: str, version: str) -> None:
    """As `curl -i` prints it, with or without a reason, with either line end."""
    answer = f"{version} 429 {end}retry-after: 3{end}{end}" + BODY
    facts = told.facts(answer)
    assert (facts["status"], facts["retry_after"]) == (429, 3.0)
    assert "The Engine is away" in facts["happened"]


def test_the_last_answer_counts(told: Told) -> None:
    """Interim answers, a proxy's and a redirect's stand before the one that is meant."""
    before = "HTTP/1.1 200 Connection established\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
    redirect = "HTTP/1.1 307 Temporary Redirect\r\nLocation: /x\r\nRetry-After: 99\r\n\r\n"
    facts = told.facts(before + redirect + WHOLE, "--contract", "toolpath")
    assert (facts["status"], facts["retry_after"]) == (503, 2.0)


def test_headers_alone(told: Told) -> None:
    """`curl -I` has no body: the status and the headers are explained."""
    facts = told.facts("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n")
    assert (facts["status"], facts["retry_after"]) == (503, 5.0)


def test_text_with_a_colon_is_no_header(told: Told) -> None:
    """A plain sentence such as `Error: no space left` is the body that it looks like."""
    facts = told.facts("Error: no space left", "--status", "500")
    assert "Error: no space left" in facts["happened"]


def test_the_method_makes_the_difference(told: Told) -> None:
    """A lost write is settled first, a lost read is just asked again; `--method` says which."""
    html = "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\n\r\n<h1>Bad Gateway</h1>"
    write, read = told.facts(html), told.facts(html, "--method", "get")
    assert (write["outcome"], write["retry"]) == ("unknown", "settle")
    assert (read["outcome"], read["retry"]) == (None, "yes")
    assert "idempotency key" in write["when"]


def test_the_contract_knows_more(told: Told) -> None:
    """The same 422 is a puzzle to the general reader and Toolpath's word to its contract."""
    answer = "HTTP/1.1 422 Unprocessable\r\nContent-Type: application/json\r\n\r\n" + BODY
    facts = told.facts(answer, "--contract", "toolpath")
    assert (facts["retry"], facts["outcome"]) == ("no", "not_started")
    assert "Change the input" in facts["advice"]
    assert "no contract" in told.refusal(answer, "--contract", "nope")


def test_single_problems_are_listed(told: Told) -> None:
    """Validation errors are listed by their path."""
    detail = [{"loc": ["body", "age"], "msg": "must be above 0", "type": "x"}]
    words = told.words(json.dumps({"detail": detail}), "--status", "422")
    assert "age: must be above 0" in words
    assert len(told.facts(json.dumps({"detail": detail}), "--status", "422")["issues"]) == 1


def test_a_success_is_no_failure(told: Told) -> None:
    """A success is told as one, and the status of the command is 2."""
    message = told.refusal('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{"a": 1}')
    assert "success (200)" in message


@pytest.mark.parametrize(
    "garbage", [b"", b"\0\xff\xfe" * 99, b"HTTP/1.1\r\n", b"HTTP/1.1 9999 X\r\n"]
)
def test_garbage_is_told(told: Told, garbage: bytes) -> None:
    """What is no answer at all: a sentence that says what is missing, no traceback."""
    assert "--status" in told.refusal(garbage)


def test_garbage_with_a_status_is_explained(told: Told) -> None:
    """Whatever the body is, the status means something; the terminal is given no orders."""
    words = told.words(b"\x1b[31mred\x00\xff", "--status", "500")
    assert "(500)" in words
    noise = random.Random(0).randbytes(4000)
    assert "(500): HTTP 500\n" in told.words(noise, "--status", "500")
    hostile = json.dumps(
        {"error": {"code": "c", "message": "a\x1b]0;title\x07b", "requestId": "r"}}
    )
    assert "\x1b" not in told.words(hostile, "--status", "500", "--contract", "toolpath")


def test_a_file_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A missing file and a directory are told by name, and why they cannot be read."""
    for path, why in ((tmp_path / "missing", "No such file"), (tmp_path, "Is a directory")):
        assert app(["explain", str(path)], result_action="return_value") == 1
        assert capsys.readouterr().err.startswith(f"failwell: {path}: {why}")


@pytest.mark.parametrize("words", ["--contract toolpath", "- --contract toolpath",
                                   "--contract toolpath -"])  # fmt: skip
def test_standard_input(words: str) -> None:
    """Without a file, or for `-`, the answer is read from standard input; the status is 0."""
    done = subprocess.run(
        [sys.executable, "-m", "failwell", "explain", *words.split()],
        input=WHOLE.encode(),
        capture_output=True,
        check=True,
    )
    assert b"The Engine is away" in done.stdout
    assert done.stderr == b""


def test_standard_input_and_a_file(told: Told) -> None:
    """Both are one too many."""
    assert "give one of them" in told.refusal(WHOLE, "-")


def test_a_real_answer(told: Told) -> None:
    """What a real service said, as it came off the wire, is explained."""
    with running(application(services(("toolpath",)))) as url:
        response = httpx2.get(f"{url}/toolpath/api/public/v0/parts/part0001", trust_env=False)
    head = "".join(f"{name}: {value}\r\n" for name, value in response.headers.multi_items())
    whole = f"HTTP/1.1 {response.status_code} X\r\n{head}\r\n{response.text}"
    facts = told.facts(whole, "--contract", "toolpath", "--method", "GET")
    assert (facts["code"], facts["retry"], facts["outcome"]) == ("unauthorized", "no", None)
    assert facts["request_id"] == response.headers["x-request-id"]
