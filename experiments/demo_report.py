"""The demo's last word: one table, one picture, one JSON, from what the runs and the accountant left on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from energy.baselines import BASELINES, INT8
from experiments.network import load_run
from experiments.plots import examples
from experiments.run_folder import read_json, write_json
from graph.passes import lint

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


def at_int8(x: str) -> bool:
    """Whether opponent ``x`` is priced in int8, and the SNN beside it."""
    return BASELINES[x].profile == INT8


def cost_rows(found: dict[str, Any]) -> list[tuple[str, float, float, float]]:
    """(measure, SNN uJ, ANN uJ, saving); one precision for both sides of a row."""
    uj, saving = found["energy_uj"], found["saving"]
    rows = [(kind, uj[kind], found["energy_uj_control"][kind], saving[kind]) for kind in ("paper", "paper_exact")]
    for x, value in saving["strict_compute"].items():
        rows.append((f"strict_compute({x})", uj["int8_prices" if at_int8(x) else "strict"], uj[f"baseline_{x}"], value))
    for x, value in saving["strict_memory"].items():
        ours = uj["with_memory_int8_prices" if at_int8(x) else "with_memory"]
        rows.append((f"strict_memory({x})", ours, uj[f"baseline_{x}_with_memory"], value))
    return rows


SCORES = (
    ("mIoU", "miou"),
    ("F", "fscore"),
    ("mIoU, another clip's sound", "miou_other_audio"),
    ("mIoU, silent object's sound", "miou_swap_audio"),
    ("mIoU, silence", "miou_mute_audio"),
)


def table(out: Path, found: dict[str, Any]) -> Table:
    """The one table: scores, then every named saving with its microjoules, where the SNN loses too."""
    metrics = {name: read_json(out / name / "metrics.json") for name, _ in RUNS}
    title = f"{metrics['snn']['clips']} held-out clips; ANN: the control, trained on for as long as the SNN"
    shown = Table(title=title, title_justify="left")
    for column in ("", "blind ANN", "ANN", "SNN", "difference"):
        shown.add_column(column, justify="right" if column else "left")
    for label, key in SCORES:
        blind, control, snn = (metrics[n][key] for n in ("blind", "control", "snn"))
        shown.add_row(label, f"{blind:.3f}", f"{control:.3f}", f"{snn:.3f}", f"{snn - control:+.3f}")
    shown.add_section()
    shown.add_row("[bold]energy of a frame[/bold]", "", "uJ", "uJ", "saving")
    for name, ours, theirs, saved in cost_rows(found):
        style = "red" if saved < 0 else ""
        shown.add_row(name, "", f"{theirs:.2f}", f"{ours:.2f}", f"{saved:+.1%}", style=style)
    return shown


def report(out: Path, console: Console, seconds: float) -> None:
    found = {**claims(out), "seconds": round(seconds, 1)}
    write_json(out / "demo.json", found)
    examples(out / "control", out / "snn", out / "demo.png")
    console.print(table(out, found))
    console.print(read_json(out / "energy.json")[1]["sentence"], markup=False)
    exact = "equal bit for bit to" if found["exact"] else "NOT equal to"
    console.print(
        f"Run from events alone, the integer SNN is {exact} the quantised ANN. Spikes drive "
        f"{found['spike_fed_share']:.1%} of its multiplies outside the two input layers; what is left: "
        f"{', '.join(left_over(out))}.\n"
        f"{seconds / 60:.1f} minutes. Pictures: {out}/demo.png, {out}/energy.html. Numbers: {out}/demo.json."
    )


def left_over(out: Path) -> list[str]:
    """What still multiplies in the deployed SNN, by reason and share, largest first."""
    found = lint(load_run(str(out / "snn")).deployed.graph)
    shares: dict[str, int] = {}
    for finding in found.left:
        if not finding.input_layer:
            shares[finding.reason] = shares.get(finding.reason, 0) + finding.multiplies
    return [f"{reason} {size / found.total:.2%}" for reason, size in sorted(shares.items(), key=lambda t: -t[1])]
