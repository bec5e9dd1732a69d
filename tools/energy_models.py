"""``python -m tools.energy_models ENERGY.json [--run NAME]``: one network under every memory model, price profile and
opponent.

Reads the report that ``--mode energy`` (or the demo) wrote, prices it again from its own amounts, and writes
docs/energy_models.md and experiments/results/energy_models.json, from which the README takes three columns.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common.files import write_whole
from energy.baselines import BASELINES
from energy.hardware import Profile, profiles
from energy.memory import MODELS
from energy.work import COMPUTE, repriced
from experiments.errors import UserError
from experiments.run_folder import read_json, write_json
from tools.results import FOLDER, provenance
from tools.sentence import in_a_sentence

DOC = FOLDER.parents[1] / "docs" / "energy_models.md"
PLACES = (COMPUTE, *MODELS)
README_PROFILE, README_COLUMNS = "int8_45nm", ("int8", "qann", "qann_events")
Ratios = dict[str, dict[str, dict[str, float | None]]]


def ratios(row: Mapping[str, Any]) -> Ratios:
    """profile -> place -> opponent -> energy of the run over that of the opponent; None without a price."""

    def ratio(x: str, place: str, profile: Profile) -> float | None:
        pair = repriced(row, x, place, profile)
        return None if pair is None else round(pair[0] / pair[1], 6)

    whole = {name: p for name, p in profiles().items() if p.whole}
    return {name: {place: {x: ratio(x, place, p) for x in BASELINES} for place in PLACES} for name, p in whole.items()}


def shown(ratio: float | None) -> str:
    """Bold where the run is dearer."""
    if ratio is None:
        return "no price"
    text = f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}"
    return f"**{text}**" if ratio > 1 else text


def words(place: str) -> str:
    return "computing alone" if place == COMPUTE else place


def lines(table: Mapping[str, Mapping[str, float | None]], columns: Sequence[str]) -> list[str]:
    head = f"| times the energy of | {' | '.join(BASELINES[x].label for x in columns)} |"
    body = [f"| {words(place)} | {' | '.join(shown(of[x]) for x in columns)} |" for place, of in table.items()]
    return [head, "|" + "---|" * (len(columns) + 1), *body]


def document(found: Ratios, command: str, miou: tuple[float, float]) -> str:
    parts = [
        "# One network under every memory model, price profile and opponent",
        "",
        f"Written by `{command}` from the demo's report: the integer SNN",
        f"(mIoU {miou[1]:.3f}) against its opponents (the ANN: mIoU {miou[0]:.3f}), a frame, both at the same prices.",
        "A number is the SNN's energy over the opponent's; above 1 it is dearer, and bold.",
        "`docs/counters.md` has the same network under other counters.",
        "",
    ]
    for name, table in found.items():
        price = next(iter(profiles()[name].prices.values()))
        parts += [f"## {name}: words of {profiles()[name].word_bits} bits, {price.technology}", ""]
        parts += [*lines(table, tuple(BASELINES)), ""]
    parts += ["## What the memory models assume", ""]
    parts += [f"- **{m.name}**: {'; '.join(m.says)}. Source: {m.source}." for m in MODELS.values()]
    return "\n".join([*parts, ""])


def readme_table() -> str:
    """The README's three columns, from the kept result."""
    kept = read_json(FOLDER / "energy_models.json")
    table = kept["ratios"][README_PROFILE]
    return "\n".join([*lines(table, README_COLUMNS), "", f"At `{README_PROFILE}`, from `{kept['command']}`."])


@in_a_sentence
def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.energy_models")
    parser.add_argument("report", type=Path, help="an energy.json")
    parser.add_argument("--run", default="snn", help="how the name of its row ends")
    options = parser.parse_args(given)
    rows = read_json(options.report)
    row = next((r for r in rows[1:] if r["run"].endswith(options.run)), None)
    if row is None:
        names = ", ".join(r["run"] for r in rows[1:])
        raise UserError(f"--run is '{options.run}', which no row of {options.report} ends with, found {names}")
    command = "python main.py --mode demo && python -m tools.energy_models runs/demo/energy.json"
    found = ratios(row)
    write_json(FOLDER / "energy_models.json", {**provenance(command), "ratios": found})
    write_whole(DOC, document(found, command, (rows[0]["miou"], row["miou"])))
    print(f"written to {DOC} and {FOLDER / 'energy_models.json'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
