"""A stand-in for a GPU: a device on which real numbers are computed, and which does not mix with the CPU.

A tensor there, ``Held``, says that its device is ``lazy:0`` and holds a tensor of the CPU, on which torch's own kernels
do the work. As on a GPU, an operation that also reads a tensor of the CPU is an error; allowed are what CUDA allows:
copies, indices, and a number without a dimension in an elementwise operation. A module may not have even that.

Of torch's device names "lazy" is the one whose backward pass needs no driver, and which nothing else here uses.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.utils._mode_utils import no_dispatch
from torch.utils._python_dispatch import TorchDispatchMode

DEVICE = torch.device("lazy", 0)
ATEN = torch.ops.aten
COPIES = {ATEN.copy_.default, ATEN._to_copy.default}
# Which of their arguments may be on the CPU.
INDICES = {
    ATEN.index.Tensor: (1,),
    ATEN.index_put.default: (1,),
    ATEN.index_put_.default: (1,),
    ATEN._index_put_impl_.default: (1,),
}


class WrongDevice(RuntimeError):
    """What CUDA would refuse."""


def mapped(x: Any, change: Callable[[Tensor], Any]) -> Any:
    """The arguments of an operation, or its results, with every tensor changed."""
    if isinstance(x, Tensor):
        return change(x)
    if isinstance(x, (list, tuple)):
        return type(x)([mapped(part, change) for part in x])
    return x


def tensors_of(parts: Iterable[Any]) -> list[Tensor]:
    """All of some arguments or results."""
    found: list[Tensor] = []
    for part in parts:
        if isinstance(part, Tensor):
            found.append(part)
        elif isinstance(part, list | tuple):
            found += tensors_of(part)
    return found


class Held(Tensor):
    """A tensor on the stand-in device."""

    inner: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor) -> Held:
        made: Held = Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls,
            inner.size(),
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            device=DEVICE,
        )
        made.inner = inner
        return made

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return run(func, args, kwargs or {})[0]

    # With these two nn.Module.to puts such a tensor in the place of a parameter, which keeps its name and its users.
    def __tensor_flatten__(self) -> tuple[list[str], None]:
        return ["inner"], None

    @staticmethod
    def __tensor_unflatten__(parts: Mapping[str, Tensor], context: None, size: Any, stride: Any) -> Held:
        return Held(parts["inner"])

    def tolist(self) -> Any:
        """Which torch refuses to a subclass; CUDA copies, too."""
        return self.cpu().tolist()

    def __reduce_ex__(self, protocol: Any) -> Any:
        """A file has the numbers."""
        return self.detach().cpu().__reduce_ex__(protocol)

    def __repr__(self, **options: Any) -> str:  # type: ignore[override]
        return f"Held({self.inner!r})"


@lru_cache(None)
def written(func: Any) -> tuple[tuple[int, str], ...]:
    """Which arguments an operation changes: place and name."""
    found = enumerate(func._schema.arguments)
    return tuple((i, a.name) for i, a in found if a.alias_info is not None and a.alias_info.is_write)


def check(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Of an operation that reads both devices."""
    if func in COPIES:
        return
    read = [a for i, a in enumerate(args) if i not in INDICES.get(func, ())] + list(kwargs.values())
    changed = {id(x) for i, n in written(func) for x in tensors_of([args[i] if i < len(args) else kwargs.get(n)])}
    alone = torch.Tag.pointwise in func.tags or func in INDICES
    for x in tensors_of(read):
        if not isinstance(x, Held) and (x.ndim or not alone or id(x) in changed):
            raise WrongDevice(
                f"{func} reads a tensor {list(x.shape)} of the CPU beside one of the device, expected all on {DEVICE}"
            )


def whole(module: nn.Module, args: tuple[Any, ...]) -> None:
    """A module that is called has all its numbers, and all that it is given, on one device: kernels take addresses, so
    that even a number without a dimension must be there. Plain attributes, which ``Module.to`` does not move, too."""
    own = {**vars(module), **module._parameters, **module._buffers, "input": args}
    there = [(name, isinstance(x, Held)) for name, value in own.items() for x in tensors_of([value])]
    behind = [name for name, yes in there if not yes]
    if behind and len(behind) < len(there):
        raise WrongDevice(
            f"{type(module).__name__} is on the device and its {behind} on the CPU, expected all on {DEVICE}"
        )


def reshaped(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Give what holds a tensor the shape that this got in place: torch does it without looking at any number."""
    before = torch._C._meta_in_tls_dispatch_include()
    torch._C._set_meta_in_tls_dispatch_include(True)
    try:
        with no_dispatch():
            func(*args, **kwargs)
    finally:
        torch._C._set_meta_in_tls_dispatch_include(before)


def inward(x: Tensor) -> Tensor:
    return x.inner if isinstance(x, Held) else x


def run(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Any, bool]:
    """One operation, on the device if it reads a tensor there or is asked to leave one there: result, and whether."""
    given, asked = tensors_of([*args, *kwargs.values()] if kwargs else args), kwargs.get("device")
    held = sum(isinstance(x, Held) for x in given)
    here = held > 0 if asked is None else asked.type == DEVICE.type
    if not held and not here:
        return func(*args, **kwargs), False
    if kwargs.get("generator") is not None:
        raise WrongDevice(f"{func} draws on {DEVICE} from a generator of the CPU")
    if 0 < held < len(given):
        check(func, args, kwargs)
    options = {name: mapped(value, inward) for name, value in kwargs.items()}
    if asked is not None:
        options["device"] = "cpu"
    result = func(*mapped(args, inward), **options)
    known = {id(inward(x)): x for x in given} if written(func) else {}
    result = mapped(result, lambda x: known.get(id(x)) if id(x) in known else Held(x) if here else x)
    if torch.Tag.inplace_view in func.tags:
        reshaped(func, args, kwargs)
    return result, True


class StandIn(TorchDispatchMode):
    """While it lasts, the device is there. ``ran``: how often each operation ran on it; ``elsewhere``: on the CPU."""

    def __init__(self) -> None:
        super().__init__()
        self.ran, self.elsewhere = Counter[str](), Counter[str]()

    def __enter__(self) -> StandIn:
        self._before = torch._C._only_lift_cpu_tensors()
        # Else torch.tensor(..., device=...) would look for the device by itself.
        torch._C._set_only_lift_cpu_tensors(True)
        self._watch = register_module_forward_pre_hook(whole)
        super().__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        self._watch.remove()
        torch._C._set_only_lift_cpu_tensors(self._before)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result, here = run(func, args, kwargs or {})
        (self.ran if here else self.elsewhere)[func._opname] += 1
        return result
