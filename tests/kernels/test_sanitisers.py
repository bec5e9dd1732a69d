"""The same sources under AddressSanitizer and UBSan: clean on every branch; a planted access too far is seen."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kernels import cpu_backend

ROOT = Path(__file__).parents[2]
FLAGS = "-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all"


def preload() -> str | None:
    """The sanitiser's library must come before everything else in a process that was not built with it."""
    compiler = cpu_backend.compiler()
    if compiler is None:
        return None
    found = [
        subprocess.run([compiler, f"-print-file-name={name}"], capture_output=True, text=True).stdout.strip()
        for name in ("libasan.so", "libubsan.so")
    ]
    return " ".join(found) if all(os.path.isabs(path) for path in found) else None


def run(what: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "LD_PRELOAD": preload() or "",
        "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=0",
        "SPIKEAVS_CACHE": str(folder),
        "SPIKEAVS_CXXFLAGS": FLAGS,
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "tests.kernels.sanitised", what]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280)


needs_sanitisers = pytest.mark.skipif(preload() is None, reason="this compiler has no shared libasan and libubsan")


@needs_sanitisers
def test_every_branch_is_clean(tmp_path):
    done = run("healthy", tmp_path)
    assert done.returncode == 0 and done.stdout.strip() == "done", done.stderr[-3000:]


@needs_sanitisers
def test_a_planted_access_too_far_is_seen(tmp_path):
    done = run("planted", tmp_path)
    assert done.returncode != 0 and "done" not in done.stdout
    assert "heap-buffer-overflow" in done.stderr and "in lif_forward" in done.stderr, done.stderr[:3000]
