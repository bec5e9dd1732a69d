"""What the families share: norms, activations, residual sub-layers, attention, feed-forward, convolution blocks."""

from __future__ import annotations

from collections.abc import Callable
from math import isqrt, log2, sqrt

from graph.graph import Graph
from graph.ops import Act, Add, Conv, Drop, Input, Linear, MatMul, Norm, Score, View
from graph.ops.weighted import Init
from graph.spec import Activation, BaseSpec


def inputs(g: Graph, spec: BaseSpec) -> tuple[str, str]:
    """image [3, S, S] and log-mel [1, 96, 64] of one second."""
    image = g("image", Input(dims=(3, spec.image, spec.image), grid=6 * spec.grid))
    return image, g("logmel", Input(dims=(1, 96, 64), grid=5 * spec.grid))


def levels(maps: list[str]) -> dict[str, str]:
    """The names under which a family publishes what it sees before the sound comes in, finest first."""
    return {f"level_{i}": value for i, value in enumerate(maps)}


def norm_op(channels: int, spec: BaseSpec, *, axis: int = -1, eps: float = 1e-5) -> Norm:
    """The spec's norm: batch, or LayerNorm on tokens (with ``eps``) and GroupNorm on maps."""
    if spec.norm == "batch":
        return Norm(form="batch", channels=channels, axis=axis)
    if axis == 0:
        return Norm(form="group", channels=channels, groups=min(32, channels), axis=0)
    return Norm(form="layer", channels=channels, axis=-1, eps=eps)


def norm(g: Graph, name: str, x: str, spec: BaseSpec, *, axis: int = -1, eps: float = 1e-5) -> str:
    return g(name, norm_op(g[x].shape[axis], spec, axis=axis, eps=eps), x)


def act(g: Graph, name: str, x: str, spec: BaseSpec, *, axis: int = -1, fn: Activation | None = None) -> str:
    """``fn``: the activation, if not the spec's."""
    fn = fn or spec.act
    return g(name, Act(fn=fn, axis=axis, ceiling=spec.ceiling if fn == "relu" else 0.0), x)


def conv_block(
    g: Graph,
    name: str,
    x: str,
    cout: int,
    spec: BaseSpec,
    *,
    kernel: int = 1,
    stride: int = 1,
    fn: Activation | None = "relu",
) -> str:
    """Conv (name.0), norm (name.1), activation (name.2) on a map; ``fn=None`` leaves the activation out."""
    with g.scope(name):
        op = Conv(
            cin=g[x].shape[0],
            cout=cout,
            kernel=(kernel, kernel),
            stride=stride,
            padding=kernel // 2,
            bias=spec.bias_before_norms,
        )
        y = norm(g, "1", g("0", op, x), spec, axis=0)
        return y if fn is None else act(g, "2", y, spec, axis=0, fn=fn)


def linear(g: Graph, name: str, x: str, cout: int, *, bias: bool = True, init: Init = "xavier") -> str:
    return g(name, Linear(cin=g[x].shape[-1], cout=cout, bias=bias, init=init), x)


def dropped(g: Graph, name: str, x: str, spec: BaseSpec) -> str:
    return g(name, Drop(p=spec.dropout), x) if spec.dropout else x


def sublayer(g: Graph, name: str, x: str, f: Callable[[str], str], spec: BaseSpec) -> str:
    """norm(x + drop(f(x))), as the papers have it, or x + drop(f(norm(x)))."""
    if spec.pre_norm:
        return g(f"{name}_add", Add(), x, dropped(g, f"{name}_drop", f(norm(g, name, x, spec)), spec))
    return norm(g, name, g(f"{name}_add", Add(), x, dropped(g, f"{name}_drop", f(x), spec)), spec)


HEADS_FIRST = "n (h d) -> h n d"
HEADS_TRANSPOSED = "n (h d) -> h d n"
HEADS_MERGED = "h n d -> n (h d)"


def attention(
    g: Graph, name: str, query: str, memory: str, spec: BaseSpec, *, bias: bool = True, drop: bool = True
) -> str:
    """Multi-head attention of ``query`` [N, C] over ``memory`` [M, C], with a projection of the heads' results."""
    with g.scope(name):
        merged = attended(g, query, memory, spec, bias=bias, drop=drop)
        return linear(g, "out_proj", merged, spec.hidden, bias=bias)


def attended(g: Graph, query: str, memory: str, spec: BaseSpec, *, bias: bool = True, drop: bool = True) -> str:
    """The same without the last projection: the heads' results side by side [N, C]."""
    q, k, v = (
        linear(g, f"{part}_proj", source, spec.hidden, bias=bias)
        for part, source in (("q", query), ("k", memory), ("v", memory))
    )
    return attend(g, q, k, v, spec, drop=drop)


def attend(g: Graph, q: str, k: str, v: str, spec: BaseSpec, *, drop: bool = True) -> str:
    """Every head's softmax(q k^T / sqrt d) v, or its linear form, of values that are projected already. -> [N, C]."""
    head, sizes = g[q].shape[-1] // spec.heads, (("h", spec.heads),)
    if spec.attention == "linear":
        mixed = _linear_attention(g, q, k, v, spec)
    else:
        qh = g("q_heads", View(pattern=HEADS_FIRST, sizes=sizes), q)
        kh = g("k_heads", View(pattern=HEADS_TRANSPOSED, sizes=sizes), k)
        vh = g("v_heads", View(pattern=HEADS_FIRST, sizes=sizes), v)
        logits = g("logits", MatMul(inner=head, scale=1 / sqrt(head)), qh, kh)
        weights = g("score", Score(), logits)
        weights = dropped(g, "drop", weights, spec) if drop else weights
        mixed = g("mixed", MatMul(inner=g[vh].shape[1]), weights, vh)
    return g("merged", View(pattern=HEADS_MERGED), mixed)


def _linear_attention(g: Graph, q: str, k: str, v: str, spec: BaseSpec) -> str:
    """relu(q) (relu(k)^T v) * 2**-round(log2 M): no softmax, so spikes of q, k and v suffice. [h, N, d]."""
    sizes = (("h", spec.heads),)
    q, k = (act(g, f"{n}_act", norm(g, f"{n}_norm", x, spec), spec, fn="relu") for n, x in (("q", q), ("k", k)))
    v = norm(g, "v_norm", v, spec)
    qh = g("q_heads", View(pattern=HEADS_FIRST, sizes=sizes), q)
    kh = g("k_heads", View(pattern=HEADS_TRANSPOSED, sizes=sizes), k)
    vh = g("v_heads", View(pattern=HEADS_FIRST, sizes=sizes), v)
    _, head, keys = g[kh].shape
    states = g("states", MatMul(inner=keys), kh, vh)
    return g("mixed", MatMul(inner=head, scale=2.0 ** -round(log2(keys * isqrt(head)))), qh, states)


def hidden_norm(g: Graph, name: str, x: str, spec: BaseSpec, *, axis: int = -1) -> str:
    """In front of a hidden activation, where the spec wants one."""
    return norm(g, name, x, spec, axis=axis) if spec.hidden_norms else x


def feed_forward(g: Graph, x: str, width: int, spec: BaseSpec, *, fn: Activation | None = None) -> str:
    """linear2(act(linear1(x))); ``fn``: the activation, if not the spec's."""
    y = linear(g, "linear1", x, width)
    y = hidden_norm(g, "hidden_norm", y, spec)
    y = dropped(g, "ffn_drop", act(g, "act", y, spec, fn=fn), spec)
    return linear(g, "linear2", y, g[x].shape[-1])
