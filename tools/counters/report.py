"""The verdicts as a table and as sentences."""

from __future__ import annotations

from collections.abc import Sequence

from tools.counters.difference import Verdict

HEAD = ("counter", "additions (M)", "MACs (M)", "uJ at 0.9 / 4.6 pJ", "spiking layers as MACs")


def cells(verdict: Verdict) -> tuple[str, ...]:
    return (
        verdict.counter,
        f"{verdict.additions / 1e6:.3f}",
        f"{verdict.macs / 1e6:.3f}",
        f"{verdict.uj:.2f}",
        str(verdict.layers_as_macs),
    )


def sentences(verdict: Verdict, ours: Verdict) -> list[str]:
    """One for each part of the difference, and the sum."""
    lines = [f"{amount / 1e6:+.3f} M: {why}" for why, amount in verdict.parts.items()]
    total = ours.additions - verdict.additions
    return [*lines, f"= {total / 1e6:+.3f} M additions that our count has more"]


def markdown(title: str, command: str, verdicts: Sequence[Verdict]) -> str:
    first, *others = verdicts
    lines = [f"# {title}", "", f"Written by `{command}`. A frame, front end apart.", ""]
    lines += [f"| {' | '.join(HEAD)} |", "|" + "---|" * len(HEAD)]
    lines += [f"| {' | '.join(cells(v))} |" for v in verdicts]
    for other in others:
        lines += ["", f"## {other.counter}: where the difference lies", ""]
        lines += [f"- {line}" for line in sentences(other, first)]
    return "\n".join([*lines, ""])
