"""Stands in for ``main.py`` in tests of sweeps: writes a run step by step, saves when asked to end, notes all it does.

``python sweep_work.py NOTES STEPS [--ends CODE] --run RUN [--resume]``: a step takes 0.1 s; ``--ends``: how it ends,
unless it was resumed with 75. NOTES gets a line for each beginning, step and end, and one if two work at one run.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import signal
import sys
import time
from pathlib import Path

SAVED = "state.json"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("notes", type=Path)
    parser.add_argument("steps", type=int)
    parser.add_argument("--ends", type=int, default=0)
    parser.add_argument("--deaf", action="store_true", help="to SIGTERM")
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--resume", action="store_true")
    given = parser.parse_args()

    def note(*words: object) -> None:
        line = " ".join(map(str, (given.run.name, *words))) + "\n"
        file = os.open(given.notes, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, line.encode())
        os.close(file)

    alone = given.run.with_suffix(".alone").open("w")
    try:
        fcntl.flock(alone, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        note("twice")
    if given.run.exists() and not given.resume:
        sys.exit("the run exists")
    note("resumes" if given.resume else "starts", os.getpid())
    given.run.mkdir(exist_ok=True)
    (given.run / "config.yaml").write_text("mode: work\n")
    saved = given.run / SAVED
    step = json.loads(saved.read_text()) if saved.exists() else 0
    asked: list[int] = []
    signal.signal(signal.SIGTERM, signal.SIG_IGN if given.deaf else lambda number, _: asked.append(number))
    log = given.run / "log.csv"
    if not log.exists():
        log.write_text("step,total,loss\n")
    while step < given.steps:
        time.sleep(0.1)
        if asked:
            note("saves")
            sys.exit(75)
        step += 1
        with log.open("a") as file:
            file.write(f"{step},{given.steps},0.5\n")
        (given.run / "next").write_text(str(step))
        (given.run / "next").replace(saved)
        note("step", step)
        if given.ends and step == given.steps // 2 and not (given.ends == 75 and given.resume):
            print("first words\nlast words", file=sys.stderr)
            if given.ends < 0:
                os.kill(os.getpid(), -given.ends)
            sys.exit(given.ends)
    note("ends")
    (given.run / "metrics.json").write_text(json.dumps({"miou": given.steps / 100, "train_seconds": 1.0}))


if __name__ == "__main__":
    main()
