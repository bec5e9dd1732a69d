"""Where compiled kernels are kept between runs, and what is raised when there is nothing to keep."""

from __future__ import annotations

import os
from pathlib import Path


class CompileError(RuntimeError):
    """The compiler refused a kernel, or is not there."""


def cache_folder() -> Path:
    """``$SPIKEAVS_CACHE``, or the user's cache folder."""
    base = os.environ.get("SPIKEAVS_CACHE")
    if base:
        return Path(base) / "kernels"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "spikeavs" / "kernels"
