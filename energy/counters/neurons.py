"""``Act``, ``Gate``, ``Score``: with a site a neuron (or quantiser), without one a real function.

A neuron, per element and step: D compares (2 D if signed); with T > 1 also integrate 1 fadd, leak 1 mul
(not ``if``), reset 1 fadd, and 8 bytes of fp32 state read and written. A norm that is not folded: 1 fmac; a
folded bias that is not zero: 1 fadd. The site's step, gain and shift are in its thresholds. Messages: sum
|n|.

Real functions, per element: relu 1 cmp (2 with a ceiling); hard gate 1 fadd, 2 cmp; relu score 2 cmp (and 1
mul if its scale is no power of two); sigmoid 2 transcendental (exp, reciprocal), 1 fadd; gelu x/2 (1 +
erf(x / sqrt 2)): 1 transcendental, 3 mul, 1 fadd; softmax 1 cmp (maximum), 2 fadd, 1 mul, 1 transcendental,
and 1 reciprocal a row.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from energy.columns import Counts
from energy.counters.products import power_of_two
from energy.counters.traffic import WORD
from energy.observe import Seen
from graph.ops import Site


def _site(seen: Seen, site: Site) -> Counts:
    size, cost = seen.elements, site.neuron.cost(seen.run.graph.steps, site.signed)
    tally = seen.run.tallies.of(seen.output, site.spike, seen.node.name)
    fired = Counts(
        cmp=cost["cmp"] * size,
        fadd=(cost.get("fadd", 0) + _biased(seen.module())) * size,
        mul=cost.get("mul", 0) * size,
        fmac=size if site.norm is not None and not site.folded else 0,
        spike_msgs=seen.per_row(tally.events),
        graded_msgs=seen.per_row(tally.actives),
        state_B=cost.get("state_words", 0) * WORD * size,
        neuron_updates=size,
    )
    return fired + Counts(weight_B=WORD * seen.rows * _stored(site, cost["cmp"]))


def _biased(module: nn.Module) -> bool:
    bias = getattr(module, "bias", None)
    return isinstance(bias, torch.Tensor) and bool((bias != 0).any())


def _stored(site: Site, compares: int) -> int:
    """Numbers a site keeps beside its state: thresholds per channel once folded, else a norm's scale and
    shift."""
    if site.folded:
        return compares * site.channels
    return 2 * site.norm.channels if site.norm else 0


def _scaled(seen: Seen) -> Counts:
    return Counts(cmp=2 * seen.elements, mul=0 if power_of_two(seen.op.scale) else seen.elements)


def _softmax(seen: Seen) -> Counts:
    size, rows = seen.elements, seen.elements // seen.node.shape[-1]
    return Counts(cmp=size, fadd=2 * size, mul=size, transcendental=size + rows)


def _share(seen: Seen) -> Counts:
    """A count's compares, the row's sum, and a multiply by its reciprocal."""
    size, rows = seen.elements, seen.elements // seen.node.shape[-1]
    return Counts(cmp=int(seen.op.ceiling) * size, fadd=size, mul=size, transcendental=rows)


def _gelu(seen: Seen) -> Counts:
    return Counts(transcendental=seen.elements, mul=3 * seen.elements, fadd=seen.elements)


ACTS: dict[str, Callable[[Seen], Counts]] = {
    "relu": lambda seen: Counts(cmp=seen.elements * (2 if seen.op.ceiling else 1)),
    "gelu": _gelu,
    "identity": lambda seen: Counts(),
}
GATES: dict[str, Callable[[Seen], Counts]] = {
    "sigmoid": lambda seen: Counts(transcendental=2 * seen.elements, fadd=seen.elements),
    "hard": lambda seen: Counts(fadd=seen.elements, cmp=2 * seen.elements),
}
SCORES: dict[str, Callable[[Seen], Counts]] = {"softmax": _softmax, "relu": _scaled, "share": _share}


def _fired(seen: Seen, table: dict[str, Callable[[Seen], Counts]]) -> Counts:
    if seen.op.site is not None:
        return _site(seen, seen.op.site)
    if seen.op.fn not in table:
        known = ", ".join(table)
        raise ValueError(
            f"node '{seen.node.name}': function '{seen.op.fn}' has no energy formula, expected one of {known}"
        )
    return table[seen.op.fn](seen)


def act(seen: Seen) -> Counts:
    return _fired(seen, ACTS)


def gate(seen: Seen) -> Counts:
    return _fired(seen, GATES)


def score(seen: Seen) -> Counts:
    return _fired(seen, SCORES)
