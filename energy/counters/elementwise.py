"""Ops whose cost follows from shapes alone.

Add 1 fadd (one operand is fetched); Mul, LayerScale 1 mul; Mask, Quantize 1 cmp (a shift and a truncation);
batch norm that is left, ``Affine``, 1 fmac; layer and group norm, with live statistics: sum 1 fadd, centre 1 fadd,
square and add 1 fmac, scale 1 mul, affine 1 fmac, and per row of statistics 2 mul (the two means) and 1
transcendental (reciprocal root). Bilinear upsampling 4 fmac an output. A window of k values: k - 1 compares
or adds, and 1 mul for an average whose k is no power of two. Decode: T - 1 adds.
"""

from __future__ import annotations

from energy.columns import Counts
from energy.counters.products import power_of_two
from energy.counters.traffic import fetched, moved
from energy.observe import Seen


def nothing(seen: Seen) -> Counts:
    return Counts()


def add(seen: Seen) -> Counts:
    """The stored operand is the first: the stream that the second is added to."""
    return moved(seen, Counts(fadd=seen.elements))


def multiply(seen: Seen) -> Counts:
    return Counts(mul=seen.elements, weight_B=fetched(seen, seen.op.parameters()))


def compare(seen: Seen) -> Counts:
    return Counts(cmp=seen.elements)


def affine(seen: Seen) -> Counts:
    return Counts(fmac=seen.elements, weight_B=fetched(seen, seen.op.parameters()))


def norm(seen: Seen) -> Counts:
    op, size = seen.op, seen.elements
    if op.foldable:
        return affine(seen)
    weights = fetched(seen, op.parameters())
    row = op.channels if op.form == "layer" else seen.output[0].numel() // op.groups
    rows = size // row
    return Counts(fadd=2 * size, fmac=2 * size, mul=size + 2 * rows, transcendental=rows, weight_B=weights)


def _window(seen: Seen, length: int, fn: str) -> Counts:
    between = seen.elements * (length - 1)
    if fn == "max":
        return Counts(cmp=between)
    divides = fn in ("mean", "avg") and not power_of_two(1 / length)
    return Counts(fadd=between, mul=seen.elements if divides else 0)


def reduce(seen: Seen) -> Counts:
    return _window(seen, seen.inputs[0][0].numel() // seen.output[0].numel(), seen.op.fn)


def pool(seen: Seen) -> Counts:
    return _window(seen, seen.op.kernel**2, seen.op.fn)


def upsample(seen: Seen) -> Counts:
    return Counts(fmac=4 * seen.elements if seen.op.mode == "bilinear" else 0)


def downsample(seen: Seen) -> Counts:
    return _window(seen, 4, "avg") if seen.op.averages else Counts()


def decode(seen: Seen) -> Counts:
    return Counts(fadd=(seen.run.graph.steps - 1) * seen.elements)
