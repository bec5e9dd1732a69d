"""Several processes of one training on this machine, started as torchrun starts them; they talk by gloo.

``together("name", folder)`` runs the function ``name`` of `tests.processes_work` in each of them, with the folder, and
gives back what each returned, by rank.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def launched(rank: int, count: int, port: int) -> dict[str, str]:
    """The variables that torchrun sets."""
    own = {
        "RANK": rank, "LOCAL_RANK": rank, "GROUP_RANK": 0, "WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count,
        "GROUP_WORLD_SIZE": 1, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port,
    }  # fmt: skip
    return {**os.environ, **{key: str(value) for key, value in own.items()}, "OMP_NUM_THREADS": "1"}


def together(work: str, folder: Path, count: int = 2, limit: float = 200) -> list[Any]:
    port = free_port()
    command = [sys.executable, "-m", "tests.processes_work", work, str(folder)]
    heard: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": ROOT}
    running = [subprocess.Popen(command, env=launched(rank, count, port), **heard) for rank in range(count)]
    try:
        said = [one.communicate(timeout=limit) for one in running]
    finally:
        for one in running:
            one.kill()
    for one, (_, errors) in zip(running, said, strict=True):
        assert one.returncode == 0, errors[-3000:]
    return [json.loads(words.strip().splitlines()[-1]) for words, _ in said]
