"""What is written: a marked film or picture, masks, a table. Each under another name until it is whole."""

from __future__ import annotations

import csv
import io
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from avs.video import FilmWriter, VideoError, film_at
from avs.video.read import Pixels
from common.files import whole_file, write_whole
from experiments.errors import UserError
from experiments.prediction.network import Marked
from experiments.prediction.picture import TraceStrip, overlay
from experiments.prediction.source import Source


class Output(Protocol):
    def add(self, marked: Marked) -> None: ...


def png(pixels: Pixels) -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, format="png")
    return content.getvalue()


class Picture:
    """One marked picture."""

    def __init__(self, path: Path, strength: float) -> None:
        self.path, self.strength = path, strength

    def add(self, marked: Marked) -> None:
        write_whole(self.path, png(overlay(marked.picture, marked.mask, self.strength)))


class MarkedFilm:
    def __init__(self, writer: FilmWriter, source: Source, strength: float) -> None:
        self.writer, self.strength = writer, strength
        self.strip = TraceStrip(source.height, source.width)

    def add(self, marked: Marked) -> None:
        shown = overlay(marked.picture, marked.mask, self.strength)
        if marked.adds is not None:
            shown = self.strip.drawn(shown, marked.adds)
        self.writer.add(marked.seconds, shown)


class Folder:
    """000001.png, 000002.png, ...: 0, or the class that sounds; 255 where there is one class."""

    def __init__(self, folder: Path, classes: int) -> None:
        self.folder, self.scale, self.number = folder, 255 if classes == 1 else 1, 0

    def add(self, marked: Marked) -> None:
        self.number += 1
        (self.folder / f"{self.number:06d}.png").write_bytes(png(marked.mask * np.uint8(self.scale)))


class Archive:
    """One .npz: an array a frame, under its number."""

    def __init__(self, file: zipfile.ZipFile) -> None:
        self.file, self.number = file, 0

    def add(self, marked: Marked) -> None:
        self.number += 1
        with self.file.open(f"{self.number:06d}.npy", "w") as entry:
            np.lib.format.write_array(entry, marked.mask)


class Seconds:
    """A row a second: frames, the share of the picture that sounds, additions a frame, whole and as changes."""

    HEADER = ("second", "frames", "share", "adds_framewise", "adds_stream")

    def __init__(self) -> None:
        self.rows: dict[int, list[tuple[float, float, float]]] = {}

    def add(self, marked: Marked) -> None:
        share = float((marked.mask > 0).mean())
        self.rows.setdefault(int(marked.seconds), []).append((share, *(marked.adds or (0.0, 0.0))))

    def text(self) -> str:
        content = io.StringIO()
        writer = csv.writer(content, lineterminator="\n")
        writer.writerow(self.HEADER)
        for second, frames in sorted(self.rows.items()):
            share, whole, changes = np.mean(frames, 0)
            writer.writerow((second, len(frames), f"{share:.4f}", round(whole), round(changes)))
        return content.getvalue()


@contextmanager
def film(path: Path, source: Source, strength: float) -> Iterator[Output]:
    try:
        with film_at(path, source.height, source.width, source.rate, source.film) as writer:
            yield MarkedFilm(writer, source, strength)
    except VideoError as error:
        raise UserError(str(error)) from error


@contextmanager
def masks(path: Path, classes: int) -> Iterator[Output]:
    """An archive, or a folder; either stands there when it is whole."""
    if path.suffix == ".npz":
        with whole_file(path) as content, zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as file:
            yield Archive(file)
        return
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as hidden:
        part = Path(hidden) / path.name
        part.mkdir()
        yield Folder(part, classes)
        part.replace(path)


@contextmanager
def table(path: Path) -> Iterator[Output]:
    rows = Seconds()
    yield rows
    write_whole(path, rows.text())
