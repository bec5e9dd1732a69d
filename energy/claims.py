"""The check that a value really holds what the graph says: whole counts within their range.

A value of kind ``Spike`` is integers n in [0, D] ([-D, D] if signed); added up over T steps, |n| <= T D.
"""

from __future__ import annotations

from energy.tally import Tally
from graph.values import Kind, counts_site, magnitude


def check(tally: Tally, kind: Kind, node: str) -> None:
    """An untrue claim is an error that names the node."""
    spike, most = counts_site(kind), magnitude(kind)
    assert spike is not None and most is not None
    if not tally.whole:
        n = tally.n.double()
        worst = n.flatten()[(n - n.round()).abs().flatten().nan_to_num(nan=1.0).argmax()].item()
        raise ValueError(f"node '{node}' claims spikes, but holds {worst:.6g}, which is no whole count")
    low, high = (int(end) for end in tally.ends)
    least = -most if spike.signed else 0
    if low < least or high > most:
        raise ValueError(f"node '{node}' claims spikes in [{least}, {most}], but holds counts from {low} to {high}")
