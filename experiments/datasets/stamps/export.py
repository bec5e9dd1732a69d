"""``--mode data --dataset stamps --export FOLDER``: composed clips as AVSBench's files."""

from __future__ import annotations

from pathlib import Path

from avs.stamps import StampsSpec
from avs.stamps.export import export as exported
from avs.stamps.library import load
from experiments.errors import UserError
from experiments.progress import bars


def export(root: Path, folder: Path, variant: str, clips: int, image: int) -> None:
    counts = {"train": clips, "val": clips // 10, "test": clips // 10}
    try:
        spec = StampsSpec(variant="ms3" if variant == "all" else variant, size=image)
        with bars() as progress:
            task = progress.add_task(f"compose {spec.variant}", total=sum(counts.values()), note="")
            for _ in exported(spec, counts, load(root), folder):
                progress.advance(task)
    except OSError as error:
        raise UserError(f"{folder} cannot be written ({error.strerror}), expected a disk with room") from error
    except ValueError as error:
        raise UserError(str(error)) from error
    print(f"{sum(counts.values())} clips of {spec.variant} in {folder}; --data.dataset avsbench --data.root {folder}")
