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
from energy.tables import as_markdown
from experiments.errors import UserError, unknown
from experiments.exporting.mode import REPORT
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
PIECES = ("energy", "onnx")


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


def energy_table(rows: Mapping[str, Mapping[str, Any]]) -> str:
    head = ("system", "minutes", "GiB at most", "ops counted", "spike-fed", *(f"against {name}" for name in SAVINGS))
    lines = [list(head)]
    for name, row in rows.items():
        of = row["energy"]
        saved = [f"{of['saving'][key]:+.1%}" for key in SAVINGS]
        spent = (f"{of['minutes']:.1f}", f"{of['gib']:.1f}")
        lines.append([name, *spent, f"{of['coverage']:.0%}", f"{of['spike_fed_share']:.1%}", *saved])
    return as_markdown(lines)


def onnx_table(rows: Mapping[str, Mapping[str, Any]]) -> str:
    lines = [["system", "", "nodes", "MB", "minutes", "GiB at most", "onnxruntime's logits"]]
    for name, row in rows.items():
        for run, title in (("ann", "ANN"), ("snn", "SNN, D = 4")):
            of = row["onnx"][run]
            off = "the same bits" if of["same_bits"] else f"{of['difference']:.2g} of the largest away"
            if alone := of.get("site_by_site"):
                off += f"; site by site {alone['unequal']} of {alone['counts'] / 1e6:.0f} M counts are others"
            size = (str(of["nodes"]), f"{of['bytes'] / 1e6:.0f}", f"{of['minutes']:.1f}", f"{of['gib']:.1f}")
            lines.append([name, title, *size, off])
    return as_markdown(lines)


def document(rows: Mapping[str, Mapping[str, Any]], command: str) -> str:
    having = {piece: {name: row for name, row in rows.items() if piece in row} for piece in PIECES}
    return "\n".join(
        [
            "# Full size: energy audits and ONNX",
            "",
            f"Written by `{command}`: each system's ANN and integer SNN (D = 4), 224 pixels, five frames, {THREADS} "
            "CPU threads. The weights are those that training would start from, and only the steps are set on frames: "
            "what is shown is that a network of this size passes whole. The savings are those of no network that was "
            "trained.",
            "",
            "## Energy",
            "",
            f"`--mode energy --clips 1`. {MINUTES} minutes and {GIB} GiB are what we ask of ourselves.",
            "",
            energy_table(having["energy"]),
            "",
            "## ONNX",
            "",
            "`--mode export --to onnx` of both. The logits are compared before the file is written. Where norms are "
            "left between sites, or real-valued images in front of them, two executors round differently, a value "
            "crosses a threshold now and then, and the logits of a network that was not trained then have nothing in "
            "common: such a network is judged site by site, each on the counts that ours has in front of it.",
            "",
            onnx_table(having["onnx"]),
            "",
        ]
    )


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
