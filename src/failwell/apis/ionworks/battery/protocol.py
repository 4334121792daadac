"""Cycler protocols: YAML in the Universal Cycler Protocol's form, as far as a circuit can run it.

global:
  initial_state_type: soc_percentage
  initial_state_value: 100
  initial_temperature: 25
  resolution: {time: 60}
safety_limits: {voltage_min: 2.5, voltage_max: 4.3}
steps:
  - Discharge: {mode: C-rate, value: input["Rate"], ends: [Voltage < 3.0]}
  - Rest: {duration: 600}
  - Charge: {mode: Voltage, value: 4.2, ends: [C-rate < 0.05]}

Source: Ionworks' page "Universal Cycler Protocol". Drives, waveforms, EIS, blocks and jumps are
not understood here, and said so.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, cast

import msgspec
import yaml

Direction: TypeAlias = Literal["Charge", "Discharge", "Rest"]
Mode: TypeAlias = Literal["C-rate", "Current", "Power", "Voltage"]
Number: TypeAlias = float | str
"""A number, or the name of the input that gives it."""

MOST_STEPS = 1000
_MODES: dict[str, Mode] = {mode.lower(): mode for mode in ("C-rate", "Current", "Power", "Voltage")}
_ENDS = {"voltage": "Voltage", "current": "Current", "c-rate": "C-rate", "time": "Time"}
_INPUT = re.compile(r"""\s*input\[\s*(["'])(?P<name>[^"']{1,200})\1\s*\]\s*""")
_END = re.compile(r"\s*(?P<what>[A-Za-z-]+)(?: \[[A-Za-z]+\])?\s*(?P<sign>[<>])=?\s*(?P<value>.+)")
_BOUNDS = ("voltage_min", "voltage_max")


class ProtocolError(ValueError):
    """A protocol that cannot be run; `path` is where in it."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}" if path else reason)
        self.path = path
        self.reason = reason


class End(msgspec.Struct, frozen=True):
    """A step ends when `what` is above or below `value`: V, A without its sign, C, or s."""

    what: str
    sign: str
    value: Number


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step: a setpoint, kept for `duration` seconds or until one of the `ends`."""

    direction: Direction
    mode: Mode = "Current"
    value: Number = 0.0
    duration: Number | None = None
    ends: tuple[End, ...] = ()


class Protocol(msgspec.Struct, frozen=True, kw_only=True):
    """Where the cell begins and what it is put through; `resolution` in seconds a row."""

    steps: tuple[Step, ...]
    initial: Literal["soc_percentage", "voltage"] = "soc_percentage"
    initial_value: Number = 100.0
    temperature: Number = 25.0
    resolution: Number = 60.0
    voltage_min: Number | None = None
    voltage_max: Number | None = None


class _Plain(yaml.SafeLoader):
    """YAML without aliases: a few of them, nested, spell a document that fills the memory."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases (*name) are not taken")
        return super().compose_node(parent, index)


def parse(text: str) -> Protocol:
    """The protocol in this YAML; its inputs are not filled in. Raises `ProtocolError`."""
    try:
        document = yaml.load(text, _Plain)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        reason = str(error).partition("\n")[0][:200] or type(error).__name__
        raise ProtocolError("", f"The protocol is not YAML: {reason}") from None
    fields = _mapping("", document)
    steps = fields.get("steps")
    if not isinstance(steps, list) or not steps:
        raise ProtocolError("steps", "a protocol needs a list of one step or more")
    listed = cast("list[Any]", steps)
    if len(listed) > MOST_STEPS:
        raise ProtocolError("steps", f"there are {len(listed)} steps, and {MOST_STEPS} may be")
    return Protocol(
        steps=tuple(_step(f"steps[{n}]", step) for n, step in enumerate(listed)),
        **_beginning(_mapping("global", fields.get("global") or {})),
        **_limits(_mapping("safety_limits", fields.get("safety_limits") or {})),
    )


def bind(protocol: Protocol, inputs: Mapping[str, float | str]) -> Protocol:
    """The protocol with its inputs filled in. Raises `ProtocolError` for one that is missing."""
    steps = tuple(_bound_step(f"steps[{n}]", step, inputs) for n, step in enumerate(protocol.steps))
    names = ("initial_value", "temperature", "resolution", *_BOUNDS)
    numbers = {name: _value(name, getattr(protocol, name), inputs) for name in names}
    bound = msgspec.structs.replace(protocol, steps=steps, **numbers)
    if not float(bound.resolution) > 0:
        raise ProtocolError("global.resolution.time", "must be above 0 seconds")
    return bound


def _bound_step(path: str, step: Step, inputs: Mapping[str, float | str]) -> Step:
    value = _value(f"{path}.value", step.value, inputs)
    duration = _value(f"{path}.duration", step.duration, inputs)
    if duration is not None and not duration > 0:
        raise ProtocolError(f"{path}.duration", f"is {duration:g}: it must be above 0 seconds")
    if step.direction != "Rest" and not (value is not None and value > 0):
        raise ProtocolError(f"{path}.value", f"is {value}: it must be above 0")
    ends = [
        msgspec.structs.replace(end, value=_value(f"{path}.ends[{n}]", end.value, inputs))
        for n, end in enumerate(step.ends)
    ]
    return msgspec.structs.replace(step, value=value, duration=duration, ends=tuple(ends))


def _value(path: str, number: Number | None, inputs: Mapping[str, Any]) -> float | None:
    if not isinstance(number, str):
        return number
    if number not in inputs:
        raise ProtocolError(path, f"needs the input {number!r}, which is not given")
    try:
        return float(inputs[number])
    except (TypeError, ValueError):
        raise ProtocolError(path, f"the input {number!r} is not a number") from None


def _beginning(fields: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    kind = fields.get("initial_state_type", "soc_percentage")
    if kind not in ("soc_percentage", "voltage"):
        raise ProtocolError("global.initial_state_type", "is soc_percentage or voltage")
    found["initial"] = kind
    if "initial_state_value" in fields:
        found["initial_value"] = _number("global.initial_state_value", fields)
    if "initial_temperature" in fields:
        found["temperature"] = _number("global.initial_temperature", fields)
    resolution = fields.get("resolution")
    if isinstance(resolution, dict):
        found["resolution"] = _number(
            "global.resolution.time", {"time": 60, **cast("dict[str, Any]", resolution)}
        )
    elif resolution is not None:
        found["resolution"] = _number("global.resolution", fields)
    return found


def _limits(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: _number(f"safety_limits.{name}", fields) for name in _BOUNDS if name in fields}


def _step(path: str, step: Any) -> Step:
    fields = _mapping(path, step)
    if len(fields) != 1:
        raise ProtocolError(path, "a step has one key: Charge, Discharge or Rest")
    ((name, inner),) = fields.items()
    direction = str(name).capitalize()
    where = f"{path}.{str(name)[:40]}"
    if direction not in ("Charge", "Discharge", "Rest"):
        raise ProtocolError(where, "is not a step that can be run: Charge, Discharge or Rest")
    own = _mapping(where, inner or {})
    duration = _number(f"{where}.duration", own) if own.get("duration") is not None else None
    ends = tuple(_end(f"{where}.ends[{n}]", end) for n, end in enumerate(_listed(where, own)))
    if duration is None and not ends:
        raise ProtocolError(where, "never ends: give it a duration or ends")
    if direction == "Rest":
        return Step(direction="Rest", duration=duration, ends=ends)
    return Step(
        direction=cast("Direction", direction),
        mode=_mode(f"{where}.mode", own.get("mode")),
        value=_number(f"{where}.value", own),
        duration=duration,
        ends=ends,
    )


def _mode(path: str, said: Any) -> Mode:
    mode = _MODES.get(said.lower()) if isinstance(said, str) else None
    if mode is None:
        raise ProtocolError(path, f"is one of {', '.join(_MODES.values())}")
    return mode


def _listed(where: str, fields: dict[str, Any]) -> list[Any]:
    ends = fields.get("ends")
    if ends is not None and not isinstance(ends, list):
        raise ProtocolError(f"{where}.ends", "is a list of conditions")
    return cast("list[Any]", ends or [])


def _end(path: str, end: Any) -> End:
    found = _END.fullmatch(end) if isinstance(end, str) else None
    what = _ENDS.get(found["what"].lower()) if found else None
    if found is None or what is None:
        raise ProtocolError(path, 'is not a condition such as "Voltage < 2.5"')
    return End(what, found["sign"], _number(path, {"end": found["value"]}, "end"))


def _number(path: str, fields: Mapping[str, Any], name: str | None = None) -> Number:
    given = fields.get(name or path.rpartition(".")[2])
    if isinstance(given, str) and (found := _INPUT.fullmatch(given)):
        return str(found.group("name"))
    try:
        number = float(given) if isinstance(given, (int, float, str)) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if isinstance(given, bool) or not math.isfinite(number):
        raise ProtocolError(path, 'is not a number or input["…"]')
    return number


def _mapping(path: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ProtocolError(path, "is a mapping")
    return cast("dict[str, Any]", value)
