"""Help and a user's mistakes answer at once: nothing that is slow to import is imported for them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SLOW = ("torch", "torchaudio", "torchvision", "torchmetrics", "timm", "lightning_fabric", "matplotlib", "scipy")
LONGEST = 2.5  # seconds; on an idle core it is a fifth of that, but tests share theirs: the best of five
FILES = {
    "broken.yaml": "mode: ann\n  seed: 1\n",
    "circle.yaml": "base: circle.yaml\n",
    "run/config.yaml": "mode: ann\n",
    "some.pth": "weights\n",
    "root/readme.txt": "",
}
BENCH = "--data.dataset avsbench --data.root root"
HELP = ("--help", "--mode ann --help", "--mode convert --help", "--mode energy --help", "--mode doctor --help")
MISTAKES = (
    "",
    "--mode snm",
    "--mode ann --train.epoch 3",
    "--mode ann --train.epochs many",
    "--mode ann --train.epochs -1",
    "--mode ann --train.lr nan",
    "--mode ann --train.schedule cosinus",
    "--mode ann --train.threads 99999",
    "--mode ann --seed 99999999999999999999",
    "--mode ann --device gpu",
    "--mode ann --model.name miav",
    "--mode ann --model.spec full",
    "--mode ann --model.audio ced_mini",
    f"--mode ann {BENCH} --model.spec full --model.backbone_weights lost.pth",
    f"--mode ann {BENCH} --model.spec full --weights some.pth --model.name qsd",
    "--mode ann --model.audio_weights some.pth",
    "--mode ann --data.classes 99",
    "--mode ann --data.variant sm3",
    "--mode ann --data.dataset avsbench",
    f"--mode ann {BENCH} --data.image 100",
    "--mode ann --loss.set 1",
    "--mode ann --loss.dice -1",
    "--mode ann --model.name avsegformer --information.estimator released --information.weight 1",
    "--mode ann --information.estimator infonec",
    "--mode snn --neuron.steps 0",
    "--mode snn --neuron.kind lif",
    f"--mode snn {BENCH} --model.spec released --spikes.form released --neuron.levels 2",
    "--mode convert",
    "--mode energy --runs run lost",
    "--mode rates --run lost",
    "--mode ann --run run",
    "--mode ann --run lost --resume",
    "--mode demo --out run",
    "--mode data --root lost",
    "--config broken.yaml",
    "--config circle.yaml",
    "--config lost.yaml",
)
# Runs every line in one process, and says after each what has been imported so far.
EACH = f"""
import contextlib, io, json, sys
import main
for line in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as said:
        code = main.main(line.split())
    print(json.dumps([line, code, said.getvalue(), [name for name in {SLOW!r} if name in sys.modules]]))
"""


@pytest.fixture
def here(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def python(here: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, *words], cwd=here, env=environment, capture_output=True, text=True)


def each(here: Path, lines: tuple[str, ...]) -> list[tuple[str, int, str, list[str]]]:
    ended = python(here, "-c", EACH, json.dumps(lines))
    assert ended.returncode == 0, ended.stderr
    return [tuple(json.loads(row)) for row in ended.stdout.splitlines()]  # type: ignore[misc]


def test_a_mistake_does_not_wait_for_torch(here):
    answers = each(here, MISTAKES)
    assert [line for line, *_ in answers] == list(MISTAKES)
    for line, code, said, slow in answers:
        assert (code, len(said.splitlines()), slow) == (2, 1, []), f"{line}: {said}"


def test_nor_does_help(here):
    for line, code, said, slow in each(here, HELP):
        assert (code, said, slow) == (0, "", []), line


@pytest.mark.parametrize("line", ["--help", "--mode ann --train.epoch 3", "--mode ann --model.spec full"])
def test_an_answer_comes_at_once(line, here):
    python(here, str(ROOT / "main.py"), "--help")  # so that no source is compiled while the clock runs
    seconds = []
    for _ in range(5):
        started = time.monotonic()
        assert python(here, str(ROOT / "main.py"), *line.split()).returncode in (0, 2)
        seconds.append(time.monotonic() - started)
        if seconds[-1] < LONGEST:
            return
    raise AssertionError(f"{line}: {seconds} seconds")


def test_waiting_threads_are_told_to_sleep_before_torch_is_there(here):
    code = "import sys, os, {}; assert 'torch' not in sys.modules; print(os.environ['OMP_WAIT_POLICY'])"
    for entry in ("main", "tools"):
        assert python(here, "-c", code.format(entry)).stdout == "PASSIVE\n"
