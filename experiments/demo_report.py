"""The demo's last word: one table, one picture, one JSON, from what the runs and the accountant left on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from experiments.plots import examples
from experiments.run_folder import read_json, write_json

RUNS = (("ann", "ANN, first"), ("blind", "ANN, audio-blind"), ("control", "ANN control"), ("snn", "integer SNN"))


def claims(out: Path) -> dict[str, Any]:
    """The figures that the demo stands for, each from the run that measured it."""
    metrics = {name: read_json(out / name / "metrics.json") for name, _ in RUNS}
    dense, row = read_json(out / "energy.json")
    control, snn, blind = metrics["control"], metrics["snn"], metrics["blind"]
    return {
        "miou_control": control["miou"],
        "miou_snn": snn["miou"],
        "gap": control["miou"] - snn["miou"],
        "miou_snn_direct": snn["miou_direct"],
        "miou_snn_trained": snn["miou_trained"],
        "miou_blind": blind["miou"],
        "other_drop_control": control["miou"] - control["miou_other_audio"],
        "other_drop_snn": snn["miou"] - snn["miou_other_audio"],
        "swap_control": control["miou_swap_audio"],
        "swap_snn": snn["miou_swap_audio"],
        "swap_blind": blind["miou_swap_audio"],
        "exact": snn["exact"],
        "spike_fed_share": snn["spike_fed_share"],
        "saving": row["saving"],
        "energy_uj": row["energy_uj"],
        "energy_uj_control": dense["energy_uj"],
        "seed": snn["seed"],
    }


def _scores(out: Path) -> Table:
    table = Table(title="mIoU on held-out clips", title_justify="left")
    for column in ("run", "mIoU", "F", "other audio", "swapped audio", "mute", "training s"):
        table.add_column(column, justify="left" if column == "run" else "right")
    for name, title in RUNS:
        m = read_json(out / name / "metrics.json")
        shown = (m["miou"], m["fscore"], m["miou_other_audio"], m["miou_swap_audio"], m["miou_mute_audio"])
        table.add_row(title, *(f"{v:.3f}" for v in shown), f"{m['train_seconds']:.0f}")
    return table


def _costs(found: dict[str, Any]) -> Table:
    """Every named saving with its microjoules, where the SNN loses too."""
    table = Table(title="energy of a frame: SNN against ...", title_justify="left")
    for column in ("measure", "ANN uJ", "SNN uJ", "saving"):
        table.add_column(column, justify="left" if column == "measure" else "right")
    for name, ours, theirs, saved in cost_rows(found):
        style = "red" if saved < 0 else ""
        table.add_row(name, f"{theirs:.2f}", f"{ours:.2f}", f"{saved:+.1%}", style=style)
    return table


OURS = {
    "dense_fp32": "",
    "zeroskip_fp32": "",
    "int8": "int8",
    "qann": "int8",
}  # at whose prices the SNN is put beside X


def cost_rows(found: dict[str, Any]) -> list[tuple[str, float, float, float]]:
    """(measure, SNN uJ, ANN uJ, saving); one precision for both sides of a row."""
    uj, saving = found["energy_uj"], found["saving"]
    rows = [(kind, uj[kind], found["energy_uj_control"][kind], saving[kind]) for kind in ("paper", "paper_exact")]
    for x, value in saving["strict_compute"].items():
        rows.append((f"strict_compute({x})", uj["int8_prices" if OURS[x] else "strict"], uj[f"baseline_{x}"], value))
    for x, value in saving["strict_memory"].items():
        ours = uj["with_memory_int8_prices" if OURS[x] else "with_memory"]
        rows.append((f"strict_memory({x})", ours, uj[f"baseline_{x}_with_memory"], value))
    return rows


def report(out: Path, console: Console, seconds: float) -> None:
    found = {**claims(out), "seconds": round(seconds, 1)}
    write_json(out / "demo.json", found)
    examples(out / "control", out / "snn", out / "demo.png")
    console.print(_scores(out))
    console.print(_costs(found))
    exact = "equal bit for bit to" if found["exact"] else "NOT equal to"
    below = f"{found['gap']:.3f} mIoU {'below' if found['gap'] > 0 else 'from'}"
    console.print(
        f"The integer SNN is {below} the control; run from events alone it is {exact} the quantised ANN; "
        f"{found['spike_fed_share']:.1%} of its multiplies outside the input layers are driven by spikes.\n"
        f"{seconds / 60:.1f} minutes. Pictures: {out}/demo.png, {out}/energy.html. Numbers: {out}/demo.json."
    )
