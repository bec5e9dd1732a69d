"""``python -m tools.full_audit [--systems miavs/full ...]``: the energy audit of each system at full size, 224 pixels.

The network as built, weights as they start, steps set on frames (counts as a calibrated network has them; nothing is
trained, nothing scored), on one clip of five frames of a miniature of AVSBench's S4. Times and measures
``--mode energy`` alone: minutes, and the most memory that its process held. Writes experiments/results/full_audit.json,
a system at a time, and docs/full_audit.md; systems that it has are not run again.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.files import write_whole
from energy.tables import as_markdown
from experiments.errors import UserError, unknown
from experiments.run_folder import read_json, write_json
from graph.models import FAMILIES
from tools.avsbench_mini import s4
from tools.results import FOLDER, provenance
from tools.sentence import in_a_sentence
from tools.systems import SYSTEMS

ROOT = Path(__file__).parents[1]
RESULT, PAGE = FOLDER / "full_audit.json", ROOT / "docs" / "full_audit.md"
CLIPS = {"train": 2, "val": 1, "test": 1}
THREADS = 2
MINUTES, GIB = 5, 8
SAVINGS = ("dense_fp32", "zeroskip_int8", "qann")


@dataclass(frozen=True, kw_only=True)
class Measured:
    minutes: float
    gib: float


def systems() -> dict[str, tuple[str, ...]]:
    """Its name -> words for ``main.py``."""
    found = {}
    for family, spec, changes in SYSTEMS:
        backbone = changes.get("backbone", FAMILIES[family].specs[spec].backbone)
        more = ("--model.backbone", changes["backbone"]) if changes else ()
        found[f"{family}/{backbone}"] = ("--model.name", family, "--model.spec", spec, *more)
    return found


def called(*words: str) -> Measured:
    """Of one call of main.py: how long, and the most that it held."""
    command = [sys.executable, str(ROOT / "main.py"), *words]
    began = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": str(THREADS)}
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise UserError(f"{shlex.join(['main.py', *words])} ended with {process.returncode}")
    return Measured(minutes=(time.perf_counter() - began) / 60, gib=usage.ru_maxrss / 2**20)


def data_words(base: Path) -> tuple[str, ...]:
    data = ("--data.dataset", "avsbench", "--data.variant", "s4", "--data.root", str(base / "data"))
    return (*data, "--data.image", "224", "--data.cache", str(base / "cache"), "--data.workers", "0")


def audited(words: Sequence[str], base: Path) -> dict[str, Any]:
    common = (*words, *data_words(base), "--train.epochs", "0", "--train.batch", "1", "--train.threads", str(THREADS))
    ann, snn, out = (str(base / name) for name in ("ann", "snn", "report"))
    spiking = ("--neuron.levels", "4", "--spikes.score", "linear", "--exact.frames", "0", "--calibrate.frames", "5")
    called("--mode", "ann", "--run", ann, *common)
    called("--mode", "convert", "--run", snn, "--from", ann, *spiking, "--curve", "[]", *common)
    spent = called("--mode", "energy", "--runs", ann, snn, "--clips", "1", "--out", out)
    row = json.loads((Path(out) / "energy.json").read_text())[-1]
    for folder in (ann, snn, out):
        shutil.rmtree(folder)  # gigabytes
    saving = {name: row["saving"]["strict_compute"][name] for name in SAVINGS}
    return {
        "minutes": spent.minutes, "gib": spent.gib, "coverage": row["coverage"],
        "spike_fed_share": row["spike_fed_share"], "saving": saving,
    }  # fmt: skip


def document(rows: Mapping[str, Mapping[str, Any]], command: str) -> str:
    head = ("system", "minutes", "GiB at most", "ops counted", "spike-fed", *(f"against {name}" for name in SAVINGS))
    lines = [list(head)]
    for name, row in rows.items():
        saved = [f"{row['saving'][key]:+.1%}" for key in SAVINGS]
        spent = (f"{row['minutes']:.1f}", f"{row['gib']:.1f}")
        lines.append([name, *spent, f"{row['coverage']:.0%}", f"{row['spike_fed_share']:.1%}", *saved])
    return "\n".join(
        [
            "# Energy audits at full size",
            "",
            f"Written by `{command}`: `--mode energy --clips 1` of each system's ANN and integer SNN (D = 4), 224 "
            f"pixels, five frames, {THREADS} CPU threads. {MINUTES} minutes and {GIB} GiB are what we ask of "
            "ourselves. The weights are those that training would start from, and only the steps are set on frames: "
            "what is shown is that every op of a network of this size is counted, and at what cost. The savings are "
            "those of no network that was trained.",
            "",
            as_markdown(lines),
            "",
        ]
    )


@in_a_sentence
def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.full_audit", allow_abbrev=False)
    parser.add_argument("--systems", nargs="+", default=list(systems()))
    options = parser.parse_args(given)
    known = read_json(RESULT) if RESULT.is_file() else {}
    rows = dict(known.get("rows", {}))
    for name in options.systems:
        if name not in systems():
            raise unknown("--systems", name, systems())
    for name in options.systems:
        if name in rows:
            continue
        with tempfile.TemporaryDirectory() as folder:
            s4(Path(folder) / "data", CLIPS)
            rows[name] = audited(systems()[name], Path(folder))
        about = provenance("python -m tools.full_audit")
        write_json(RESULT, {**about, "rows": {key: rows[key] for key in systems() if key in rows}})
        print(f"{name}: {rows[name]['minutes']:.1f} minutes, {rows[name]['gib']:.1f} GiB", flush=True)
    found = read_json(RESULT)
    write_whole(PAGE, document(found["rows"], found["command"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
