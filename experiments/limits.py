"""The least and the greatest value of a setting, said where the setting is: ``epochs: int = within(2, least=0)``."""

from __future__ import annotations

from dataclasses import Field, field
from math import inf
from typing import Any

LIMITS = "limits"
GREATEST_SEED = 2**63 - 1


def within(default: Any, *, least: float, most: float = inf) -> Any:
    """A field of a settings dataclass; what is outside is refused before a mode runs."""
    return field(default=default, metadata={LIMITS: (least, most)})


def limits(setting: Field[Any]) -> tuple[float, float] | None:
    bounds: tuple[float, float] | None = setting.metadata.get(LIMITS)
    return bounds


def described(bounds: tuple[float, float]) -> str:
    least, most = bounds
    return f"{least} to {most}" if most < inf else f"{least} or more"
