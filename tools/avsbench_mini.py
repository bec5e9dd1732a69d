"""Miniatures of S4, MS3 and AVSS, laid out and encoded as they are distributed; the pictures are noise and discs."""

from __future__ import annotations

import csv
import json
import pickle
import wave
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from avs.audio import log_mel
from avs.avsbench.palette import encode

CLIPS = {"train": 3, "val": 2, "test": 3}
CATEGORIES = ("cat_meowing", "helicopter")
SECONDS = {"v1s": 5, "v1m": 5, "v2": 10}


def picture(rng, size, label=1):
    """RGB noise [H, W, 3] with a disc, and the disc as a mask [H, W]."""
    width, height = size
    y, x = np.mgrid[:height, :width]
    cx, cy, r = rng.integers(width // 4, width // 2), rng.integers(height // 4, height // 2), min(size) // 5
    disc = (x - cx) ** 2 + (y - cy) ** 2 < r * r
    coarse = rng.integers(0, 120, (height // 8, width // 8, 3), dtype=np.uint8)
    pixels = coarse.repeat(8, 0).repeat(8, 1)
    pixels[disc] = (250, 40 * label % 256, 30)
    return pixels, (disc * label).astype(np.uint8)


def save(path, pixels, mode=None, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(path, **{"compress_level": 1, **options})


def sound(path, seconds, rng, rate=16_000, channels=2):
    path.parent.mkdir(parents=True, exist_ok=True)
    tone = np.sin(np.arange(int(seconds * rate)) * rng.uniform(0.02, 0.3)) * 8000
    samples = np.repeat(tone[:, None], channels, 1).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, 2, rate, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
    return torch.from_numpy(samples[:, 0].astype(np.float32) / 32768)


def logmel(path, tone):
    """Exactly what the released preprocessing leaves: a plain pickle of a tensor that wants a gradient."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(log_mel(tone).requires_grad_()))


def table(path, header, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def s4(root: Path, clips=CLIPS, logmels=True) -> Path:
    base, rng, rows = root / "Single-source", np.random.default_rng(0), []
    data = base / "s4_data"
    for split, count in clips.items():
        for i in range(count):
            name, category = f"{split}-clip{i}_7", CATEGORIES[i % 2]
            rows.append((name, 3, category, split))
            for n in range(1, 6):
                pixels, mask = picture(rng, (224, 224))
                save(data / "visual_frames" / split / category / name / f"{name}_{n}.png", pixels)
                if n == 1 or split != "train":
                    save(data / "gt_masks" / split / category / name / f"{name}_{n}.png", mask * 255)
            tone = sound(data / "audio_wav" / split / category / f"{name}.wav", 5, rng)
            if logmels:
                logmel(data / "audio_log_mel" / split / category / f"{name}.pkl", tone)
    table(base / "s4_meta_data.csv", ("name", "start_time", "category", "split"), rows)
    return base


def ms3(root: Path, clips=CLIPS, logmels=True) -> Path:
    base, rng, rows = root / "Multi-sources", np.random.default_rng(1), []
    data = base / "ms3_data"
    for split, count in clips.items():
        for i in range(count):
            name = f"{split}{i}"
            rows.append((name, split))
            for n in range(1, 6):
                pixels, mask = picture(rng, (224, 224))
                save(data / "visual_frames" / name / f"{name}.mp4_{n}.png", pixels)
                silent = 0 if n == 5 else 255
                save(data / "gt_masks" / split / name / f"{name}_{n}.png", mask * np.uint8(silent), "P")
            tone = sound(data / "audio_wav" / split / f"{name}.wav", 5, rng)
            if logmels:
                logmel(data / "audio_log_mel" / split / f"{name}.pkl", tone)
    table(base / "ms3_meta_data.csv", ("video_id", "split"), rows)
    return base


def avss(root: Path, clips=CLIPS) -> Path:
    """As distributed there are recordings and no log-mels."""
    base, rng, rows = root / "AVSS", np.random.default_rng(2), []
    for split, count in clips.items():
        for i in range(count):
            group = tuple(SECONDS)[i % 3]
            uid, folder = f"{split}_{i}_{group}", base / group / f"{split}_{i}_{group}"
            rows.append((f"vid{i}", uid, 0, 10, "a", split, group))
            for n in range(SECONDS[group]):
                pixels, mask = picture(rng, (160, 120), int(rng.integers(1, 71)))
                save(folder / "frames" / f"{n}.jpg", pixels, quality=90)
                if n == 0 or split != "train" or group != "v1s":
                    save(folder / "labels_rgb" / f"{n}.png", encode(mask))
            sound(folder / "audio.wav", SECONDS[group], rng, rate=44_100 if i else 16_000, channels=1 + i % 2)
    table(base / "metadata.csv", ("vid", "uid", "s_min", "s_sec", "a_obj", "split", "label"), rows)
    (base / "label2idx.json").write_text(json.dumps({f"class{i}": i for i in range(71)}))
    return base


MAKERS = {"s4": s4, "ms3": ms3, "avss": avss}
