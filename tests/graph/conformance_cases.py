"""A few nodes to try every registered op on: odd sizes, strides, groups, both batch axes, with sites and without."""

from __future__ import annotations

from dataclasses import dataclass, replace

from graph.neuron import Neuron
from graph.ops import (
    Act,
    Add,
    Affine,
    Codebook,
    Concat,
    Const,
    Conv,
    Decode,
    DeformSample,
    Downsample,
    Drop,
    Expand,
    Fold,
    Gate,
    Input,
    LayerScale,
    Linear,
    Mask,
    MatMul,
    Mul,
    Norm,
    Op,
    Output,
    Pad,
    Param,
    Pool,
    Quantize,
    Reduce,
    Resize,
    Scale,
    Score,
    Site,
    Slice,
    SquaredError,
    Unfold,
    Upsample,
    View,
)
from graph.values import Shape, Unit

HALF = Unit(0.5)
STEPS = 3


@dataclass(frozen=True, kw_only=True)
class Case:
    """An op and the shapes that it reads. ``static``: inputs without a batch; ``places``: inputs drawn in 0..1;
    ``rows`` and ``gives``: rows of its inputs, and of its value, a sample; ``gives`` 0: static."""

    op: Op
    shapes: tuple[Shape, ...] = ()
    static: tuple[int, ...] = ()
    places: tuple[int, ...] = ()
    steps: int = 1
    rows: int = 1
    gives: int = 1


def on(*shapes: Shape, ops: tuple[Op, ...]) -> list[Case]:
    return [Case(op=op, shapes=shapes) for op in ops]


NEURONS = (("ilif", 4, 1), ("ilif", 3, STEPS), ("if", 1, STEPS), ("lif", 1, STEPS), ("plif", 1, STEPS))


def sites(op: Act | Gate | Score, shape: Shape) -> list[Case]:
    """I-LIF counts at once; I-LIF, IF, LIF and PLIF over some steps; each plain, signed behind a norm, and folded."""
    cases, axis = [], getattr(op, "axis", -1)
    for kind, levels, steps in NEURONS:
        neuron, norm = Neuron(kind=kind, levels=levels), Norm(channels=shape[axis], axis=axis)
        plain = Site(name="node", neuron=neuron, step=0.5, channels=shape[axis], axis=axis)
        normed = replace(plain, signed=True, norm=norm if isinstance(op, Act) else None)
        for site in (plain, normed, replace(plain, folded=True), replace(plain, folded=True, signed=True)):
            counting = replace(op, site=site, unit=HALF)
            cases.append(Case(op=counting, shapes=(shape,), steps=steps, rows=steps, gives=steps))
    return cases


SAMPLE = DeformSample(levels=((3, 2), (1, 5)), heads=2, points=3, channels=4)
SAMPLED = ((11, 2, 4), (7, 2, 2, 3, 2), (7, 2, 2, 3), (7, 2, 2))

CASES: dict[str, list[Case]] = {
    "Act": [
        *on((3, 5, 4), ops=(Act(), Act(fn="gelu"), Act(fn="identity"), Act(ceiling=0.5), Act(scale=0.25))),
        *sites(Act(), (3, 5, 4)),
        *sites(Act(fn="identity", axis=-1), (5, 3)),
    ],
    "Add": [
        *on((3, 4), (3, 4), ops=(Add(),)),
        *on((3, 1, 5), (3, 4, 1), ops=(Add(),)),
        Case(op=Add(), shapes=((3, 4), (3, 4)), static=(1,)),
    ],
    "Codebook": [
        *on((5, 3), ops=(Codebook(entries=4, dim=3),)),
        *on((2, 5, 3), ops=(Codebook(entries=7, dim=3),)),
        Case(op=Codebook(entries=4, dim=3, unit=HALF), shapes=((5, 3),)),
    ],
    "Concat": [
        *on((3, 4), (2, 4), ops=(Concat(),)),
        *on((3, 4, 2), (3, 1, 2), (3, 5, 2), ops=(Concat(axis=1), Concat(axis=-2))),
    ],
    "Const": [
        Case(op=Const(recipe="zeros", dims=(3, 4)), gives=0),
        Case(op=Const(recipe="sine", dims=(17, 8), levels=((3, 4), (5, 1))), gives=0),
        Case(op=Const(recipe="sine_normalised", dims=(6, 4), levels=((2, 3),)), gives=0),
        Case(op=Const(recipe="reference", dims=(17, 2, 2), levels=((3, 4), (5, 1))), gives=0),
    ],
    "Conv": on(
        (4, 7, 6),
        ops=(
            Conv(cin=4, cout=3),
            Conv(cin=4, cout=5, kernel=(3, 3), padding=1, bias=True),
            Conv(cin=4, cout=2, kernel=(3, 2), stride=2, padding=1),
            Conv(cin=4, cout=6, kernel=(2, 3), dilation=2, padding=2, groups=2, bias=True),
            Conv(cin=4, cout=4, kernel=(3, 3), padding=2, stride=3, groups=4, unit=HALF),
        ),
    ),
    "Decode": [
        Case(op=Decode(fn=fn), shapes=((3, 4),), steps=STEPS, rows=STEPS)  # type: ignore[arg-type]
        for fn in ("mean", "count")
    ],
    "DeformSample": [
        Case(op=SAMPLE, shapes=SAMPLED, places=(3,)),
        Case(op=SAMPLE, shapes=SAMPLED, places=(3,), static=(3,)),
        Case(
            op=DeformSample(levels=((4, 4),), heads=1, points=1, channels=3, unit=HALF),
            shapes=((16, 1, 3), (5, 1, 1, 1, 2), (5, 1, 1, 1), (5, 1, 2)),
            places=(3,),
        ),
    ],
    "Downsample": on(
        (3, 12, 6), ops=tuple(Downsample(divisor=d, mode=m) for d in (1, 2, 3, 6) for m in ("bilinear", "nearest"))
    ),
    "Drop": on((3, 4), ops=(Drop(p=0.5), Drop(p=0.1, path=True))),
    "Expand": [
        Case(op=Expand(to="stepped"), shapes=((3, 4),), steps=STEPS, gives=STEPS),
        Case(op=Expand(to="once"), shapes=((3, 4), (5,)), static=(0,)),
    ],
    "Fold": [Case(op=Fold(frames=2), shapes=((2, 3, 4),), gives=2)],
    "Gate": [*on((5, 3), ops=(Gate(), Gate(fn="hard"))), *sites(Gate(), (5, 3))],
    "Input": on((3, 4), ops=(Input(dims=(3, 4)),)),
    "Affine": [
        *on((3, 5, 4), ops=(Affine(channels=3),)),
        *on((5, 3), ops=(Affine(channels=3, axis=-1),)),
    ],
    "LayerScale": on((2, 5, 3), ops=(LayerScale(channels=3),)),
    "Linear": [
        *on((5, 3), ops=(Linear(cin=3, cout=4), Linear(cin=3, cout=7, bias=False, unit=HALF))),
        *on((2, 5, 3), ops=(Linear(cin=3, cout=1),)),
        *on((3,), ops=(Linear(cin=3, cout=8, init="zeros", offsets=(2, 1, 2)),)),
    ],
    "Mask": [
        *on((3, 5), (3, 5), ops=(Mask(threshold=0.0), Mask(threshold=0.75))),
        *on((2, 3, 5), (1, 3, 5), ops=(Mask(),)),
    ],
    "MatMul": [
        *on((5, 3), (3, 4), ops=(MatMul(inner=3), MatMul(inner=3, scale=0.125, unit=HALF))),
        *on((2, 5, 3), (2, 3, 1), ops=(MatMul(inner=3),)),
        *on((1, 5, 3), (2, 3, 4), ops=(MatMul(inner=3, scale=0.3),)),
        Case(op=MatMul(inner=3), shapes=((2, 5, 3), (2, 3, 4)), static=(0,)),
    ],
    "Mul": [
        *on((3, 4), (3, 4), ops=(Mul(), Mul(unit=HALF))),
        *on((3, 5, 4), (3, 1, 1), ops=(Mul(), Mul(unit=HALF))),
    ],
    "Norm": [
        *on(
            (4, 3, 5),
            ops=(Norm(channels=4), Norm(form="group", channels=4, groups=2), Norm(channels=5, axis=-1, eps=1e-3)),
        ),
        *on((5, 3), ops=(Norm(channels=3, axis=-1), Norm(form="layer", channels=3, axis=-1))),
    ],
    "Output": on((3, 4), ops=(Output(), Output(training=True))),
    "Pad": on((2, 3, 4), ops=(Pad(before=1, after=2), Pad(after=1))),
    "Param": [Case(op=Param(dims=(3, 4)), gives=0), Case(op=Param(dims=(5, 1, 2), init="unit"), gives=0)],
    "Pool": on(
        (3, 7, 5),
        ops=(
            Pool(),
            Pool(fn="avg"),
            Pool(kernel=3, stride=2, padding=1),
            Pool(fn="avg", kernel=3, stride=1, padding=1),
            Pool(kernel=1, stride=3),
        ),
    ),
    "Quantize": on((3, 4), ops=(Quantize(bits=2), Quantize(bits=0))),
    "Reduce": on(
        (3, 5, 4),
        ops=tuple(Reduce(fn=fn, axes=axes) for fn in ("mean", "sum", "max") for axes in ((-1,), (0, 2), (1, -1))),
    ),
    "Resize": on((3, 4, 6), ops=(Resize(size=(8, 3)), Resize(size=(5, 7)), Resize(size=(1, 1)))),
    "Scale": on((3, 4), ops=(Scale(unit=HALF), Scale(unit=Unit(0.3)))),
    "Score": [
        *on((2, 5, 4), ops=(Score(), Score(fn="relu", scale=0.25, ceiling=1.5), Score(fn="share"))),
        *sites(Score(fn="relu"), (5, 3)),
    ],
    "Slice": on((5, 4, 3), ops=(Slice(stop=2), Slice(axis=1, start=1, stop=4), Slice(axis=-1, start=2, stop=3))),
    "SquaredError": [
        *on((5, 3), (5, 3), ops=(SquaredError(), SquaredError(weight=0.25))),
        *on((5, 3), (1, 3), ops=(SquaredError(),)),
        Case(op=SquaredError(), shapes=((5, 3), (5, 3)), static=(0,)),
    ],
    "Unfold": [Case(op=Unfold(frames=3), shapes=((2, 4),), rows=3)],
    "Upsample": on(
        (3, 4, 5), ops=tuple(Upsample(factor=f, mode=m) for f in (1, 2, 3) for m in ("bilinear", "nearest"))
    ),
    "View": [
        *on((3, 2, 5), ops=(View(pattern="c h w -> (h w) c"), View(pattern="c h w -> w 1 (c h)"))),
        *on((5, 6), ops=(View(pattern="n (h d) -> h n d", sizes=(("h", 2),)),)),
        *on((1, 5), ops=(View(pattern="1 n -> n"),)),
    ],
}
