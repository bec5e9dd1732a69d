"""Small Debian packages and Qt archives, written here as `avs.stamps` reads them."""

from __future__ import annotations

import hashlib
import io
import lzma
import struct
import tarfile
import wave
import zlib
from pathlib import Path

import numpy as np
import zstandard
from PIL import Image

from avs.stamps.sources import SOURCES, Item, Package


def resource_archive(files: dict[str, bytes], how: str = "zlib") -> bytes:
    """A ``.rcc`` of version 3 whose files lie in one chain of folders each; equal folders are not merged."""
    names, data = b"", b""
    nodes: list[bytes] = []

    def name(text: str) -> int:
        nonlocal names
        at = len(names)
        names += struct.pack(">HI", len(text), 0) + text.encode("utf-16-be")
        return at

    def block(content: bytes) -> tuple[int, int]:
        nonlocal data
        at = len(data)
        if how == "zlib":
            content, flags = struct.pack(">I", len(content)) + zlib.compress(content), 1
        elif how == "zstd":
            content, flags = zstandard.ZstdCompressor().compress(content), 4
        else:
            flags = 0
        data += struct.pack(">I", len(content)) + content
        return at, flags

    def tree() -> dict:
        root: dict = {}
        for path, content in files.items():
            *folders, leaf = path.split("/")
            here = root
            for folder in folders:
                here = here.setdefault(folder, {})
            here[leaf] = content
        return root

    queue, nodes = [("", tree())], [b""]
    at = 0
    while at < len(queue):
        label, value = queue[at]
        head = struct.pack(">I", name(label) if label else 0)
        if isinstance(value, dict):
            first = len(queue)
            queue += list(value.items())
            nodes += [b""] * len(value)
            nodes[at] = head + struct.pack(">HII", 2, len(value), first) + struct.pack(">Q", 0)
        else:
            where, flags = block(value)
            nodes[at] = head + struct.pack(">HHHI", flags, 0, 0, where) + struct.pack(">Q", 0)
        at += 1
    body = b"".join(nodes)
    start = 24
    offsets = start, start + len(body), start + len(body) + len(data)
    return b"qres" + struct.pack(">5I", 3, *offsets, 0) + body + data + names


def debian_package(path: Path, files: dict[str, bytes]) -> None:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    members = {"debian-binary": b"2.0\n", "control.tar.xz": b"odd", "data.tar.xz": lzma.compress(content.getvalue())}
    with path.open("wb") as file:
        file.write(b"!<arch>\n")
        for name, data in members.items():
            file.write(f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(data):<10}`\n".encode())
            file.write(data + b"\n" * (len(data) % 2))


def wav_of(samples: np.ndarray) -> bytes:
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return content.getvalue()


def content_of(item: Item, seed: int) -> bytes:
    """A disc of its own colour, a hum of its own pitch, or a patchwork."""
    random, file = np.random.default_rng(seed), io.BytesIO()
    if item.kind == "sound":
        seconds = np.arange(16000) / 16000
        return wav_of(0.3 * np.sin(2 * np.pi * (200 + 15 * seed) * seconds))
    if item.kind in ("background", "photograph"):
        pixels = random.integers(0, 256, (8, 8, 3), np.uint8).repeat(40, 0).repeat(40, 1)
        Image.fromarray(pixels).save(file, "JPEG")
    elif item.path.endswith(".svg"):
        colour = "#" + bytes(random.integers(0, 256, 3, np.uint8)).hex()
        disc = f'<circle cx="20" cy="15" r="12" fill="{colour}"/>'
        return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 30">{disc}</svg>'.encode()
    else:
        row, column = np.mgrid[:60, :80]
        inside = (row - 30) ** 2 + (column - 40) ** 2 < 25**2
        pixels = np.concatenate([np.broadcast_to(random.integers(0, 256, 3), (60, 80, 3)), 255 * inside[..., None]], -1)
        Image.fromarray(pixels.astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def package_files(items: list[Item]) -> dict[str, dict[str, bytes]]:
    """Package -> its files, archives packed."""
    found: dict[str, dict[str, bytes]] = {}
    archives: dict[tuple[str, str], dict[str, bytes]] = {}
    for seed, item in enumerate(items):
        source, content = SOURCES[item.source], content_of(item, seed)
        if source.archive:
            archives.setdefault((source.package, source.archive), {})[source.prefix + item.path] = content
        else:
            found.setdefault(source.package, {})[source.prefix + item.path] = content
    for (package, archive), files in archives.items():
        found.setdefault(package, {})[archive] = resource_archive(files)
    return found


def pinned(path: Path, name: str) -> Package:
    content = path.read_bytes()
    return Package(name, "1.0", len(content), hashlib.sha256(content).hexdigest(), "of the test")
