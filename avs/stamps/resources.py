"""Qt resource archives (``.rcc``): a tree of names, and a block of bytes for each file.

Big-endian. Header: "qres", version, offsets of the tree, of the data and of the names. A node of the tree: offset of
its name, flags, then of a folder the number and the index of its children, of a file two languages and the offset of
its bytes; from version 2 on a date. A name: its length, a hash, UTF-16. Bytes: their number, and then as they are, or
compressed by zlib (flag 1, four bytes of length first) or zstd (flag 4).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

FOLDER, ZLIB, ZSTD = 2, 1, 4


def files_of(archive: bytes) -> Iterator[tuple[str, bytes]]:
    """(path, content) of every file."""
    if archive[:4] != b"qres":
        raise ValueError(f"it begins with {archive[:4]!r}, expected b'qres'")
    version, tree, data, names = struct.unpack_from(">4I", archive, 4)
    length = 14 if version < 2 else 22

    def walk(index: int, path: str) -> Iterator[tuple[str, bytes]]:
        at = tree + index * length
        name, flags = struct.unpack_from(">IH", archive, at)
        here = path + _name(archive, names + name) if index else ""
        if flags & FOLDER:
            count, first = struct.unpack_from(">2I", archive, at + 6)
            for child in range(first, first + count):
                yield from walk(child, f"{here}/" if here else "")
        else:
            (block,) = struct.unpack_from(">I", archive, at + 10)
            yield here, _content(archive, data + block, flags)

    yield from walk(0, "")


def _name(archive: bytes, at: int) -> str:
    (length,) = struct.unpack_from(">H", archive, at)
    return archive[at + 6 : at + 6 + 2 * length].decode("utf-16-be")


def _content(archive: bytes, at: int, flags: int) -> bytes:
    (length,) = struct.unpack_from(">I", archive, at)
    content = archive[at + 4 : at + 4 + length]
    if flags & ZLIB:
        return zlib.decompress(content[4:])
    return _zstd(content) if flags & ZSTD else content


def _zstd(content: bytes) -> bytes:
    import zstandard

    return zstandard.ZstdDecompressor().decompressobj().decompress(content)
