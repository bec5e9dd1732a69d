"""``python -m tools.systems``: what each system costs and how much of it spikes can drive, from its graph alone.

Writes ``experiments/results/systems.json``: for each family and backbone at full size, 224 pixels, one binary mask.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import replace
from typing import Any

from experiments.run_folder import write_json
from graph.models import FAMILIES, build
from graph.passes import SpikeSpec, cost, fold, lint, spikify
from tools.results import FOLDER, provenance

COMMAND = "python -m tools.systems"
# (family, named spec, fields that are set): the two backbones of each.
SYSTEMS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("avsegformer", "full", {}),
    ("avsegformer", "full", {"backbone": "resnet50"}),
    ("miavs", "full", {}),
    ("miavs", "full", {"backbone": "resnet50"}),
    ("etavs", "full", {}),
    ("etavs", "r50", {}),
    ("av2ts", "full", {}),
    ("av2ts", "r50", {}),
    ("qsd", "full", {}),
    ("qsd", "r50", {}),
)


def figures(family: str, spec: str, changes: dict[str, str]) -> dict[str, Any]:
    """``left``: the shares of multiplies that spikes do not drive, by reason, largest first."""
    sized = replace(FAMILIES[family].specs[spec], **changes)  # type: ignore[arg-type]
    graph = build(family, sized).pruned(["mask"])
    spent, report = cost(graph), lint(fold(spikify(graph, SpikeSpec(score="linear")))[0])
    left: Counter[str] = Counter()
    for finding in report.left:
        if not finding.input_layer:
            left[finding.reason] += finding.multiplies
    return {
        "family": family,
        "backbone": sized.backbone,
        "parameters": spent.parameters,
        "macs": spent.macs,
        "sampling_macs": spent.sampling,
        "spike_fed_share": round(report.spike_fed_share, 5),
        "left": {reason: round(count / report.total, 5) for reason, count in left.most_common()},
    }


def main() -> int:
    rows = [figures(*system) for system in SYSTEMS]
    write_json(FOLDER / "systems.json", {**provenance(COMMAND), "figures": rows})
    for row in rows:
        print(
            f"{row['family']:12} {row['backbone']:10} {row['parameters'] / 1e6:7.2f} M parameters "
            f"{row['macs'] / 1e9:6.2f} G MACs a frame, spike-fed {row['spike_fed_share']:.2%}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
