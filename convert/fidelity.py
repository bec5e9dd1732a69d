"""Is what is deployed what was trained? The event runner cannot see it: it runs whatever folding and snapping left.

    folded      share of counts that are equal, trained against folded, each site reading the counts of the trained
                network before it: rounding may move a sum across an edge
    followed    ... each reading what the folded network itself fired: one moved count moves others behind it
    narrowed    ... folded against the same with weights of few bits
    grid        ... narrowed against deployed: snapped to the dyadic grid
    lost        mIoU of the trained network less that of the deployed one

``exact`` is claimed only where ``folded`` and ``lost`` keep within their limits. The others have none: a change of
1/8192 in a weight moves some counts, these move others, and after 24 layers 3 to 20 % differ, at the same mIoU; and of
the millions of sums in a frame of a large network some lie so near an edge that rounding alone moves them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from convert.compare import same_share, site_counts
from graph.lower import Network


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The least share of equal counts, and the most mIoU that may be lost."""

    folded: float
    lost: float


@dataclass(frozen=True, kw_only=True)
class Fidelity:
    folded: float
    followed: float
    narrowed: float
    grid: float
    lost: float

    def broken(self, limits: Limits) -> str:
        """Which limits are not kept, in words with both numbers, or nothing."""
        problems = []
        if not self.folded >= limits.folded:
            problems.append(
                f"{self.folded:.6f} of the counts of the folded network are those of the trained one, expected "
                f"{limits.folded} or more"
            )
        if not self.lost <= limits.lost:
            problems.append(f"{self.lost:.4f} of mIoU are lost by deployment, expected {limits.lost} or less")
        return "; ".join(problems)


def fidelity(stages: Sequence[Network], batch: dict[str, Tensor], *, lost: float) -> Fidelity:
    """``stages``: trained, folded, narrowed, deployed. ``batch``: frames on which counts are compared."""
    before = site_counts(stages[0], batch)
    folded = same_share(before, site_counts(stages[1], batch, before))
    shares = []
    for stage in stages[1:]:  # two of them in memory at a time
        counts = site_counts(stage, batch)
        shares.append(same_share(before, counts))
        before = counts
    followed, narrowed, grid = shares
    return Fidelity(folded=folded, followed=followed, narrowed=narrowed, grid=grid, lost=lost)
