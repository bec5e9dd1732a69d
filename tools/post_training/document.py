"""docs/post_training.md and its figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib

from energy.tables import as_markdown
from experiments.plots import saved
from tools.results import spread

matplotlib.use("Agg")
from matplotlib import pyplot as plt

Seeds = Sequence[Mapping[str, Any]]


def table(seeds: Seeds, key: str, unit: str) -> list[str]:
    """Mean and spread over the seeds, and the largest loss of any of them at the last column."""
    first = seeds[0][key]
    values = list(next(iter(first.values())))
    head = ["mIoU", *(f"{unit} = {v}" for v in values), f"most lost at {unit} = {values[-1]}"]
    lines = [head]
    for name in first:
        lost = max(seed["ann"] - seed[key][name][values[-1]] for seed in seeds)
        cells = [spread([seed[key][name][value] for seed in seeds]) for value in values]
        lines.append([name, *cells, f"{lost:+.3f}"])
    return as_markdown(lines).splitlines()


def figure(seeds: Seeds) -> bytes:
    drawn, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained", sharey=True)
    for axis, key, title in zip(
        axes, ("rates", "backbones"), ("the whole network", "the image backbone alone"), strict=True
    ):
        for name, points in seeds[0][key].items():
            mean = [sum(seed[key][name][t] for seed in seeds) / len(seeds) for t in points]
            axis.plot([int(t) for t in points], mean, "o-", label=name, markersize=3)
        axis.axhline(sum(seed["ann"] for seed in seeds) / len(seeds), color="0.5", linewidth=1, label="ANN")
        axis.set_xscale("log", base=2)
        axis.set_xlabel("steps T")
        axis.set_title(title, fontsize="medium")
        axis.legend(frameon=False, fontsize="x-small")
    axes[0].set_ylabel("mIoU")
    return saved(drawn)


def document(seeds: Seeds, refused: Mapping[str, int], clips: int, command: str) -> str:
    ann = spread([seed["ann"] for seed in seeds])
    plain = spread([seed["plain"] for seed in seeds])
    left = ", ".join(f"{count} {name}" for name, count in sorted(refused.items()))
    return "\n".join(
        [
            "# Conversion alone",
            "",
            f"Written by `{command}`: the demo's ANN, {len(seeds)} seeds, converted without a step of training "
            f"after it; mIoU on {clips} test clips, where the ANN itself has {ann}; mean ± standard deviation "
            "over the seeds.",
            "",
            "## Integer counts up to D, in one step",
            "",
            *table(seeds, "counts", "D"),
            "",
            "`--calibrate.percentile 0.99`, the default; *best*, `--calibrate.percentile 0`: of several the one that "
            "brings the masks nearest to the ANN's on training frames; *by channel*, `--calibrate.channels true`.",
            "",
            "## IF neurons over T steps",
            "",
            *table(seeds, "rates", "T"),
            "",
            "## The image backbone alone, beside SpikingJelly's `ann2snn`",
            "",
            *table(seeds, "backbones", "T"),
            "",
            "The rest stays real and reads the mean over T. SpikingJelly 2.0, `RateCodingRecipe`, `99.9%`. It knows "
            f"`nn.ReLU` without a ceiling; an ANN with such has {plain}. The whole network it does not take: "
            f"`torch.fx` does not trace it, and there is no rule for {left}; what is traced and has no rule "
            "stays real-valued, and nothing is said.",
            "",
            "![mIoU over T](post_training.png)",
            "",
        ]
    )
