"""The README's table of the five systems: official outputs they match, what they cost, how much spikes can drive."""

from __future__ import annotations

from typing import Any

from experiments.run_folder import read_json
from tools.results import FOLDER

# (family, backbone) -> the vectors that it was compared with.
COMPARED = {
    ("avsegformer", "pvt_v2_b5"): ("avsegformer_pvt2",),
    ("avsegformer", "resnet50"): ("avsegformer_r50",),
    ("miavs", "pvt_v2_b5"): ("miavs_ann_pvt2", "miavs_snn_pvt2"),
    ("etavs", "pvt_v2_b5"): ("etavs_pvt2",),
    ("etavs", "resnet50"): ("etavs_res50",),
    ("av2ts", "resnet50"): ("av2ts_core_r50", "av2ts_core_r50_nopresam"),
}


def _compared(networks: dict[str, Any], names: tuple[str, ...]) -> tuple[str, str]:
    """Official keys that are loaded, and the largest error over every array of every vector."""
    results = [networks[name] for name in names]
    keys = ", ".join(f"{f['loaded']} of {f['keys']}" for f in results)
    worst = ", ".join(f"{max(m['error'] for m in f['measured']):.0e}" for f in results)
    return keys, worst


def table() -> str:
    parity, systems = (read_json(FOLDER / f"{name}.json") for name in ("parity", "systems"))
    lines = [
        "| system | backbone | official keys loaded | largest relative error | parameters | MACs a frame | spike-fed |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in systems["figures"]:
        names = COMPARED.get((row["family"], row["backbone"]), ())
        keys, worst = _compared(parity["figures"]["networks"], names) if names else ("no vectors", "-")
        cells = (
            row["family"],
            row["backbone"],
            keys,
            worst,
            f"{row['parameters'] / 1e6:.2f} M",
            f"{row['macs'] / 1e9:.2f} G",
            f"{row['spike_fed_share']:.1%}",
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + f"\n\nFrom `{parity['command']}` and `{systems['command']}`."
