"""What is priced is what was scored: ``metrics.json`` names the files that its scores belong to, by SHA-256.

``files``: {path in the run's folder: digest}. Whoever reads a run (energy, rates, the demo's pictures) first checks
that these files are still the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from experiments.errors import UserError
from experiments.run_folder import read_json
from graph.lower.files import GRAPH, WEIGHTS

METRICS, FILES = "metrics.json", "files"
TRAINED = (GRAPH, WEIGHTS)
SHOWN = 12  # digits of a digest in a sentence


def digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


def digests(folder: Path, names: Sequence[str] = TRAINED) -> dict[str, str]:
    """File -> SHA-256, of files of a run that lie as they were scored."""
    return {name: digest(folder / name) for name in names}


def check_bound(folder: Path) -> None:
    """Refuse a run whose files are not those that its ``metrics.json`` scored. A run that was never scored claims
    nothing, and whoever needs its scores says that they are missing."""
    metrics = folder / METRICS
    if not metrics.exists():
        return
    bound = read_json(metrics).get(FILES)
    if not isinstance(bound, dict) or not set(TRAINED) <= bound.keys():
        raise UserError(
            f"{metrics} does not name the files that it scored (key '{FILES}' of SHA-256), so its mIoU belongs to no "
            "network; run the mode again"
        )
    for name, expected in bound.items():
        if not (folder / name).is_file():
            raise UserError(f"{folder / name} is missing, expected the file that {metrics} scored; copy the run again")
        now = digest(folder / name)
        if now != expected:
            raise UserError(
                f"{folder / name} is not the file that {metrics} scored: its SHA-256 begins with {now[:SHOWN]}, "
                f"expected {expected[:SHOWN]}; copy the run again, or run its mode again"
            )
    unbound = [p for p in (folder / "deployed").glob("*") if f"deployed/{p.name}" not in bound]
    if unbound:
        raise UserError(f"{unbound[0]} is not among the files that {metrics} scored; remove it, or copy the run again")
