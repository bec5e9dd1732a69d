"""A tensor out of a pickle that nobody vouches for: AVSBench ships its log-mels as ``pickle.dump(tensor)``.

Such a file names four globals. Each is answered by a function of ours, none by torch's, since torch's own
``_load_from_bytes`` would unpickle the bytes inside without any care; they are read with ``weights_only=True``. Any
other global, and any opcode that a tensor's pickle does not need, is refused before it is carried out. Files of
``torch.save`` are read with ``weights_only=True`` too.
"""

import io
import pickle
import pickletools
import re
from collections import OrderedDict
from collections.abc import Callable
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.storage import TypedStorage

LARGEST = 1 << 26  # bytes of a file, elements of a tensor: a log-mel has a thousandth of it
DAMAGED = (
    pickle.UnpicklingError,
    RuntimeError,
    EOFError,
    TypeError,
    AttributeError,
    LookupError,
    MemoryError,
    AssertionError,  # how torch finds a storage missing
)
MEMO = 1 << 16  # places for what is used twice; memory is taken up to the highest
ZIP = b"PK"
TORCH_MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # torch.save before zip files
OPCODES = frozenset(
    """PROTO FRAME STOP MARK MEMOIZE PUT BINPUT LONG_BINPUT GET BINGET LONG_BINGET GLOBAL STACK_GLOBAL REDUCE NONE
    NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1 BINUNICODE SHORT_BINUNICODE BINUNICODE8 UNICODE BINBYTES
    SHORT_BINBYTES BINBYTES8 TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_TUPLE""".split()  # noqa: SIM905
)


def _weights_only(content: bytes) -> Any:
    try:
        return torch.load(io.BytesIO(content), weights_only=True)
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL (\S+)", str(error))
        raise _refused(named[1]) if named else ValueError("found a damaged pickle, expected a tensor") from error


def _refused(name: str) -> ValueError:
    return ValueError(f"found a pickle that asks for {name}, expected one that holds a tensor and nothing else")


def _storage(content: bytes) -> TypedStorage:
    storage = _weights_only(content)
    if not isinstance(storage, TypedStorage):
        raise ValueError(f"found {type(storage).__name__} where a tensor's numbers belong, expected a storage")
    return storage


def _tensor(
    storage: TypedStorage, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *unused: object
) -> Tensor:
    """A view of the storage that lies inside it."""
    flat = torch.empty(0, dtype=storage.dtype).set_(storage._untyped_storage)  # type: ignore[call-overload]
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=False))
    inside = min(offset, *size, *stride) >= 0 and (not prod(size) or last < len(flat))
    if not inside or len(size) != len(stride) or prod(size) > LARGEST:
        raise ValueError(f"found a tensor of shape {size} over {len(flat)} numbers, expected one that fits")
    return flat.as_strided(size, stride, offset)


def _encode(text: str, encoding: str) -> bytes:
    """How protocol 2 spells bytes."""
    if encoding != "latin1":
        raise _refused(f"the encoding {encoding}")
    return text.encode("latin1")


ADMITTED: dict[tuple[str, str], Callable[..., Any]] = {
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch.storage", "_load_from_bytes"): _storage,
    ("_codecs", "encode"): _encode,
    ("collections", "OrderedDict"): OrderedDict,  # of backward hooks; always empty
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ADMITTED:
            raise _refused(f"{module}.{name}")
        return ADMITTED[module, name]


def _plain(content: bytes) -> Any:
    for opcode, argument, _ in pickletools.genops(content):
        # BUILD, among others, could set attributes of what is admitted.
        if opcode.name not in OPCODES:
            raise _refused(f"the operation {opcode.name}")
        if "PUT" in opcode.name and int(argument or 0) >= MEMO:
            raise _refused(f"a memo of {argument} places")
    return _Unpickler(io.BytesIO(content)).load()


def tensor_of(content: bytes) -> Tensor:
    """The one tensor in the file, detached and contiguous; anything else is a ValueError and nothing is executed."""
    if len(content) > LARGEST:
        raise ValueError(f"found {len(content)} bytes, expected a small tensor")
    read = _weights_only if content.startswith((ZIP, TORCH_MAGIC)) else _plain
    try:
        tensor = read(content)
    except ValueError:
        raise
    except DAMAGED as error:
        reason = str(error).split("\n")[0]
        raise ValueError(f"found no whole pickle ({reason}), expected a tensor") from error
    if not isinstance(tensor, Tensor) or tensor.layout != torch.strided:
        raise ValueError(f"found {type(tensor).__name__}, expected a tensor")
    return tensor.detach().contiguous()
