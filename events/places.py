"""``Value``: what a node computed, and where that is new: in a box of a map, in rows of tokens, or anywhere."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from events.box import Box, around

Places = Box | Tensor  # of a map [B, C, H, W]; of tokens [B, N, C], their indices


@dataclass(frozen=True)
class Value:
    """``places``: where it differs from a frame ago (it may be more than that); None: anywhere, if ``changed``."""

    now: Tensor
    changed: bool
    places: Places | None = None


def share(places: Places, x: Tensor) -> float:
    """Of the places of a map or of tokens."""
    return places.area / (x.shape[2] * x.shape[3]) if isinstance(places, Box) else len(places) / x.shape[1]


def part_of(x: Tensor, places: Places) -> Tensor:
    """A view of a box; a copy of rows."""
    return places.of(x) if isinstance(places, Box) else x.index_select(1, places)


def put(x: Tensor, places: Places, part: Tensor) -> None:
    if isinstance(places, Box):
        places.of(x).copy_(part)
    else:
        x.index_copy_(1, places, part)


def together(first: Places, second: Places | None) -> Places:
    if second is None:
        return first
    if isinstance(first, Box):
        assert isinstance(second, Box)
        return first | second
    assert isinstance(second, Tensor)
    return first if first is second else torch.cat([first, second]).unique()


def within(differs: Places, places: Places) -> Places:
    """Of what lies in ``places``, as places of the whole."""
    if isinstance(differs, Box):
        assert isinstance(places, Box)
        return differs.moved(places.top, places.left)
    assert isinstance(places, Tensor)
    return places[differs]


def differences(now: Tensor, last: Tensor) -> Tensor:
    """1 where they differ, else 0, as floats: a bool in between takes several times as long."""
    return torch.ne(now, last, out=torch.empty_like(now))


def places_of(differs: Tensor) -> tuple[bool, Places | None]:
    """(whether anything differs, where), of a map or of tokens."""
    if differs.ndim == 4:
        box = around(differs)
        return box is not None, box
    if differs.ndim == 3:
        rows = differs.amax((0, 2)).nonzero()[:, 0]
        return len(rows) > 0, rows
    return bool(differs.amax()), None


def compared(now: Tensor, last: Tensor | None) -> Value:
    if last is None or last.shape != now.shape:
        return Value(now, True)
    changed, places = places_of(differences(now, last))
    return Value(now, True, places) if changed else Value(last, False)
