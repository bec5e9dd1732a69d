"""Composed clips in AVSBench's own layout (s4, ms3), so that other people's loaders read them.

Frames, masks, log-mels (pickled, those of each frame's own second), recordings, and the table of clips. The AVSS layout
has a palette of 71 classes, and stamps have more, so semantic clips have no such form.
"""

from __future__ import annotations

import csv
import io
import pickle
import wave
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from avs.audio import log_mel
from avs.avsbench import LAYOUTS
from avs.avsbench.layout import Place, Row
from avs.frame_times import Floats, windows
from avs.sound import SAMPLE_RATE
from avs.stamps.compose import compose
from avs.stamps.errors import StampsError
from avs.stamps.library import Library
from avs.stamps.sources import classes
from avs.stamps.spec import SPLITS, StampsSpec
from common.files import write_whole

MASKS = {"bit": "1", "index": "L"}  # modes of Pillow in which a layout's masks are kept


def _png(pixels: np.ndarray, mode: str = "RGB") -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(content, "PNG")
    return content.getvalue()


def _wav(samples: Floats) -> bytes:
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return content.getvalue()


def row_of(spec: StampsSpec, split: str, index: int, clip: Mapping[str, Any]) -> Row:
    """A clip of s4 belongs to the category that it sounds."""
    loud = clip["classes"][clip["sounding"].any(0)]
    category = classes()[loud[0]] if spec.variant == "s4" else ""
    return Row(name=f"stamps_{split}_{index:05d}", split=split, group=category)


def _write(place: Place, row: Row, clip: Mapping[str, Any], sound: Floats, spec: StampsSpec) -> None:
    for k in range(place.layout.labelled(row)):
        write_whole(place.mask(row, k), _png(clip["masks"][k] * np.uint8(255), MASKS[place.layout.mask_kind]))
    for k in range(spec.length):
        write_whole(place.image(row, k), _png(clip["frames"][k].transpose(1, 2, 0)))
    examples = log_mel(torch.from_numpy(windows(spec, sound)))[:, 0].contiguous()
    write_whole(place.logmel(row), pickle.dumps(examples))
    write_whole(place.wav(row), _wav(sound))


def _table(place: Place, rows: list[Row]) -> str:
    content = io.StringIO()
    writer = csv.writer(content, lineterminator="\n")
    group = place.layout.group
    writer.writerow(["name", "split", *([group] if group else [])])
    writer.writerows([row.name, row.split, *([row.group] if group else [])] for row in rows)
    return content.getvalue()


def export(spec: StampsSpec, counts: Mapping[str, int], library: Library, folder: Path) -> Iterator[Row]:
    """Each clip once it is written; the table comes last, so a folder without one is not whole."""
    if spec.variant not in LAYOUTS or spec.fps != 1:
        raise StampsError(
            f"variant '{spec.variant}' at {spec.fps} frames a second has no form in AVSBench's layout, expected s4 or "
            "ms3 at one"
        )
    layout, rows = LAYOUTS[spec.variant], list[Row]()
    place = Place(layout=layout, base=folder / layout.folder)
    if place.table.exists():
        raise StampsError(f"{place.table} is there already, expected a new folder")
    for split in SPLITS:
        for index in range(counts[split]):
            clip, sound = compose(spec, split, index, library)
            rows.append(row_of(spec, split, index, clip))
            _write(place, rows[-1], clip, sound, spec)
            yield rows[-1]
    write_whole(place.table, _table(place, rows))
