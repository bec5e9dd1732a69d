"""Settings -> the spec of a family: the named one, with what the settings and the data change in it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from experiments.settings import ModelSettings
from graph.models import spec_of
from graph.spec import BaseSpec


def model_spec(model: ModelSettings, classes: int = 1, image: int = 0, grid: bool = True) -> BaseSpec:
    """``classes``: channels of the mask; 1 is binary. ``image``: pixels of a side, 0: what the spec says. ``grid``: the
    data come on a dyadic grid, which the spec may then count on."""
    changes: dict[str, Any] = {"classes": classes}
    changes |= {"backbone": model.backbone} if model.backbone else {}
    changes |= {"audio": model.audio} if model.audio else {}
    changes |= {"image": image} if image else {}
    spec: BaseSpec = spec_of(model.name, model.spec, **changes)
    return spec if grid else replace(spec, grid=False)
