"""The runs of an ablation as a table: one row a run (CSV), one row an arm (Markdown)."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from experiments.ablation.plan import Plan
from experiments.ablation.statistics import Difference, paired, spread
from experiments.run_folder import read_json

KEYS = ("miou_val", "miou", "fscore", "miou_other_audio", "spike_fed_share", "train_seconds")


def runs_table(plan: Plan) -> pd.DataFrame:
    """One row a run, from its ``metrics.json``."""
    rows = []
    for (label, seed), point in plan.runs.items():
        metrics = read_json(point.run / "metrics.json")
        rows.append({"arm": label, "seed": seed, "run": point.run.name, **{k: metrics.get(k) for k in KEYS}})
    order = [arm.label for arm in plan.arms]
    table = pd.DataFrame(rows)
    table["arm"] = pd.Categorical(table["arm"], order)
    return table.sort_values(["arm", "seed"], ignore_index=True)


def scores(table: pd.DataFrame, arm: str, metric: str) -> list[float]:
    """By seed, in their order."""
    return [float(v) for v in table[table["arm"] == arm].sort_values("seed")[metric]]


def differences(table: pd.DataFrame, plan: Plan, metric: str) -> dict[str, Difference]:
    held = scores(table, plan.reference.label, metric)
    others = [arm.label for arm in plan.arms if arm != plan.reference]
    return {label: paired(scores(table, label, metric), held) for label in others}


def _interval(d: Difference | None) -> tuple[str, str, str]:
    if d is None:
        return "reference", "", ""
    if d.seeds < 2:
        return f"{d.mean:+.4f}", "one seed: none", "no difference shown"
    word = ("better" if d.mean > 0 else "worse") if d.shown else "no difference shown"
    return f"{d.mean:+.4f}", f"[{d.low:+.4f}, {d.high:+.4f}]", word


def arms_table(table: pd.DataFrame, told: Mapping[str, Difference], metric: str) -> pd.DataFrame:
    """One row an arm: mean and spread of the metric, test mIoU beside it, and the paired difference."""
    rows = []
    for label in table["arm"].cat.categories:
        values = scores(table, label, metric)
        difference, interval, word = _interval(told.get(label))
        rows.append(
            {
                "arm": label,
                "runs": len(values),
                metric: f"{sum(values) / len(values):.4f}",
                "spread": f"{spread(values):.4f}",
                "paired difference": difference,
                "95 % interval": interval,
                "": word,
                "test mIoU": f"{table[table['arm'] == label]['miou'].mean():.4f}",
                "seconds of training": f"{table[table['arm'] == label]['train_seconds'].mean():.0f}",
            }
        )
    return pd.DataFrame(rows)


def markdown(frame: pd.DataFrame) -> str:
    head = [str(c) for c in frame.columns]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *(f"| {' | '.join(map(str, row))} |" for row in frame.itertuples(index=False))])
