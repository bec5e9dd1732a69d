"""The check that a value really holds what the graph says: whole counts within their range.

A value of kind ``Spike`` is integers n in [0, D] ([-D, D] if signed); added up over T steps, |n| <= T D.
"""

from __future__ import annotations

from torch import Tensor, float64

from graph.values import Kind, counts_site, magnitude


def counts(value: Tensor, kind: Kind, node: str) -> Tensor:
    """n in float64, checked; an untrue claim is an error that names the node."""
    spike, most = counts_site(kind), magnitude(kind)
    assert spike is not None and most is not None
    n = value.detach().to(float64)
    if not bool((n == n.round()).all()):
        worst = n.flatten()[(n - n.round()).abs().flatten().nan_to_num(nan=1.0).argmax()].item()
        raise ValueError(f"node '{node}' claims spikes, but holds {worst:.6g}, which is no whole count")
    low, high = (int(n.min()), int(n.max())) if n.numel() else (0, 0)
    least = -most if spike.signed else 0
    if low < least or high > most:
        raise ValueError(f"node '{node}' claims spikes in [{least}, {most}], but holds counts from {low} to {high}")
    return n
