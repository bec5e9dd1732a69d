"""The verdict in words: what a run saves and costs, and which memory models turn that round."""

from __future__ import annotations

from collections.abc import Mapping

from energy.baselines import BASELINES
from energy.costs import PER_UJ
from energy.savings import saved

Pairs = Mapping[str, tuple[float, float]]


def _words(found: Pairs) -> str:
    """For example: saves 80 % against X but costs 1.2 times Y. Each pair is (ours, theirs)."""
    wins = [f"{saved(*p):.1%} against {BASELINES[x].label}" for x, p in found.items() if p[0] < p[1]]
    losses = [f"{o / t:.2f} times {BASELINES[x].label}" for x, (o, t) in found.items() if o >= t]
    sides = (("saves", wins), ("costs", losses))
    return " but ".join(f"{verb} {', '.join(parts)}" for verb, parts in sides if parts)


def reversals(compute: Pairs, memory: Mapping[str, Pairs]) -> dict[str, list[str]]:
    """Opponent -> the models under which it comes out the other way round than in computing alone."""
    turned = {}
    for x, (ours, theirs) in compute.items():
        models = [m for m, of in memory.items() if (of[x][0] < of[x][1]) != (ours < theirs)]
        if models:
            turned[x] = models
    return turned


def _turned(compute: Pairs, memory: Mapping[str, Pairs]) -> str:
    parts = []
    for x, models in reversals(compute, memory).items():
        times = sorted(memory[m][x][0] / memory[m][x][1] for m in models)
        span = f"{times[0]:.2f} times" if len(times) == 1 else f"{times[0]:.2f} to {times[-1]:.3g} times"
        names = "every memory model" if len(models) == len(memory) else ", ".join(models)
        verb = "dearer" if compute[x][0] < compute[x][1] else "cheaper"
        parts.append(f"{verb} than {BASELINES[x].label} under {names} ({span})")
    return "; what is moved reverses this: it is " + "; ".join(parts) if parts else "; no memory model reverses this"


def sentence(name: str, compute: Pairs, memory: Mapping[str, Pairs]) -> str:
    """All comparisons in one sentence: a run that wins against fp32 and loses elsewhere says both, and each memory
    model that reverses a verdict is named."""
    fp32, int8 = compute["dense_fp32"], compute["int8"]
    ours, theirs = ([p[i] * PER_UJ for p in (fp32, int8)] for i in (0, 1))
    return (
        f"{name} computes a frame with {ours[0]:.3g} uJ at fp32 prices ({ours[1]:.3g} at int8; "
        f"dense ANN: {theirs[0]:.3g} and {theirs[1]:.3g}): it {_words(compute)}{_turned(compute, memory)}."
    )
