"""One term of d(A B) = dA B_t + A_(t-1) dB: one operand is a change, the other is held in memory.

the change is of counts   |d| drives reads of the other: all of them, or, of counts, pair by pair; the larger
the change is of sums     counts that are held drive, and meet what changed; sums: a multiply a pair
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from energy.columns import Counts
from energy.counters.products import columns_of, rows_of
from energy.observe import Seen
from energy.tally import Tally
from graph.values import Spike


def pairs(seen: Seen, a: Tensor, b: Tensor) -> np.ndarray:
    """Products of two numbers that are not zero in a b: [S]."""
    return seen.per_sample(rows_of(Tally(a).active) * columns_of(Tally(b).active))


def term(seen: Seen, a: Tensor, b: Tensor, drivers: tuple[Spike | None, ...], *, changed: int) -> Counts:
    """a [..., M, K] times b [..., K, N]; ``drivers``: the site of each, or None where it holds sums."""
    tallies = Tally(a), Tally(b)
    sums = rows_of(tallies[0].size, tallies[0].most), columns_of(tallies[1].size, tallies[1].most)
    nonzero = rows_of(tallies[0].active), columns_of(tallies[1].active)
    both = seen.per_sample(nonzero[0] * nonzero[1])
    other = 1 - changed
    reads = b.shape[-1] if changed == 0 else a.shape[-2]
    if drivers[changed] is None:
        if drivers[other] is None:
            return Counts(imac=both, nonzero_macs=both, decoded_macs=both)
        adds = seen.per_sample(sums[other] * nonzero[changed])
        return Counts(ac_int=adds, nonzero_macs=both, decoded_macs=both)
    adds = seen.per_row(tallies[changed].events) * reads
    if drivers[other] is not None:
        adds = np.maximum(adds, seen.per_sample(sums[0] * sums[1]))
    active = seen.per_row(tallies[changed].actives)
    return Counts(
        ac_int=adds,
        nonzero_macs=both,
        decoded_macs=both,
        events=seen.per_row(tallies[changed].events),
        nonzeros=active,
        decoded_nonzeros=active,
    )
