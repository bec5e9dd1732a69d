"""What there is of stamps: classes, cut-outs, recordings and backgrounds of each split."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from avs.stamps import require_files
from avs.stamps.pools import pool
from avs.stamps.spec import KINDS
from experiments.errors import UserError


def report(root: Path) -> None:
    try:
        require_files(root)
    except ValueError as error:
        raise UserError(str(error)) from error
    table = Table("split", "classes that sound", "cut-outs", "recordings", "backgrounds", title=f"stamps in {root}")
    for split, kind in (("train", KINDS[0]), ("val", KINDS[0]), *(("test", kind) for kind in KINDS)):
        part = pool(split, kind)
        counts = (len(part.sounding), *(sum(map(len, x.values())) for x in (part.images, part.sounds)))
        name = kind if split == "test" else split
        table.add_row(name, *map(str, (*counts, len(part.backgrounds))))
    Console().print(table)
