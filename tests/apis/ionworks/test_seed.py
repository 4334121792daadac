"""The samples of Ionworks' guide "Error Handling" run, against the sandbox, with our client.

They are read from the guide where it lies beside the repository, and repaired in stated ways alone:
re-indented, missing names and imports supplied, `{...}` filled in. The same calls in our own words
run everywhere.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from apis.ionworks.conftest import DISCHARGE, Lab
from apis.ionworks.test_client import DENSITY, SERIES
from failwell.apis.ionworks import Ionworks, IonworksError

GUIDE = Path(__file__).parents[4] / "shared" / "seeds" / "ionworks.txt"

BASIC, CORRELATION, DUPLICATES = "basic usage", "correlation ids", "avoiding duplicates"
VERBOSE, TRACEBACK = "verbose=True", "pipeline.error"
TIMEOUT, RETRIES = "timeout", "max_retries"

SAMPLES = {
    BASIC: r"^from ionworks import.*?^    print\(f\"Data[^\n]*$",
    CORRELATION: r"^try:\n    measurement =.*?^    pass$",
    DUPLICATES: r"^cell_spec = client.*?^measurement = client[^\n]*$",
    VERBOSE: r"client\.simulation\.wait_for_completion\(\)",
    TRACEBACK: r"pipeline\.error",
    TIMEOUT: r"client = Ionworks\(timeout=\d+\)",
    RETRIES: r"client = Ionworks\(max_retries=\d+\)",
}
"""Where each sample is in the guide."""

OWN = {
    BASIC: """
        from ionworks import Ionworks, IonworksError

        client = Ionworks()
        try:
            spec = client.cell_spec.get("invalid-id")
        except IonworksError as e:
            print("Message: " + e.message)
            print("Status code: " + str(e.status_code))
            print("Data: " + str(e.data))
    """,
    CORRELATION: """
        try:
            client.cell_measurement.get("invalid-id")
        except IonworksError:
            pass
    """,
    DUPLICATES: """
        cell_spec = client.cell_spec.create_or_get({...})
        cell_instance = client.cell_instance.create_or_get(cell_spec.id, {...})
        measurement = client.cell_measurement.create_or_get(cell_instance.id, {...})
    """,
    VERBOSE: "client.simulation.wait_for_completion()",
    TRACEBACK: "pipeline.error",
    TIMEOUT: "client = Ionworks(timeout=30)",
    RETRIES: "client = Ionworks(max_retries=3)",
}

FILLED: dict[str, list[tuple[str, str]]] = {
    DUPLICATES: [
        ("create_or_get({...})", "create_or_get(SPEC)"),
        ("cell_spec.id, {...}", "cell_spec.id, CELL"),
        ("cell_instance.id, {...}", "cell_instance.id, MEASUREMENT"),
    ],
    VERBOSE: [("wait_for_completion()", "wait_for_completion(SIMULATION, verbose=True)")],
    TRACEBACK: [("pipeline.error", "print(pipeline.error)")],
}
"""What stands in the places that the guide leaves open."""


def of_the_guide() -> dict[str, str]:
    """The guide's own samples. A sample that cannot be found any more fails the test."""
    text = GUIDE.read_text("utf-8")
    found = {name: re.search(each, text, re.M | re.S) for name, each in SAMPLES.items()}
    assert all(found.values()), [name for name, each in found.items() if each is None]
    return {name: each.group() for name, each in found.items() if each is not None}


SOURCES = ["own", *(["guide"] if GUIDE.exists() else [])]


@pytest.fixture(params=SOURCES)
def samples(request: pytest.FixtureRequest) -> dict[str, str]:
    """The samples, re-indented and filled in."""
    given = OWN if request.param == "own" else of_the_guide()
    repaired: dict[str, str] = {}
    for name, sample in given.items():
        repaired[name] = textwrap.dedent(sample)
        for hole, filling in FILLED.get(name, []):
            assert hole in repaired[name]
            repaired[name] = repaired[name].replace(hole, filling)
    return repaired


@pytest.fixture
def names(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The names that the samples take for granted; the environment, as the guide wants it."""
    monkeypatch.setenv("IONWORKS_API_KEY", lab.keys["key"])
    monkeypatch.setenv("IONWORKS_API_URL", lab.base)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for variable in ("IONWORKS_PROJECT_ID", "PROJECT_ID", "IONWORKS_API_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    with ExitStack() as stack:

        def connect(**settings: Any) -> Ionworks:
            """The client, closed at the end, for the samples do not close theirs."""
            return stack.enter_context(Ionworks(**settings))

        module = SimpleNamespace(Ionworks=connect, IonworksError=IonworksError)
        monkeypatch.setitem(sys.modules, "ionworks", module)  # type: ignore[arg-type]
        yield {
            **vars(module),
            "client": connect(),
            "SPEC": {"name": lab.name()},
            "CELL": {"name": "cell"},
            "MEASUREMENT": {"measurement": {"name": "m"}, "time_series": SERIES},
        }


def test_basic_usage(
    samples: dict[str, str], names: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """Message, status and data of a 404, after its correlation id."""
    exec(samples[BASIC], names)
    first, *told = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"x-correlation-id: \S+", first)
    assert told[0].startswith("Message: There is no cell specification")
    assert told[1] == "Status code: 404"
    assert told[2].startswith("Data: {'error_code': 'NOT_FOUND'")


def test_correlation_ids(
    samples: dict[str, str], names: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """The id is printed by itself."""
    exec(samples[CORRELATION], names)
    assert re.fullmatch(r"x-correlation-id: \S+\n", capsys.readouterr().out)


def test_avoiding_duplicates(samples: dict[str, str], names: dict[str, Any], lab: Lab) -> None:
    """The three calls may run again and again: they give the same records."""
    exec(samples[DUPLICATES], names)
    first, made = names["measurement"].id, lab.created
    exec(samples[DUPLICATES], names)
    assert (names["measurement"].id, lab.created) == (first, made)


def test_debugging_tips(
    samples: dict[str, str],
    names: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Polling shows its states, a pipeline its traceback; timeout and retries are as they say."""
    client = names["client"]
    names["SIMULATION"] = client.simulation.protocol(
        {
            "parameterized_model": {"capacity": 2.0, "chemistry": "NMC/Graphite"},
            "protocol_experiment": {"protocol": DISCHARGE, "name": "p"},
        }
    ).simulation_id
    exec(samples[VERBOSE], names)
    assert "completed" in capsys.readouterr().out
    made = client.pipeline.create({"elements": DENSITY})
    names["pipeline"] = client.pipeline.wait_for_completion(
        made.id, poll_interval=0.05, verbose=False, raise_on_failure=False
    )
    exec(samples[TRACEBACK], names)
    assert "Traceback" in capsys.readouterr().out
    exec(samples[TIMEOUT], names)
    assert names["client"].client.timeout.read == 30.0
    exec(samples[RETRIES], names)
    assert names["client"].client.policy.retry.max_retries == 3
    for variable in ("IONWORKS_API_KEY", "IONWORKS_API_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(ValueError, match="IONWORKS_API_KEY"):
        Ionworks()
