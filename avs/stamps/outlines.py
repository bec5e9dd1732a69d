"""Where the animals are in the photographs of `real`: outlines drawn for this project, as closed rings of points in
thousandths of the picture's width and height. A ring of kind "hole" lies inside others and is not the animal."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw

FILE = Path(__file__).parent / "outlines.csv"
Ring = tuple[tuple[float, float], ...]


@cache
def outlines() -> dict[str, tuple[tuple[bool, Ring], ...]]:
    """Photograph -> (is it filled, its points) of every ring, holes last."""
    found: dict[str, list[tuple[bool, Ring]]] = {}
    with FILE.open(newline="") as file:
        for row in csv.DictReader(file):
            numbers = [int(word) / 1000 for word in row["points"].split()]
            ring = tuple(zip(numbers[::2], numbers[1::2], strict=True))
            found.setdefault(row["path"], []).append((row["ring"] == "outer", ring))
    return {path: tuple(sorted(rings, key=lambda ring: not ring[0])) for path, rings in found.items()}


def outlined(path: str, size: tuple[int, int]) -> Image.Image:
    """255 on the animals of a photograph that is (width, height) pixels large, else 0."""
    width, height = size
    alpha = Image.new("L", size)
    for filled, ring in outlines()[path]:
        ImageDraw.Draw(alpha).polygon([(x * width, y * height) for x, y in ring], fill=255 * filled)
    return alpha
