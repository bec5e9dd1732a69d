"""``python -m tools.full_audit [--systems miavs/full ...]``: the energy audit of each system at full size, 224 pixels.

The network as built, weights as they start, steps set on frames (counts as a calibrated network has them; nothing is
trained, nothing scored), on one clip of five frames of a miniature of AVSBench's S4. Times and measures
``--mode energy`` alone: minutes, and the most memory that its process held. Then both networks are written as ONNX,
and how far onnxruntime's logits are from ours is kept. Writes experiments/results/full_audit.json, piece by piece, and
docs/full_audit.md; what it has is not run again.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.files import write_whole
from experiments.errors import UserError, unknown
from experiments.exporting.mode import REPORT
from experiments.run_folder import read_json, write_json
from graph.models import FAMILIES
from tools.avsbench_mini import s4
from tools.full_audit_page import PIECES, SAVINGS, THREADS, document
from tools.results import FOLDER, provenance
from tools.sentence import in_a_sentence
from tools.systems import SYSTEMS

ROOT = Path(__file__).parents[1]
RESULT, PAGE = FOLDER / "full_audit.json", ROOT / "docs" / "full_audit.md"
CLIPS = {"train": 2, "val": 1, "test": 1}


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


def energy(ann: Path, snn: Path) -> dict[str, Any]:
    out = ann.parent / "report"
    spent = called("--mode", "energy", "--runs", str(ann), str(snn), "--clips", "1", "--out", str(out))
    row = read_json(out / "energy.json")[-1]
    saving = {name: row["saving"]["strict_compute"][name] for name in SAVINGS}
    return {
        "minutes": spent.minutes, "gib": spent.gib, "coverage": row["coverage"],
        "spike_fed_share": row["spike_fed_share"], "saving": saving,
    }  # fmt: skip


def onnx(ann: Path, snn: Path) -> dict[str, Any]:
    """Of both networks: what ``--mode export`` found before it wrote."""
    found: dict[str, Any] = {}
    for run in (ann, snn):
        spent = called("--mode", "export", "--to", "onnx", "--run", str(run))
        found[run.name] = {**read_json(run / REPORT)["onnx"], "minutes": spent.minutes, "gib": spent.gib}
    return found


def pieces(words: Sequence[str], base: Path, known: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What is known of a system, and one piece more, until all are there."""
    common = (*words, *data_words(base), "--train.epochs", "0", "--train.batch", "1", "--train.threads", str(THREADS))
    ann, snn = base / "ann", base / "snn"
    spiking = ("--neuron.levels", "4", "--spikes.score", "linear", "--exact.frames", "0", "--calibrate.frames", "5")
    called("--mode", "ann", "--run", str(ann), *common)
    called("--mode", "convert", "--run", str(snn), "--from", str(ann), *spiking, "--curve", "[]", *common)
    row = dict(known)
    for name, measure in (("energy", energy), ("onnx", onnx)):
        if name not in row:
            row[name] = measure(ann, snn)
            yield row


@in_a_sentence
def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.full_audit", allow_abbrev=False)
    parser.add_argument("--systems", nargs="+", default=list(systems()))
    options = parser.parse_args(given)
    for name in options.systems:
        if name not in systems():
            raise unknown("--systems", name, systems())
    known = read_json(RESULT) if RESULT.is_file() else {}
    rows = dict(known.get("rows", {}))
    for name in options.systems:
        if set(PIECES) <= rows.get(name, {}).keys():
            continue
        with tempfile.TemporaryDirectory() as folder:  # gigabytes
            s4(Path(folder) / "data", CLIPS)
            for row in pieces(systems()[name], Path(folder), rows.get(name, {})):
                rows[name] = row
                about = provenance("python -m tools.full_audit")
                write_json(RESULT, {**about, "rows": {key: rows[key] for key in systems() if key in rows}})
                print(f"{name}: {', '.join(piece for piece in PIECES if piece in row)}", flush=True)
    found = read_json(RESULT)
    write_whole(PAGE, document(found["rows"], found["command"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
