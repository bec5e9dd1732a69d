"""``python -m tools.golden [--check]``: the numbers that a change of structure must not change, in one file.

* ``graphs``: of every family at tiny and full size (and MI-AVS as released): nodes, MACs, multiplies, parameters, and
  the lint's shares, real-valued and in three spiking forms. Pure integers: equal on every machine.
* ``networks``: of every tiny family with fixed weights, real-valued, quantised, I-LIF and LIF over four steps: the
  mask, and what the accountant counts on the deployed network, node by node.
* ``savings`` and ``exact``: of the tiny MI-AVS.

Weights depend on their names alone, so the order of initialisation does not matter. A mask is kept as the digest of its
bits and as a sample of its values: where an order of sums changed, the sample must agree to ``TOLERANCE``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.golden_graphs import graphs
from tools.golden_networks import networks

PATH = Path(__file__).parents[1] / "tests" / "vectors" / "golden.json"
TOLERANCE = 1e-6
PARTS = {"graphs": graphs, "networks": networks}


def differences(before: Any, now: Any, where: str = "") -> Iterator[str]:
    """Every place where two trees of numbers differ. Rows of nodes that are new must count nothing."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in before.keys() | now.keys():
            place = f"{where}.{key}" if where else str(key)
            if key not in now:
                yield f"{place}: gone"
            elif key in before:
                yield from differences(before[key], now[key], place)
            elif now[key]:
                yield f"{place}: new, {now[key]}"
    elif before != now:
        yield f"{where}: {before} before, {now} now"


def _close(line: dict[str, Any], other: dict[str, Any]) -> bool:
    a, b = line["sample"], other["sample"]
    size = max(map(abs, a))
    return len(a) == len(b) and max(abs(x - y) for x, y in zip(a, b, strict=True)) <= TOLERANCE * size


def settled(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Masks whose bits differ and whose values agree; in ``now`` they are then as before."""
    notes = []
    for name, entry in before.get("networks", {}).items():
        current = now["networks"].get(name)
        if current and current["mask"]["digest"] != entry["mask"]["digest"] and _close(entry["mask"], current["mask"]):
            notes.append(f"{name}: other bits, values within {TOLERANCE:.0e}")
            current["mask"] = entry["mask"]
    return notes


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.golden", allow_abbrev=False)
    parser.add_argument("--check", action="store_true", help="compare with the file instead of writing it")
    parser.add_argument("--only", choices=tuple(PARTS), help="one part of it")
    options = parser.parse_args(argv)
    now = {name: part() for name, part in PARTS.items() if options.only in (None, name)}
    if not options.check:
        PATH.write_text(json.dumps(now, indent=1) + "\n")
        print(f"written to {PATH.relative_to(Path.cwd())}")
        return 0
    before = {name: json.loads(PATH.read_text())[name] for name in now}
    for note in settled(before, now):
        print(note)
    off = sorted(differences(before, json.loads(json.dumps(now))))
    for line in off:
        print(line)
    print(f"{len(off)} differences" if off else "no number has changed")
    return 1 if off else 0


if __name__ == "__main__":
    sys.exit(main())
