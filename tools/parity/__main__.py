"""``python -m tools.parity --vectors DIR [--seed N] [--size S]``: our networks against official outputs.

For every ``NAME.keys.json`` beside a ``NAME.npz`` in DIR: build, fill the weights by the rule, load them through the
family's key map, run, compare. Exit 1 if an array is off by more than its tolerance, 2 if DIR is not such a folder, 3
if nothing is off but a spiking network that this processor's rounding turns into another picture.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from experiments.errors import UserError, unknown
from experiments.run_folder import write_json
from tools.parity.registry import CASES, TABLES
from tools.parity.run import Measured, Result, measure
from tools.results import FOLDER, provenance

COMMAND = "python -m tools.parity --vectors DIR --keep"


def names(folder: Path, only: list[str]) -> list[str]:
    with_vectors = sorted(p.name.removesuffix(".keys.json") for p in folder.glob("*.keys.json"))
    if not with_vectors:
        raise UserError(
            f"--vectors is '{folder}', which has no NAME.keys.json in it, expected a folder of parity vectors"
        )
    for name in only or with_vectors:
        if name not in CASES:
            raise unknown(f"parity vectors in {folder}", name, CASES)
        if not (folder / f"{name}.npz").exists():
            raise UserError(f"{folder / name}.npz is missing, expected beside {name}.keys.json")
    return only or with_vectors


def _word(m: Measured) -> str:
    return "" if m.within else f"a rounding moves {m.by_rounding:.1e}" if m.undecided else "above"


def show(result: Result) -> Table:
    unused = "; ".join(f"{count} {why}" for why, count in result.unused.items()) or "none"
    title = (
        f"{result.name}: {result.keys} official keys ({result.official / 1e6:.2f} M parameters), "
        f"{result.loaded} loaded, unused: {unused}"
    )
    table = Table("output", "relative error", "tolerance", "", title=title, title_justify="left", caption=result.note)
    for m in result.measured:
        table.add_row(m.array, f"{m.error:.1e}", f"{m.tolerance:.0e}", _word(m))
    return table


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.parity", description=__doc__, allow_abbrev=False)
    parser.add_argument("--vectors", type=Path, required=True, help="folder of NAME.keys.json and NAME.npz")
    parser.add_argument("--seed", type=int, default=0, help="seed of weights and inputs")
    parser.add_argument("--size", type=int, default=224, help="pixels of the images that the vectors were made with")
    parser.add_argument("--keep", action="store_true", help="write experiments/results/parity.json")
    parser.add_argument("--only", nargs="*", default=[], help="names, if not all")
    options = parser.parse_args(argv)
    console = Console()
    try:
        results = [
            measure(n, CASES[n], options.vectors, options.seed, options.size)
            for n in names(options.vectors, options.only)
        ]
    except (UserError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    for result in results:
        console.print(show(result))
    tables: list[Measured] = [m for check in TABLES for m in check(options.vectors)]
    for m in tables:
        console.print(f"{m.array}: {m.error:.1e}, tolerance {m.tolerance:.0e}{'' if m.within else ', above'}")
    if options.keep:
        kept = {r.name: asdict(r) for r in results}
        write_json(FOLDER / "parity.json", {**provenance(COMMAND), "figures": {"networks": kept}})
    undecided = [r.name for r in results if r.undecided]
    failed = [r.name for r in results if not (r.passed or r.undecided)] + [m.array for m in tables if not m.within]
    if failed:
        console.print(f"above tolerance: {', '.join(failed)}")
        return 1
    if undecided:
        console.print(
            f"undecided: {', '.join(undecided)}; one rounding of the input moves our own output as far, and this "
            "processor rounds otherwise than the one that made the vectors"
        )
        return 3
    console.print(f"all {len(results)} within tolerance")
    return 0


if __name__ == "__main__":
    sys.exit(main())
