"""``--mode data --dataset stamps``: packages fetched, checked and unpacked. Done twice, it does nothing."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from avs.stamps.fetch import files_of
from avs.stamps.library import library_path, load
from avs.stamps.sources import catalogue, packages
from avs.stamps.unpack import absent, unpacked
from common.files import write_whole
from experiments.errors import UserError
from experiments.progress import bars


def licences() -> list[str]:
    return [f"{package.name} {package.version}: {package.licence}" for package in packages().values()]


def fetch(root: Path, own: Path | None) -> None:
    if own is not None and not own.is_dir():
        raise UserError(
            f"--packages is '{own}', which is no folder, expected one with .deb files, or with usr/share in it"
        )
    items = catalogue()
    try:
        if not absent(items, root):
            print(f"all {len(items)} files are in {root}")
        else:
            for line in licences():
                Console().print(line, markup=False, highlight=False, soft_wrap=True)
            _fetch(root, own)
            write_whole(root / "LICENCES", "\n".join(licences()) + "\n")
        if not library_path(root).is_file():
            print("pictures and sounds are decoded, once")
            load(root)
    except OSError as error:
        raise UserError(f"{root} cannot be written ({error.strerror}), expected a disk with room for 700 MB") from error
    except ValueError as error:
        raise UserError(str(error)) from error


def _fetch(root: Path, own: Path | None) -> None:
    items, all_of = catalogue(), list(packages().values())
    with bars() as progress:
        names = {p.name: progress.add_task(f"fetch {p.name}", total=p.size, note="") for p in all_of}
        files = files_of(
            all_of, root / "packages", own, lambda name, done: progress.update(names[name], completed=done)
        )
        for package in all_of:
            progress.update(names[package.name], completed=package.size)
        task = progress.add_task("unpack", total=len(items), note="")
        for _ in unpacked(items, files, root):
            progress.advance(task)
