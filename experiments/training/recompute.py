"""Values computed again in the backward pass instead of kept: less memory for about a third more time.

A block keeps what it read and forgets what it made of it; when a gradient is due, torch's own ``checkpoint`` runs it
again (Chen et al. 2016, "Training deep nets with sublinear memory cost"). Run again, a block must do what it did the
first time: with the same random numbers, which torch sees to, and without a second effect, which is seen to here. Its
running statistics go on in copies that nobody keeps, and its spikes are not counted again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from graph.lower import Network
from graph.lower.network import Scope
from graph.lower.scopes import SITES


def blocks(network: Network) -> dict[str, Scope]:
    """The repeated units of a network: the innermost scopes with a number for a name, and beside them the outermost
    scopes without such a one inside."""
    scopes = {name: part for name, part in network.named_modules() if isinstance(part, Scope) and name}
    numbered = [name for name in scopes if name.rpartition(".")[2].isdigit()]
    whole = {name for name in scopes if not any(other.startswith(f"{name}.") for other in numbered)}
    return {name: scopes[name] for name in scopes if name in whole and _around(name, scopes) not in whole}


def _around(name: str, scopes: dict[str, Scope]) -> str:
    """The scope that a scope stands in; modules in between may be plain ones."""
    parents = [other for other in scopes if name.startswith(f"{other}.")]
    return max(parents, key=len, default="")


def modules_of(network: Network, name: str) -> list[nn.Module]:
    """All that run in a scope: its own, and the sites below its name, which stand elsewhere."""
    own = f"{name}.", f"{SITES}{name}."
    return [part for path, part in network.named_modules() if path.startswith(own)]


@contextmanager
def on_copies(modules: list[nn.Module]) -> Iterator[None]:
    """Buffers are lent copies for a while."""
    own = [(module, dict(module._buffers)) for module in modules if module._buffers]
    for module, buffers in own:
        module._buffers.update({name: value if value is None else value.clone() for name, value in buffers.items()})
    try:
        yield
    finally:
        for module, buffers in own:
            module._buffers.update(buffers)


def recompute(network: Network, silent: Callable[[], AbstractContextManager[Any]] = nullcontext) -> None:
    """In place, every block of a network. ``silent``: in what to run a block again, so that nobody counts it twice."""
    for name, block in blocks(network).items():
        again = partial(_again, modules_of(network, name), silent)
        block.__dict__["run"] = partial(_run, block.__dict__["run"], again)


@contextmanager
def _again(modules: list[nn.Module], silent: Callable[[], AbstractContextManager[Any]]) -> Iterator[None]:
    with ExitStack() as stack:
        stack.enter_context(silent())
        stack.enter_context(on_copies(modules))
        yield


def _run(
    run: Callable[..., Any], again: Callable[[], AbstractContextManager[None]], block: Scope, *args: Tensor
) -> Any:
    if not torch.is_grad_enabled():
        return run(block, *args)
    return checkpoint(run, block, *args, use_reentrant=False, context_fn=lambda: (nullcontext(), again()))
