"""``Network``: a module that owns its graph, its dialect and what it is for; ``Scope``: a part of it with its own code.

Scopes are submodules under the graph's own names, to read, to wrap (FSDP, activation checkpoints) and to print. Sites
stand in one place, ``sites``, whatever scope runs them: a scope borrows them, so that their parameters have one name.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from operator import itemgetter
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, fx, nn

from graph.dialect import Call, Dialect
from graph.graph import Graph, Node
from graph.ops import Firing, Input, Output, Scaled
from graph.passes.units import counts_of
from graph.serial import loads
from graph.task import STREAMS, Task
from graph.values import ONE, Unit

_NUMBERS = count()


def put(owner: nn.Module, path: str, part: nn.Module | nn.Parameter) -> None:
    """Register a module or a parameter at a dotted path, with plain modules in between."""
    *between, leaf = path.split(".")
    for name in between:
        if name not in owner._modules:
            owner.add_module(name, nn.Module())
        owner = owner.get_submodule(name)
    if isinstance(part, nn.Parameter):
        owner.register_parameter(leaf, part)
    else:
        owner.add_module(leaf, part)


def where(module: nn.Module) -> torch.device:
    """Where a module's numbers lie: a batch for it has to be there."""
    return next((t.device for t in (*module.parameters(), *module.buffers())), torch.device("cpu"))


class Scope(nn.Module):
    """Modules below a name, and the code that runs them; ``code`` is its source."""

    code: str = ""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.__dict__["name"] = name

    def compile(self, emitted: fx.Graph) -> None:  # type: ignore[override]
        """The source of an fx graph as this scope's forward; tracebacks show its lines."""
        python = emitted.python_code("self")
        file = f"<scope {self.__dict__['name']} {next(_NUMBERS)}>"
        linecache.cache[file] = (len(python.src), None, python.src.splitlines(keepends=True), file)
        space = dict(python.globals)
        exec(compile(python.src, file, "exec"), space)
        self.__dict__["code"], self.__dict__["run"] = python.src, space["forward"]

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.__dict__["run"](self, *args, **kwargs)


class Network(Scope):
    """What ``lower`` makes. ``forward(**inputs)`` -> ``{output name: tensor}``."""

    def __init__(self, graph: Graph, dialect: Dialect, parts: dict[str, Any], lent: dict[str, str], task: Task) -> None:
        super().__init__("".join(p.title() for p in graph.name.split("_")))
        calls = {name: part for name, part in parts.items() if isinstance(part, Call)}
        self.__dict__ |= {"graph": graph, "dialect": dialect, "task": task, "calls": calls, "lent": lent}

    graph: Graph
    dialect: Dialect
    task: Task
    calls: dict[str, Call]
    lent: dict[str, str]

    def share_sites(self) -> None:
        sites = self._modules.get("sites")
        for scope in self.modules():
            if isinstance(scope, Scope) and scope is not self and sites is not None:
                scope.__dict__["sites"] = sites

    # ---- node by node -----------------------------------------------------------------------------------------------
    def part(self, name: str) -> Any:
        """The module, parameter or ``Call`` of a node."""
        if name in self.calls:
            return self.calls[name]
        owner, _, leaf = self.graph[name].weights.rpartition(".")
        return getattr(self.get_submodule(owner), leaf)

    @property
    def device(self) -> torch.device:
        return where(self)

    def unit(self, unit: Unit) -> Tensor | float:
        value: Tensor | float = unit.factor
        for site in unit.sites:
            value = self.get_submodule(site).step * value  # type: ignore[union-attr, operator]
        return value

    def arguments(self, node: Node) -> tuple[str, ...]:
        """What the node's part is given: a site that is lent a norm reads that norm's input."""
        return self.graph[self.lent[node.name]].args if node.name in self.lent else node.args

    def compute(self, node: Node, args: list[Tensor]) -> Tensor:
        """A node's value from those of its ``arguments``; one node of ``forward``, bit for bit."""
        return self.prepared(node)(args)

    def prepared(self, node: Node) -> Callable[[list[Tensor]], Tensor]:
        """``compute`` of one node, for who calls it often: its part is looked up, and its unit multiplied, once."""
        if isinstance(node.op, Input | Output):
            return itemgetter(0)
        part = self.part(node.name)
        if isinstance(part, nn.Parameter):
            return lambda args: part.unsqueeze(0)
        extra = {"unit": self.unit(node.op.unit)} if isinstance(node.op, Scaled) and node.op.unit != ONE else {}
        if isinstance(part, Call):
            kwargs = {**part.kwargs, **extra}
            if part.star:
                return lambda args: part.fn(args, *part.args, **kwargs)
            return lambda args: part.fn(*args, *part.args, **kwargs)
        kwargs = {**extra, **node.op.keywords()}
        return lambda args: part(*args, **kwargs)

    # ---- what it says of itself -------------------------------------------------------------------------------------
    @torch.no_grad()
    def counts(self) -> dict[str, float]:
        """Value -> what one of its counts is worth, of all that are counts: n of them stand for n times this."""
        units = counts_of(self.graph).items()
        return {name: float(torch.as_tensor(self.unit(unit)).detach()) for name, unit in units}

    def kernels(self) -> dict[str, str]:
        """Node -> the compiled kernel that it runs on, or why there is none; only of nodes that could have one."""
        table: dict[str, str] = {}
        for name, node in self.graph.nodes.items():
            if isinstance(node.op, Firing) and node.op.site is not None:
                fire = getattr(self.part(name), "fire", None)
                table[name] = "none: compares only" if fire is None else fire.kernel
            elif name in self.calls and self.calls[name].kernel:
                table[name] = self.calls[name].kernel
        return table

    def save(self, folder: Path | str) -> None:
        """``graph.json`` and ``model.safetensors``, each written whole."""
        from graph.lower.files import write

        write(self, Path(folder))

    @classmethod
    def load(cls, folder: Path | str, dialect: Dialect | None = None) -> Network:
        """The network that a folder holds, in eval mode. ``dialect``: who computes it, if not whom the folder names."""
        from graph.lower.emit import lower
        from graph.lower.files import GRAPH, WEIGHTS, dialect_of, task_of
        from graph.lower.fill import fill

        text = (Path(folder) / GRAPH).read_text()
        graph = loads(text)
        network: Network = lower(graph, dialect or dialect_of(text, graph), task=task_of(text))
        file = Path(folder) / WEIGHTS
        return fill(network, load_file(file), file)

    def stream(
        self, frames: Iterable[Any], sound: Any = None, *, fps: float = 25.0, deadband: int = 0
    ) -> Iterator[Tensor]:
        """Mask logits [classes, H, W] of frame after frame, of a film of any length, computing only what changes.

        ``frames``: pictures uint8 [3, H, W], ``fps`` of them a second; ``sound``: samples at 16 kHz, of which the
        0.975 s from its time on belong to a frame; None: silence. With ``deadband`` 0, ``predict``'s of each frame, bit
        for bit."""
        if "film" not in STREAMS:
            raise RuntimeError("import experiments.network first: it says how a film is prepared")
        return STREAMS["film"](self, frames, sound, fps=fps, deadband=deadband)

    @torch.no_grad()
    def predict(self, image: Any, sound: Any) -> Tensor:
        """Mask logits [F, classes, H, W] of pictures and the sound of the same seconds, prepared as the task says."""
        was_training, side = self.training, self.graph["image"].shape[-1]
        self.eval()
        try:
            inputs = self.task.prepared(image, sound, side)
            return self(**{k: v.to(self.device) for k, v in inputs.items()})["mask"]  # type: ignore[no-any-return]
        finally:
            self.train(was_training)
