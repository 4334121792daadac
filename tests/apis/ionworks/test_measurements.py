"""Measurements: uploads by signed links, steps that are really derived, files and properties."""

from __future__ import annotations

import io
import time
import uuid
from typing import Any

import httpx2
import polars as pl
import pytest

from apis.ionworks.conftest import Lab, error_of, parquet

TIMES = [0.0, 600.0, 600.0, 1200.0, 1200.0, 3000.0]
SERIES: dict[str, Any] = {
    "Time [s]": TIMES,
    "Current [A]": [0.0, 0.0, 2.0, 2.0, -1.0, -1.0],
    "Voltage [V]": [4.0, 4.0, 3.9, 3.7, 3.8, 4.0],
    "Step count": [0, 0, 1, 1, 2, 2],
    "Cycle count": [0, 0, 0, 0, 1, 1],
}


@pytest.fixture(scope="module")
def cell(lab: Lab) -> dict[str, Any]:
    """A cell to measure."""
    return lab.cell()


def test_nothing_is_recorded_before_the_confirmation(lab: Lab, cell: dict[str, Any]) -> None:
    """7: links for both files; the measurement is there once it is confirmed, and then derived."""
    before, name = lab.created["measurements"], lab.name()
    begun = lab.begun(cell, name)
    links = begun["uploads"]
    assert [link["filename"] for link in links] == ["time_series.parquet", "steps.parquet"]
    assert all(set(link) == {"filename", "signed_url", "token", "path"} for link in links)
    error_of(lab.call("GET", f"/cell_measurements/{begun['measurement_id']}"), 404, "NOT_FOUND")
    put = lab.http.put(links[0]["signed_url"], content=parquet(SERIES))
    assert put.status_code == 200
    assert lab.created["measurements"] == before
    confirmed = confirm(lab, begun["measurement_id"], cell, name)
    assert confirmed.status_code == 201
    record = confirmed.json()
    assert (record["id"], record["steps_created"]) == (begun["measurement_id"], 0)
    assert record["processing_status"] in ("pending", "running", "ready")
    assert lab.created["measurements"] == before + 1
    assert lab.processed(record)["processing_status"] == "ready"


def confirm(lab: Lab, identifier: str, cell: dict[str, Any], name: str) -> httpx2.Response:
    body = {
        "cell_instance_id": cell["id"],
        "measurement": {"name": name, "tags": ["a"]},
        "measurement_type": "time_series",
    }
    return lab.call("POST", f"/cell_measurements/{identifier}/confirm-upload", json=body)


def test_steps_are_true(lab: Lab, cell: dict[str, Any]) -> None:
    """7: type, duration, capacity and energy of each step, by hand: 2 A over 600 s is 1/3 A.h."""
    record = lab.uploaded(cell, SERIES)
    lab.processed(record)
    path = f"/cell_measurements/{record['id']}"
    both = lab.call("GET", f"{path}/steps_and_cycles").json()
    steps, cycles = both["steps"], both["cycles"]
    assert steps["Step type"] == ["Rest", "Constant current discharge", "Constant current charge"]
    assert steps["Duration [s]"] == [600.0, 600.0, 1800.0]
    assert steps["Discharge capacity [A.h]"] == pytest.approx([0.0, 1 / 3, 0.0])
    assert steps["Charge capacity [A.h]"] == pytest.approx([0.0, 0.0, 0.5])
    assert steps["Discharge energy [W.h]"] == pytest.approx([0.0, 3.8 / 3, 0.0])
    assert cycles["Cycle count"] == [0, 1]
    assert cycles["Charge capacity [A.h]"] == pytest.approx([0.0, 0.5])
    assert lab.call("GET", f"{path}/cycles").json() == {"cycles": cycles}
    whole = lab.call("GET", f"{path}?include_steps=true&include_time_series=true").json()
    assert whole["steps"] == steps
    assert whole["time_series"]["Time [s]"] == TIMES
    assert "steps" not in lab.call("GET", path).json()


def test_downloads_are_the_files(lab: Lab, cell: dict[str, Any]) -> None:
    """7: the API redirects to a signed link, of which a range may be asked."""
    record = lab.uploaded(cell, body := parquet(SERIES))
    lab.processed(record)
    path = f"/cell_measurements/{record['id']}"
    to = lab.call("GET", f"{path}/time_series/download")
    assert to.status_code == 307
    assert lab.http.get(to.headers["location"]).content == body
    part = lab.http.get(to.headers["location"], headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, b"PAR1")
    steps = lab.http.get(lab.call("GET", f"{path}/steps/download").headers["location"]).content
    assert pl.read_parquet(io.BytesIO(steps))["Step count"].to_list() == [0, 1, 2]


@pytest.mark.parametrize(
    ("series", "words"),
    [
        (b"no parquet", "Parquet"),
        ({**SERIES, "Step count": None}, "'Step count'"),
        ({**SERIES, "Time [s]": [time + 5 for time in TIMES]}, "starts at 5"),
        ({**SERIES, "Time [s]": [0.0, 600.0, 500.0, 1200.0, 1200.0, 3000.0]}, "goes back in row 2"),
        ({**SERIES, "Step count": [0, 0, 2, 2, 3, 3]}, "rise by 1"),
        ({**SERIES, "Voltage [V]": [4.0, None, 3.9, 3.7, 3.8, 4.0]}, "gaps"),
        ({**SERIES, "Voltage [V]": ["x"] * 6}, "numbers"),
        ({name: [] for name in SERIES}, "not empty"),
    ],
)
def test_a_file_that_makes_no_sense(
    lab: Lab, cell: dict[str, Any], series: Any, words: str
) -> None:
    """7: the record is made all the same, and fails in processing with a sentence."""
    if isinstance(series, dict):
        series = {name: column for name, column in series.items() if column is not None}
    record = lab.processed(lab.uploaded(cell, series))
    assert record["processing_status"] == "failed"
    assert words in record["processing_error"]
    error_of(lab.call("GET", f"/cell_measurements/{record['id']}/cycles"), 404, "NOT_FOUND")


def test_a_name_clash_is_told_before_the_upload(lab: Lab, cell: dict[str, Any]) -> None:
    """7: 409 from `initiate-upload`, from `create` and from a rename, with the record that has it;
    a second confirmation of one upload too."""
    record = lab.uploaded(cell, SERIES)
    path = f"/cell_instances/{cell['id']}/cell_measurements"
    begin = lab.call(
        "POST", f"{path}/initiate-upload", json={"measurement": {"name": record["name"]}}
    )
    detail = error_of(begin, 409, "CONFLICT")["detail"]
    assert (detail["existing_id"], detail["resource"]) == (record["id"], "cell_measurement")
    body = {"name": record["name"], "measurement_type": "properties", "properties": {}}
    assert error_of(lab.call("POST", f"{path}/create", json=body), 409, "CONFLICT")
    again = confirm(lab, record["id"], cell, record["name"])
    assert error_of(again, 409, "CONFLICT")["detail"]["existing_id"] == record["id"]


def test_two_uploads_of_one_name(lab: Lab, cell: dict[str, Any]) -> None:
    """7: the second confirmation meets the name, and leaves nothing behind."""
    name = lab.name()
    first, second = lab.begun(cell, name), lab.begun(cell, name)
    for begun in (first, second):
        lab.http.put(begun["uploads"][0]["signed_url"], content=parquet(SERIES))
    assert confirm(lab, first["measurement_id"], cell, name).status_code == 201
    before = lab.created["measurements"]
    late = confirm(lab, second["measurement_id"], cell, name)
    assert error_of(late, 409, "CONFLICT")["detail"]["existing_id"] == first["measurement_id"]
    assert lab.created["measurements"] == before


def test_confirmations_of_nothing(lab: Lab, cell: dict[str, Any]) -> None:
    """4: an upload that was not begun is 404, one without its file 400."""
    error_of(confirm(lab, str(uuid.uuid4()), cell, lab.name()), 404, "NOT_FOUND")
    name = lab.name()
    begun = lab.begun(cell, name)
    error_of(confirm(lab, begun["measurement_id"], cell, name), 400, "BAD_REQUEST")
    other = lab.cell()
    error_of(confirm(lab, begun["measurement_id"], other, name), 404, "NOT_FOUND")


def test_links_are_for_one_file_and_for_a_while(lab: Lab, cell: dict[str, Any]) -> None:
    """7: without its own token 403, after its time 410, after the confirmation 410."""
    begun = lab.begun(cell, lab.name())
    one, two = (link["signed_url"] for link in begun["uploads"])
    swapped = one.partition("?")[0] + "?" + two.partition("?")[2]
    for url in (swapped, one.partition("?")[0], one + "0"):
        error_of(lab.http.put(url, content=b"x"), 403, "FORBIDDEN")
    error_of(lab.http.get(one), 403, "FORBIDDEN")
    with lab.limited(upload_link_seconds=0.001):
        stale = lab.begun(cell, lab.name())["uploads"][0]["signed_url"]
    time.sleep(0.01)
    error_of(lab.http.put(stale, content=b"x"), 410, "GONE")


def test_an_upload_that_is_too_large(lab: Lab, cell: dict[str, Any]) -> None:
    """4: 413, and the file is not there."""
    name = lab.name()
    begun = lab.begun(cell, name)
    with lab.limited(max_upload_bytes=1000):
        put = lab.http.put(begun["uploads"][0]["signed_url"], content=b"x" * 1001)
        error_of(put, 413, "PAYLOAD_TOO_LARGE")
    error_of(confirm(lab, begun["measurement_id"], cell, name), 400, "BAD_REQUEST")


def test_processing_waits_for_the_solver(lab: Lab, cell: dict[str, Any]) -> None:
    """4: without the solver a measurement is recorded and pending; it is ready when it is back."""
    with lab.stopped("solver"):
        record = lab.uploaded(cell, SERIES)
        path = f"/cell_measurements/{record['id']}"
        assert lab.call("GET", path).json()["processing_status"] == "pending"
    assert lab.processed(record)["processing_status"] == "ready"


def test_files_of_any_name(lab: Lab, cell: dict[str, Any]) -> None:
    """7: a measurement may be files; each is found by its name, however odd."""
    names, name = ["a b.txt", "ü?#%.bin"], lab.name()
    begun = lab.begun(cell, name, measurement_type="file", filenames=names)
    for link, content in zip(begun["uploads"], (b"one", b"two"), strict=True):
        assert lab.http.put(link["signed_url"], content=content).status_code == 200
    record = lab.made(
        f"/cell_measurements/{begun['measurement_id']}/confirm-upload",
        cell_instance_id=cell["id"],
        measurement={"name": name},
        measurement_type="file",
        filenames=names,
    )
    assert (record["measurement_type"], record["processing_status"]) == ("file", "ready")
    path = f"/cell_measurements/{record['id']}/files"
    assert lab.call("GET", path).json() == {"filenames": names}
    odd = lab.call("GET", f"{path}/%C3%BC%3F%23%25.bin", follow_redirects=True)
    assert odd.content == b"two"
    error_of(lab.call("GET", f"{path}/c.txt"), 404, "NOT_FOUND")


def test_files_go_with_their_cell(lab: Lab) -> None:
    """7: who deletes a cell, or its specification, deletes its files too."""
    for what, which in (("cell_instances", "id"), ("cell_specifications", "cell_specification_id")):
        cell = lab.cell()
        record = lab.uploaded(cell, SERIES)
        lab.processed(record)
        to = lab.call("GET", f"/cell_measurements/{record['id']}/time_series/download")
        assert lab.http.get(to.headers["location"]).status_code == 200
        assert lab.call("DELETE", f"/{what}/{cell[which]}").status_code == 204
        error_of(lab.http.get(to.headers["location"]), 404, "NOT_FOUND")


@pytest.mark.parametrize("filenames", [[], ["a", "a"], ["../a"], [".."], ["a/b"], ["a\x00"], [""]])
def test_filenames_that_are_none(lab: Lab, cell: dict[str, Any], filenames: list[str]) -> None:
    """4: none, twice the same, or a path: 422."""
    path = f"/cell_instances/{cell['id']}/cell_measurements/initiate-upload"
    body = {"measurement": {"name": "n"}, "measurement_type": "file", "filenames": filenames}
    error_of(lab.call("POST", path, json=body), 422, "VALIDATION_ERROR")


def test_properties(lab: Lab, cell: dict[str, Any]) -> None:
    """7: a measurement may be properties, given directly; a change and a deletion."""
    path = f"/cell_instances/{cell['id']}/cell_measurements"
    thickness = {"thickness": {"value": 0.52, "unit": "mm"}}
    record = lab.made(
        f"{path}/create", name=lab.name(), measurement_type="properties", properties=thickness
    )
    assert (record["properties"], record["processing_status"]) == (thickness, "ready")
    listed = lab.call("GET", f"{path}?measurement_type=properties&limit=1000").json()["items"]
    assert record["id"] in {item["id"] for item in listed}
    own = f"/cell_measurements/{record['id']}"
    changed = lab.call("PATCH", own, json={"tags": ["b"], "start_time": "2026-01-02T03:04:05Z"})
    assert changed.json()["tags"] == ["b"]
    assert lab.call("PATCH", own, json={"channel_id": "c-1"}).status_code == 200
    error_of(lab.call("PATCH", own, json={"start_time": None}), 400, "BAD_REQUEST")
    assert lab.call("DELETE", own).status_code == 204
    error_of(lab.call("GET", own), 404, "NOT_FOUND")
