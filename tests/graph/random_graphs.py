"""Random small networks of real values: a hypothesis strategy that grows a graph node by node out of every op there is.

Values are image-like [C, H, W] and token-like [N, C] and what ops make of them; rows are frames, clips of ``FRAMES``
frames, or static. Each op has one function that adds a node (or a few) to a graph, or says that nothing there fits it;
some nodes share the weights of earlier ones. What nothing reads becomes an output.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np
from hypothesis import strategies as st

from graph import ops
from graph.graph import Graph
from graph.infer import clip_frames
from graph.ops import Array, Op
from graph.values import Shape, Unit

Draw = Callable[[st.SearchStrategy], object]  # type: ignore[type-arg]
Grow = Callable[["Growth"], str | None]
FRAMES = 2
LATEST = 5
LARGEST = 400  # elements of a value
GROW: dict[str, Grow] = {}


def grows(op: type[Op]) -> Callable[[Grow], Grow]:
    def register(fn: Grow) -> Grow:
        GROW[op.__name__] = fn
        return fn

    return register


class Growth:
    """A graph and where its next node comes from."""

    def __init__(self, draw: Draw, steps: int, grid: int = 0) -> None:
        self.grid = grid
        self.draw, self.g = draw, Graph(name="random", steps=steps)
        self.stepped: set[str] = set()  # between an Expand and its Decode; nobody else may read these

    def pick(self, *words):  # type: ignore[no-untyped-def]
        return self.draw(st.sampled_from(words))

    def frames(self, name: str) -> int:
        return clip_frames(self.g)[name]

    def where(self, fits: Callable[[Shape, int], bool]) -> list[str]:
        """Values of a fitting shape and number of frames."""
        frames = clip_frames(self.g)
        return [n for n, v in self.g.nodes.items() if n not in self.stepped and fits(v.shape, frames[n])]

    def value(self, fits: Callable[[Shape], bool] = lambda shape: True, *, static: bool = True) -> str | None:
        """A value of a fitting shape, one of the last: graphs grow deep."""
        names = self.where(lambda shape, frames: fits(shape) and (static or frames > 0))
        return self.pick(*names[: -LATEST - 1 : -1]) if names else None

    def mate(self, name: str, fits: Callable[[Shape], bool]) -> str | None:
        """A value whose rows are of the same frames; one may be static."""
        rows = self.frames(name)
        names = self.where(lambda shape, frames: fits(shape) and (not rows or frames in (rows, 0)))
        return self.pick(*names) if names else None

    def add(self, op: Op, *args: str) -> str:
        return self.g(f"{type(op).__name__.lower()}{len(self.g)}", op, *args)

    def again(self) -> str | None:
        """A node that shares op and weights with an earlier one, and reads the same shape."""
        twins = [n for n in self.g.nodes.values() if n.op.tables() and len(n.args) == 1 and n.name not in self.stepped]
        if not twins:
            return None
        twin = self.pick(*twins)
        x = self.value(lambda shape: shape == self.shape(twin.args[0]))
        return x and self.g(f"again{len(self.g)}", twin.op, x, weights=twin.weights)

    def shape(self, name: str) -> Shape:
        return self.g[name].shape


def rank(*ranks: int) -> Callable[[Shape], bool]:
    return lambda shape: len(shape) in ranks


def image(shape: Shape) -> bool:
    return len(shape) == 3


def grown(fits: Callable[[Shape], bool], op: Callable[[Growth, Shape], Op | None]) -> Grow:
    """Of one input: ``op`` chooses from its shape."""

    def grow(t: Growth) -> str | None:
        if (x := t.value(fits)) is None or (made := op(t, t.shape(x))) is None:
            return None
        if prod(made.shape(t.shape(x))) > LARGEST:
            return None
        return t.add(made, x)

    return grow


# ---- sources and what only names ------------------------------------------------------------------------------------
@grows(ops.Input)
def _input(t: Growth) -> str:
    dims = t.pick((3, 4, 6), (4, 5, 5), (6, 4), (5, 8))
    return t.add(ops.Input(dims=dims, grid=t.grid))


@grows(ops.Param)
def _param(t: Growth) -> str | None:
    x = t.value()
    return None if x is None else t.add(ops.Param(dims=t.shape(x), init=t.pick("normal", "unit")))


@grows(ops.Const)
def _const(t: Growth) -> str | None:
    if (x := t.value(rank(2))) is None:
        return None
    tokens, channels = t.shape(x)
    recipe = t.pick("zeros", *(("sine", "sine_normalised") if channels % 4 == 0 else ()))
    return t.add(ops.Const(recipe=recipe, dims=(tokens, channels), levels=((tokens, 1),)))


@grows(ops.Output)
def _output(t: Growth) -> str | None:
    """Inside a graph an output is but a name for a value, and others may read on."""
    x = t.value()
    return None if x is None else t.add(ops.Output(), x)


# ---- layout ---------------------------------------------------------------------------------------------------------
VIEWS = {
    1: ("c -> 1 c",),
    2: ("n c -> c n", "n c -> 1 n c", "n c -> n 1 c", "n c -> (n c)"),
    3: ("c h w -> (h w) c", "c h w -> w c h", "c h w -> h (w c)"),
    4: ("a b c d -> (a b) c d", "a b c d -> a (d c) b"),
}


@grows(ops.View)
def _view(t: Growth) -> str | None:
    if (x := t.value(rank(*VIEWS))) is None:
        return None
    shape = t.shape(x)
    if len(shape) == 2 and shape[1] % 2 == 0 and t.pick(True, False):
        return t.add(ops.View(pattern="n (h d) -> h n d", sizes=(("h", 2),)), x)
    return t.add(ops.View(pattern=t.pick(*VIEWS[len(shape)])), x)


@grows(ops.Concat)
def _concat(t: Growth) -> str | None:
    if (x := t.value(rank(1, 2, 3))) is None:
        return None
    shape = t.shape(x)
    axis = t.pick(*range(len(shape)))

    def fits(other: Shape) -> bool:
        rest = other[:axis] + other[axis + 1 :]
        return len(other) == len(shape) and rest == shape[:axis] + shape[axis + 1 :] and prod(other) <= LARGEST // 2

    y = t.mate(x, fits)
    if y is None or t.frames(x) != t.frames(y) or not fits(shape):
        return None  # static and not static: the clock pass would repeat one of them first
    return t.add(ops.Concat(axis=axis), x, y)


@grows(ops.Slice)
def _slice(t: Growth) -> str | None:
    if (x := t.value(lambda shape: max(shape) > 1)) is None:
        return None
    axis = t.pick(*(i for i, n in enumerate(t.shape(x)) if n > 1))
    stop = t.pick(*range(1, t.shape(x)[axis] + 1))
    return t.add(ops.Slice(axis=axis, start=t.pick(*range(stop)), stop=stop), x)


GROW["Pad"] = grown(image, lambda t, shape: ops.Pad(before=t.pick(0, 1), after=t.pick(0, 1, 2)))
GROW["Resize"] = grown(image, lambda t, shape: ops.Resize(size=(t.pick(1, 2, 3, 5), t.pick(1, 4, 6))))
GROW["Drop"] = grown(lambda shape: True, lambda t, shape: ops.Drop(p=0.5, path=t.pick(True, False)))
GROW["Upsample"] = grown(image, lambda t, shape: ops.Upsample(factor=t.pick(2, 3), mode=t.pick("nearest", "bilinear")))
GROW["Reduce"] = grown(
    rank(2, 3), lambda t, shape: ops.Reduce(fn=t.pick("mean", "sum", "max"), axes=t.pick((-1,), (0,), (0, 1)))
)
GROW["Quantize"] = grown(lambda shape: True, lambda t, shape: ops.Quantize(bits=t.pick(2, 5)))
GROW["Scale"] = grown(lambda shape: True, lambda t, shape: ops.Scale(unit=Unit(t.pick(0.25, 0.5, 2.0))))


@grows(ops.Downsample)
def _downsample(t: Growth) -> str | None:
    if (x := t.value(lambda s: image(s) and any(s[1] % d == s[2] % d == 0 for d in (2, 3)))) is None:
        return None
    _, height, width = t.shape(x)
    divisor = t.pick(*(d for d in (2, 3) if height % d == width % d == 0))
    return t.add(ops.Downsample(divisor=divisor, mode=t.pick("nearest", "bilinear")), x)


@grows(ops.Pool)
def _pool(t: Growth) -> str | None:
    if (x := t.value(lambda shape: image(shape) and min(shape[1:]) >= 2)) is None:
        return None
    kernel, padding = t.pick((1, 0), (2, 0), (2, 1))
    return t.add(ops.Pool(fn=t.pick("max", "avg"), kernel=kernel, stride=t.pick(1, 2), padding=padding), x)


@grows(ops.Unfold)
def _unfold(t: Growth) -> str | None:
    small = t.where(lambda shape, frames: frames == 1 and prod(shape) * FRAMES <= LARGEST)
    return t.add(ops.Unfold(frames=FRAMES), t.pick(*small)) if small else None


@grows(ops.Fold)
def _fold(t: Growth) -> str | None:
    clips = t.where(lambda shape, frames: frames == FRAMES == shape[0] and len(shape) > 1)
    if not clips:
        clip = _unfold(t)
        clips = [] if clip is None else [clip]
    return t.add(ops.Fold(frames=FRAMES), t.pick(*clips)) if clips else None


# ---- time -----------------------------------------------------------------------------------------------------------
@grows(ops.Expand)
def _expand(t: Growth) -> str | None:
    static, others = t.where(lambda shape, frames: frames == 0), t.where(lambda shape, frames: frames > 0)
    return t.add(ops.Expand(to="once"), t.pick(*static), t.pick(*others)) if static and others else None


@grows(ops.Decode)
def _decode(t: Growth) -> str | None:
    """Repeated over the steps, worked on, and back: outside of this, no value here has steps."""
    if (x := t.value(static=False)) is None:
        return None
    stepped = t.g(f"expand{len(t.g)}", ops.Expand(to="stepped"), x)
    between = t.pick(ops.Act(), ops.Quantize(bits=3), None)
    worked = stepped if between is None else t.add(between, stepped)
    t.stepped |= {stepped, worked}
    return t.add(ops.Decode(fn=t.pick("mean", "count")), worked)


# ---- weights --------------------------------------------------------------------------------------------------------
@grows(ops.Conv)
def _conv(t: Growth) -> str | None:
    if (x := t.value(image)) is None:
        return None
    channels, height, width = t.shape(x)
    kernel = (t.pick(*(k for k in (1, 2, 3) if k <= height)), t.pick(*(k for k in (1, 3) if k <= width)))
    groups = t.pick(*(n for n in (1, 2, channels) if channels % n == 0))
    op = ops.Conv(
        cin=channels,
        cout=groups * t.pick(1, 2),
        kernel=kernel,
        stride=t.pick(1, 2),
        padding=t.pick(0, 1),
        groups=groups,
        bias=t.pick(True, False),
    )
    return t.add(op, x) if prod(op.shape(t.shape(x))) <= LARGEST else None


GROW["Linear"] = grown(
    lambda shape: True, lambda t, s: ops.Linear(cin=s[-1], cout=t.pick(s[-1], 4, 6), bias=t.pick(True, False))
)
GROW["Affine"] = grown(lambda shape: True, lambda t, s: ops.Affine(channels=s[-1], axis=-1))
GROW["LayerScale"] = grown(lambda shape: True, lambda t, s: ops.LayerScale(channels=s[-1], init_value=0.5))
GROW["Codebook"] = grown(lambda shape: True, lambda t, s: ops.Codebook(entries=t.pick(3, 5), dim=s[-1]))


@grows(ops.Norm)
def _norm(t: Growth) -> str | None:
    if (x := t.value(rank(2, 3))) is None:
        return None
    shape, eps = t.shape(x), 0.01
    if len(shape) == 3 and t.pick(True, False):
        groups = 2 if shape[0] % 2 == 0 else 1
        return t.add(ops.Norm(form=t.pick("batch", "group"), channels=shape[0], groups=groups, eps=eps), x)
    return t.add(ops.Norm(form=t.pick("batch", "layer"), channels=shape[-1], axis=-1, eps=eps), x)


# ---- what fires -----------------------------------------------------------------------------------------------------
@grows(ops.Act)
def _act(t: Growth) -> str | None:
    if (x := t.value(rank(2, 3))) is None:
        return None
    fn, axis = t.pick("relu", "gelu", "identity"), 0 if image(t.shape(x)) else -1
    return t.add(ops.Act(fn=fn, axis=axis, ceiling=t.pick(0.0, 1.5) if fn == "relu" else 0.0), x)


GROW["Gate"] = grown(rank(2, 3), lambda t, shape: ops.Gate(fn=t.pick("sigmoid", "hard")))
GROW["Score"] = grown(rank(2, 3), lambda t, shape: ops.Score(fn=t.pick("softmax", "relu", "share"), ceiling=2.0))


# ---- two values and more --------------------------------------------------------------------------------------------
def pair(t: Growth, same: bool = False) -> tuple[str, str] | None:
    """Two values that broadcast to the shape of the first, or are of one shape."""
    if (x := t.value(rank(1, 2, 3))) is None:
        return None
    shape = t.shape(x)

    def fits(other: Shape) -> bool:
        return len(other) == len(shape) and all(
            b == a or (b == 1 and not same) for a, b in zip(shape, other, strict=True)
        )

    y = t.mate(x, fits)
    return None if y is None else (x, y)


def paired(op: Callable[[Growth], Op], same: bool = False) -> Grow:
    def grow(t: Growth) -> str | None:
        args = pair(t, same)
        return None if args is None else t.add(op(t), *args)

    return grow


GROW["Add"] = paired(lambda t: ops.Add())
GROW["Mul"] = paired(lambda t: ops.Mul())
GROW["SquaredError"] = paired(lambda t: ops.SquaredError(weight=t.pick(1.0, 0.25)))
GROW["Mask"] = paired(lambda t: ops.Mask(threshold=t.pick(0.0, 0.5)), same=True)


@grows(ops.MatMul)
def _matmul(t: Growth) -> str | None:
    """a b where some b fits, else a a^T."""
    if (a := t.value(rank(2, 3))) is None:
        return None
    *before, rows, inner = t.shape(a)
    b = t.mate(a, lambda s: len(s) == len(before) + 2 and s[-2] == inner and list(s[:-2]) == before)
    if b is None or t.pick(True, False):
        b = t.add(ops.View(pattern="a b c -> a c b" if before else "b c -> c b"), a)
    scale = t.pick(0.125, 1 / inner)
    return (
        t.add(ops.MatMul(inner=inner, scale=scale), a, b) if prod(before) * rows * t.shape(b)[-1] <= LARGEST else None
    )


@grows(ops.DeformSample)
def _deform(t: Growth) -> str | None:
    """Tokens of a map are sampled by tokens, as deformable attention does: heads, offsets and weights by linears."""
    if (x := t.value(lambda s: image(s) and s[0] % 2 == 0, static=False)) is None or t.frames(x) != 1:
        return None
    channels, height, width = t.shape(x)
    tokens, heads, points, n = height * width, 2, t.pick(1, 2), len(t.g)
    rows = t.add(ops.View(pattern="c h w -> (h w) c"), x)
    value = t.add(ops.View(pattern="s (h d) -> s h d", sizes=(("h", heads),)), rows)
    look = t.g(f"look{n}", ops.Linear(cin=channels, cout=heads * points * 2, offsets=(heads, 1, points)), rows)
    sizes = (("h", heads), ("l", 1), ("p", points))
    offset = t.add(ops.View(pattern="q (h l p k) -> q h l p k", sizes=(*sizes, ("k", 2))), look)
    weight = t.g(f"weight{n}", ops.Linear(cin=channels, cout=heads * points), rows)
    weight = t.add(ops.View(pattern="q (h l p) -> q h l p", sizes=sizes), weight)
    place = t.add(ops.Const(recipe="reference", dims=(tokens, 1, 2), levels=((height, width),)))
    op = ops.DeformSample(levels=((height, width),), heads=heads, points=points, channels=channels // heads)
    return t.add(op, value, offset, weight, place)


# ---- the strategy ---------------------------------------------------------------------------------------------------
MADE_BY_PASSES = frozenset({"Scale", "Decode", "Output"})  # what a graph has none of before a pass rewrites it


OFTEN = 3  # as often again as others: ops that read spikes, and shared weights


@st.composite
def graphs(draw, without=frozenset(), most=12, steps=3, grid=0):  # type: ignore[no-untyped-def]
    """A valid graph of real values: 3 to about ``most`` nodes, and outputs; ``without``: ops that it lacks, by name;
    ``grid``: fractional bits of its inputs, if they are on one."""
    t = Growth(draw, steps, grid)
    for dims in ((4, 4, 6), (5, 8)):
        t.add(ops.Input(dims=dims))
    words = sorted(set(GROW) - {"Input"} - set(without))
    words += [word for word in words if ops.REGISTRY[word].events_on] * OFTEN
    words += ["again"] * OFTEN
    wanted = draw(st.integers(3, most))
    while len(t.g) < wanted:
        word = draw(st.sampled_from(words))
        GROW[word](t) if word in GROW else t.again()
    read = {arg for node in t.g.nodes.values() for arg in node.args}
    unread = [n for n in t.g if n not in read and not isinstance(t.g[n].op, ops.Input)]
    for i, name in enumerate(unread):
        t.g.output(f"y{i}", name)
    return t.g


def inputs_of(graph: Graph, batch: int, seed: int = 0) -> dict[str, Array]:
    """``batch``: frames, a multiple of ``FRAMES``."""
    random = np.random.default_rng(seed)
    inputs = ((n, v.op.dims) for n, v in graph.nodes.items() if isinstance(v.op, ops.Input))
    return {n: random.uniform(-1.5, 1.5, (batch, *dims)).astype(np.float32) for n, dims in inputs}


def networks(**facts) -> st.SearchStrategy:  # type: ignore[no-untyped-def, type-arg]
    """(graph, inputs)."""
    pairs = st.tuples(graphs(**facts), st.sampled_from((FRAMES, 2 * FRAMES)), st.integers(0, 2**16))
    return pairs.map(lambda drawn: (drawn[0], inputs_of(*drawn)))
