"""Runs of the command line that are ended from outside: `python -m tests.killing NAME FOLDER`; the result is a line of
JSON.

Every start is a fork of this process, which has loaded everything and computed nothing: as if `python main.py` had been
started, without the seconds that loading takes.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

import experiments.convert_mode
import experiments.train_mode  # noqa: F401
from experiments.cli import main
from experiments.run_folder import read_weights
from graph.models import FAMILIES

FAMILIES["av2ts"].specs["forgetful"] = replace(FAMILIES["av2ts"].specs["tiny"], dropout=0.2)
ROOT = Path(__file__).parents[1]
# Dropout, changed pictures, a mean of the weights, scores on the way: all that has a state.
CONFIG = (
    "--mode", "ann", "--config", str(ROOT / "configs" / "demo_ann.yaml"), "--model.name", "av2ts",
    "--model.spec", "forgetful",
    "--augment.flip", "0.5", "--augment.crop", "0.3", "--augment.colour", "0.2", "--information.weight", "0.1",
    "--train.ema", "0.9", "--train.save_every", "1", "--train.keep", "2", "--train.log_every", "1",
    "--data.val", "4", "--data.test", "30",
)  # fmt: skip


def start(run: Path, *more: str) -> int:
    """-> the process."""
    process = os.fork()
    if process:
        return process
    with (run.parent / f"{run.name}.txt").open("a") as words:
        os.dup2(words.fileno(), 1)
        os.dup2(words.fileno(), 2)
        code = 1
        try:
            code = main([*CONFIG, "--run", str(run), *more])
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    return 0


def steps(run: Path) -> int:
    log = run / "log.csv"
    return max(0, len(log.read_text().splitlines()) - 1) if log.exists() else 0


def beyond(run: Path, step: int) -> bool:
    return steps(run) > step


def writes(run: Path) -> bool:
    """A checkpoint stands there unfinished."""
    return any(run.glob(".state.pt.*"))


def wait_for(process: int, reached: Callable[[], bool], limit: float = 60) -> int | None:
    """Until then, or until its end: -> its exit code, None if it still runs."""
    deadline = time.monotonic() + limit
    while True:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if reached() or time.monotonic() > deadline:
            return None
        time.sleep(0.002)


def end(process: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def state(run: Path) -> dict[str, Any]:
    return dict(torch.load(run / "state.pt", weights_only=True))


def same(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b)


def compared(whole: Path, other: Path) -> dict[str, bool]:
    """What must be equal to the last bit; seconds are not."""
    states = [{k: v for k, v in state(run).items() if k != "seconds"} for run in (whole, other)]
    metrics = [json.loads((run / "metrics.json").read_text()) for run in (whole, other)]
    for one in metrics:
        del one["train_seconds"], one["train_memory_mb"]
    logs = [[row.split(",")[:2] + row.split(",")[3:] for row in (run / "log.csv").read_text().splitlines()]
            for run in (whole, other)]  # fmt: skip
    weights = [read_weights(run / "model.safetensors") for run in (whole, other)]
    return {
        **{key: same(states[0][key], states[1][key]) for key in states[0]},
        "weights file": same(*weights),
        "metrics": metrics[0] == metrics[1],
        "log": logs[0] == logs[1],
    }


def kills(folder: Path, count: int, frames: int) -> dict[str, Any]:
    """``count`` times SIGKILL at a random moment: while it reads, computes, or writes a checkpoint."""
    cache = ("--data.cache", str(folder / "cache"), "--data.train", str(frames), "--train.epochs", "3")
    assert end(start(folder / "whole", *cache)) == 0
    draw, run, at, writing = random.Random(0), folder / "killed", [], 0
    while len(at) < count:
        before, pause = steps(run), draw.uniform(0, 0.6)
        process = start(run, *cache, *(["--resume"] if (run / "config.yaml").is_file() else []))
        code = wait_for(process, partial(beyond, run, before))
        if code is None and len(at) % 2:
            time.sleep(pause)
        elif code is None:  # half of them while a checkpoint is written
            code = wait_for(process, partial(writes, run))
        if code is not None:
            return {"ended": code, "at": at, "words": (folder / "killed.txt").read_text()[-2000:]}
        os.kill(process, signal.SIGKILL)
        end(process)
        writing += writes(run)
        at.append(steps(run))
    assert end(start(run, *cache, "--resume")) == 0
    left = sorted(path.name for path in run.iterdir() if path.name.startswith("."))
    return {"at": at, "writing": writing, "left": left, **compared(folder / "whole", run)}


def twenty(folder: Path) -> dict[str, Any]:
    return kills(folder, 20, 40)


def asked(folder: Path) -> dict[str, Any]:
    """SIGTERM, SIGUSR1 and Ctrl-C in turn: the exit codes, the words, and what came of it."""
    cache = (
        "--data.cache",
        str(folder / "cache"),
        "--data.train",
        "20",
        "--train.epochs",
        "2",
        "--train.save_every",
        "100",
    )
    assert end(start(folder / "whole", *cache)) == 0
    run, codes = folder / "asked", []
    for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT):
        before = steps(run)
        process = start(run, *cache, *(["--resume"] if before else []))
        if wait_for(process, partial(beyond, run, before)) is None:
            os.kill(process, number)
            codes.append(end(process))
    words = (folder / "asked.txt").read_text()
    ended = steps(run)
    assert end(start(run, *cache, "--resume")) == 0
    return {"codes": codes, "words": words, "ended": ended, **compared(folder / "whole", run)}


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(json.dumps(globals()[sys.argv[1]](Path(sys.argv[2]))))
