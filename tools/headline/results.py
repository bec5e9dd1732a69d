"""The kept results of all seeds, as the page docs/stamps.md and as the README's part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from common.files import write_whole
from experiments.errors import UserError
from experiments.run_folder import read_json
from tools.headline.document import document, listening_table, splits_table, verdict
from tools.results import FOLDER

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "stamps.md"
PATTERN = "stamps_seed*.json"


def kept_results() -> list[dict[str, Any]]:
    results = [read_json(path) for path in sorted(FOLDER.glob(PATTERN))]
    if not results:
        raise UserError(f"{FOLDER} has no {PATTERN}, expected the result of a seed; give --out and --seeds first")
    return results


def write_table() -> Path:
    write_whole(DOCUMENT, document(kept_results()))
    return DOCUMENT


def readme_table() -> str:
    results = kept_results()
    figures = [result["figures"] for result in results]
    commands = ", ".join(f"`{command}`" for command in sorted({result["command"] for result in results}))
    parts = [splits_table(figures), listening_table(figures), [verdict(figures)], [f"From {commands}."]]
    return "\n\n".join("\n".join(part) for part in parts)
