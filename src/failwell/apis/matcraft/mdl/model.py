"""What an MDL document says, once it is known to be right."""

from __future__ import annotations

from typing import Literal

import msgspec

ParameterType = Literal["continuous", "integer", "categorical"]
Direction = Literal["maximize", "minimize"]


class Parameter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something to vary: `bounds` where it is a number, `choices` where it is a word."""

    name: str
    type: ParameterType
    bounds: tuple[float, float] = (0.0, 1.0)
    choices: tuple[str, ...] = ()
    log_scale: bool = False


class Objective(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something to make as large or as small as possible; `expression` computes it where the
    domain does not."""

    name: str
    direction: Direction
    weight: float = 1.0
    reference_point: float | None = None
    expression: str | None = None


class Constraint(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What must hold: an inequality or equality over parameter names."""

    expression: str
    tolerance: float = 1e-6


class Optimizer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How to search. `budget` and `batch_size` are evaluations; `population` is how many
    candidates the surrogate screens for a batch. The last four are the training settings of the
    surrogate `mlp`, a network; `gp` is a Gaussian process, and needs none."""

    method: str = "cma-es"
    budget: int = 100
    batch_size: int = 10
    surrogate: str = "gp"
    seed: int = 0
    sigma0: float = 0.3
    population: int = 40
    learning_rate: float = 1e-3
    epochs: int = 200
    dropout: float = 0.0
    activation: str = "relu"


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A whole document."""

    name: str
    domain: str
    parameters: tuple[Parameter, ...]
    objectives: tuple[Objective, ...]
    constraints: tuple[Constraint, ...] = ()
    optimizer: Optimizer = Optimizer()
    description: str = ""
    version: str = "1.0"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a dataset for this problem has."""
        varied = tuple(one.name for one in self.parameters)
        return varied + tuple(one.name for one in self.objectives)
