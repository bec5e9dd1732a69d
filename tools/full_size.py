"""Full-size networks on this machine: ``python -m tools.full_size`` -> experiments/results/full_size_cpu.csv.

One training step and one evaluation (of two clips, by ``main.py`` on a miniature of AVSBench's S4), as ANN and as SNN
(I-LIF, up to 4 spikes in one step), with and without ``train.recompute``. Nothing is frozen but what the recipe keeps
as it was pretrained, and nothing is pretrained here.
``memory``: what the process held at most until the step had ended, with PyTorch itself, weights and optimizer.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments.run_folder import read_json
from tools.avsbench_mini import s4
from tools.readme_full import read
from tools.results import FOLDER, provenance

ROOT = Path(__file__).parents[1]
CLIPS = {"train": 4, "val": 1, "test": 1}
COMMON = (
    "--data.workers", "0", "--model.backbone_weights", "", "--model.audio_weights", "", "--train.epochs", "1",
    "--train.freeze_epochs", "0", "--train.threads", "2",
)  # fmt: skip
COLUMNS = ("network", "config", "as", "recompute", "frames", "step_s", "evaluation_s", "memory_gb")


@dataclass(frozen=True, kw_only=True)
class Case:
    network: str
    config: str
    kind: str
    frames: int
    recompute: bool
    more: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        batch = ("--train.batch", str(self.frames), "--train.recompute", str(self.recompute).lower())
        return ("--mode", self.kind, "--config", self.config, *batch, *self.more)


SPIKING = ("--neuron.kind", "ilif", "--neuron.levels", "4")
# Frames of a step by kind: of MI-AVS as many as 24 GB hold without recomputing.
NETWORKS = {
    "ETAVS, ResNet-50, 224 px": ("configs/avsbench/etavs/s4_r50.yaml", {"ann": 10, "snn": 10}),
    "MI-AVS, PVT v2-B5, 512 px": ("configs/avsbench/miavs/s4_pvt2.yaml", {"ann": 2, "snn": 1}),
}
CASES = [
    Case(network=network, config=config, kind=kind, frames=frames, recompute=again, more={"snn": SPIKING}.get(kind, ()))
    for network, (config, kinds) in NETWORKS.items()
    for kind, frames in kinds.items()
    for again in (False, True)
]


def measured(case: Case, data: Path, run: Path) -> dict[str, object]:
    """Of a run: how long its step took, its evaluation, and what it held at most."""
    command = [sys.executable, str(ROOT / "main.py"), *case.words, *COMMON, "--data.root", str(data)]
    command += ["--data.cache", str(data / "cache"), "--run", str(run)]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    metrics = read_json(run / "metrics.json")
    with (run / "times.csv").open() as file:
        seconds = {row["what"]: float(row["seconds"]) for row in csv.DictReader(file)}
    evaluation = (run / "metrics.json").stat().st_mtime - (run / "times.csv").stat().st_mtime
    step = sum(seconds[what] for what in ("forward and loss", "backward", "clip and update"))
    values = (
        case.network, Path(case.config).stem, case.kind.upper(), "yes" if case.recompute else "no", case.frames,
        round(step, 1), round(evaluation, 1), round(metrics["train_memory_mb"] / 1000, 1),
    )  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))


def write(rows: Sequence[Mapping[str, object]], path: Path) -> None:
    about = provenance("python -m tools.full_size")
    about["versions"] = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    with path.open("w", newline="") as file:
        for key in ("command", "date", "commit", "device", "versions"):
            file.write(f"# {key}: {about[key]}\n")
        table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.full_size", allow_abbrev=False)
    parser.add_argument("--out", type=Path, default=FOLDER / "full_size_cpu.csv")
    parser.add_argument("--first", type=int, default=1, help="go on from this case; rows before it are kept")
    options = parser.parse_args()
    rows: list[Mapping[str, object]] = [*read(options.out)[1][: options.first - 1]] if options.first > 1 else []
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        s4(base / "data", CLIPS)
        for case in CASES[len(rows) :]:
            rows.append(measured(case, base / "data", base / "run"))
            shutil.rmtree(base / "run")  # gigabytes
            write(rows, options.out)
            print(f"{len(rows)}/{len(CASES)}:", *rows[-1].values(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
