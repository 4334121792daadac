"""What each endpoint takes. A field that is left out is `UNSET`, and is not stored.

Source: the Python client's models, and the table of endpoints in its documentation.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

T = TypeVar("T")
Maybe: TypeAlias = T | UnsetType | None

Name = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^\s*[^\s\x00][^\x00]*$")]
Tag = Annotated[str, Meta(min_length=1, max_length=50)]
Tags = Annotated[list[Tag], Meta(max_length=50)]
Finite = Annotated[float, Meta(ge=-1e300, le=1e300)]
Part = dict[str, Any]


class Quantity(Struct, frozen=True, forbid_unknown_fields=True):
    """A number and its unit."""

    value: Finite
    unit: Annotated[str, Meta(max_length=40)]


Properties = dict[str, Quantity | str | bool | None]
"""Numbers come as quantities; what has no unit is text or a truth value."""


class SpecFields(Struct, kw_only=True):
    """What a cell specification holds beside its name."""

    form_factor: Maybe[str] = UNSET
    manufacturer: Maybe[str] = UNSET
    ratings: Maybe[dict[str, Quantity | None]] = UNSET
    anode: Maybe[Part] = UNSET
    cathode: Maybe[Part] = UNSET
    electrolyte: Maybe[Part] = UNSET
    separator: Maybe[Part] = UNSET
    case: Maybe[Part] = UNSET
    source: Maybe[str] = UNSET
    properties: Maybe[Properties] = UNSET
    notes: Maybe[str] = UNSET


class NewSpec(SpecFields, kw_only=True):
    """`POST /cell_specifications`"""

    name: Name
    project_id: Maybe[str] = UNSET


class SpecChanges(SpecFields, kw_only=True):
    """`PATCH /cell_specifications/{id}`"""

    name: Name | UnsetType = UNSET


class BatchFields(Struct, kw_only=True):
    """What a lot holds beside its name."""

    notes: Maybe[str] = UNSET
    date_manufactured: Maybe[date] = UNSET
    properties: Maybe[Properties] = UNSET


class NewBatch(BatchFields, kw_only=True):
    """`POST /cell_specifications/{id}/cell_batches`"""

    name: Name


class BatchChanges(BatchFields, kw_only=True):
    """`PATCH /cell_batches/{id}`"""

    name: Name | UnsetType = UNSET


class InstanceFields(Struct, kw_only=True):
    """What a cell instance holds beside its name."""

    batch_id: Maybe[str] = UNSET
    date_manufactured: Maybe[date] = UNSET
    measured_properties: Maybe[Properties] = UNSET
    notes: Maybe[str] = UNSET


class NewInstance(InstanceFields, kw_only=True):
    """`POST /cell_specifications/{id}/cell_instances`"""

    name: Name


class InstanceChanges(InstanceFields, kw_only=True):
    """`PATCH /cell_instances/{id}`"""

    name: Name | UnsetType = UNSET


class MeasurementFields(Struct, kw_only=True):
    """What a measurement holds beside its name."""

    notes: Maybe[str] = UNSET
    protocol: Maybe[Part] = UNSET
    protocol_id: Maybe[str] = UNSET
    channel_id: Maybe[str] = UNSET
    start_time: Maybe[datetime] = UNSET
    end_time: Maybe[datetime] = UNSET
    test_setup: Maybe[Part] = UNSET
    tags: Tags | UnsetType = UNSET


class NewMeasurement(MeasurementFields, kw_only=True):
    """The `measurement` of an upload."""

    name: Name


class MeasurementChanges(MeasurementFields, kw_only=True):
    """`PATCH /cell_measurements/{id}`"""

    name: Name | UnsetType = UNSET


class NewProperties(NewMeasurement, kw_only=True):
    """`POST /cell_instances/{id}/cell_measurements/create`"""

    measurement_type: Literal["properties"]
    properties: Properties


UploadKind = Literal["time_series", "file"]
Filename = Annotated[
    str, Meta(min_length=1, max_length=200, pattern=r"^(?!\.{1,2}$)[^/\\\x00-\x1f\x7f]+$")
]
Filenames = Annotated[list[Filename], Meta(min_length=1, max_length=100)]


class NewUpload(Struct, kw_only=True):
    """`POST /cell_instances/{id}/cell_measurements/initiate-upload`"""

    measurement: dict[str, Any]
    measurement_type: UploadKind = "time_series"
    filenames: Filenames | UnsetType = UNSET


class Confirmation(Struct, kw_only=True):
    """`POST /cell_measurements/{id}/confirm-upload`"""

    cell_instance_id: str
    measurement: dict[str, Any]
    measurement_type: UploadKind = "time_series"
    filenames: Maybe[Filenames] = UNSET


def fields_of(body: Struct, *beside: str) -> dict[str, Any]:
    """What was given, as it is stored, without the name and what is named beside."""
    given: dict[str, Any] = msgspec.to_builtins(body)
    return {key: value for key, value in given.items() if key not in ("name", *beside)}
