"""Packages into a folder: with the system's own package tool, or from files that the user has. Checked by sha256.

A package that is there is not fetched again, and one that is there in part is gone on with (the tool does that).
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

from avs.stamps.errors import StampsError
from avs.stamps.sources import Package

TOOL = "apt-get"
POLL = 0.5  # seconds between two looks at how far it is
Told = Callable[[str, int], None]  # a package's name, its bytes so far


def checked(path: Path, package: Package) -> Path:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != package.sha256:
        raise StampsError(
            f"{path} has sha256 {found[:16]}..., expected {package.sha256[:16]}... of {package.name} "
            f"{package.version}; delete it, it is broken or of another version"
        )
    return path


def given(folder: Path, package: Package) -> Path | None:
    """The package's file in a user's folder, whatever follows its name; or that folder, if it is unpacked there."""
    if (folder / "usr" / "share").is_dir():
        return folder
    found = sorted(folder.glob(f"{package.name}_*.deb"))
    return checked(found[0], package) if found else None


def fetched(package: Package, folder: Path, told: Told) -> Path:
    path = folder / package.file
    if path.is_file() and path.stat().st_size == package.size:
        return checked(path, package)
    if shutil.which(TOOL) is None:
        raise StampsError(
            f"there is no {TOOL} here to fetch {package.name}, expected --packages FOLDER with {package.file} in it"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StampsError(f"{folder} cannot be written ({error.strerror}), expected a folder that can") from error
    _download(package, folder, path, told)
    return checked(path, package)


def _download(package: Package, folder: Path, path: Path, told: Told) -> None:
    words = [TOOL, "-q", "download", f"{package.name}={package.version}"]
    with subprocess.Popen(words, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as tool:
        while True:
            try:
                _, errors = tool.communicate(timeout=POLL)
                break
            except subprocess.TimeoutExpired:
                told(package.name, path.stat().st_size if path.is_file() else 0)
            except BaseException:
                tool.terminate()
                raise
    if tool.returncode or not path.is_file():
        reason = next((line for line in reversed(errors.splitlines()) if line.startswith("E:")), "no reason was told")
        raise StampsError(
            f"{TOOL} could not fetch {package.name} {package.version} ({reason.removeprefix('E: ').strip()}); expected "
            f"a connection and a system that has this version, or --packages FOLDER with {package.file} in it"
        )
    told(package.name, package.size)


def files_of(packages: Iterable[Package], cache: Path, own: Path | None, told: Told) -> dict[str, Path]:
    """Package -> its file. ``own``: the user's folder of packages, or one that they were unpacked into; what is not
    there is fetched."""
    return {p.name: (own and given(own, p)) or fetched(p, cache, told) for p in packages}
