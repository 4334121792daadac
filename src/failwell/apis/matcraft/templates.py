"""Campaigns to begin with, one for each of the domains that have formulas."""

from __future__ import annotations

from typing import Any


def _varied(name: str, low: float, high: float, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": "continuous", "bounds": [low, high], **more}


def _template(domain: str, name: str, about: str, mdl: dict[str, Any]) -> dict[str, Any]:
    whole = {"name": name, "domain": domain, "version": "1.0", "description": about, **mdl}
    return {
        "id": f"tpl_{name.replace('-', '_')}",
        "name": name,
        "domain": domain,
        "description": about,
        "mdl": whole,
    }


_LISTED = (
    _template(
        "water",
        "desalination-membrane",
        "Flux against salt rejection of a reverse-osmosis membrane.",
        {
            "parameters": [
                _varied("pressure", 40.0, 80.0),
                _varied("permeability", 0.5, 5.0, log_scale=True),
                _varied("thickness", 0.2, 2.0),
            ],
            "objectives": [
                {"name": "flux", "direction": "maximize"},
                {"name": "specific_energy", "direction": "minimize"},
            ],
            "constraints": [{"expression": "pressure * thickness <= 120"}],
            "optimizer": {"budget": 60, "batch_size": 10},
        },
    ),
    _template(
        "battery",
        "fast-charging-cell",
        "Charging time against heat of a cell.",
        {
            "parameters": [
                _varied("current", 1.0, 20.0),
                _varied("resistance", 0.005, 0.05, log_scale=True),
                {"name": "capacity", "type": "integer", "bounds": [2, 6]},
            ],
            "objectives": [
                {"name": "charging_time", "direction": "minimize"},
                {"name": "heat", "direction": "minimize", "weight": 2.0},
            ],
            "optimizer": {"budget": 60, "batch_size": 10},
        },
    ),
    _template(
        "solar",
        "silicon-cell",
        "Efficiency against cost of a silicon cell.",
        {
            "parameters": [
                _varied("fill_factor", 0.6, 0.85),
                _varied("cell_temperature", 15.0, 75.0),
                _varied("cost", 1.0, 4.0),
            ],
            "objectives": [
                {"name": "efficiency", "direction": "maximize"},
                {"name": "cost_per_watt", "direction": "minimize"},
            ],
            "optimizer": {"budget": 60, "batch_size": 10},
        },
    ),
)

TEMPLATES: dict[str, dict[str, Any]] = {one["id"]: one for one in _LISTED}
"""By id."""
