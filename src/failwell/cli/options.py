"""The kinds of options that several verbs have."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

Flag = Annotated[bool, Parameter(negative=(), show_default=False)]
"""On where it is given; there is no `--no-…`."""

Several = Annotated[list[str] | None, Parameter(negative=())]
"""An option that may be given several times."""
