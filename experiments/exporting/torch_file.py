"""``--to torch``: a program of ATen ops by ``torch.export``, which a process loads that has never heard of us."""

from __future__ import annotations

import io

import torch
from torch import Tensor, nn

from experiments.exporting.target import CLOSE, Asked, Target, Written, apart, same_bits
from graph.lower import Network, lower
from graph.ops import Array, Input
from kernels.selection import without_kernels

ATEN = "aten"


class Portable(nn.Module):
    """Arguments by place, as many as the network has inputs."""

    def __init__(self, network: Network, names: list[str]) -> None:
        super().__init__()
        self.network, self.names = network, names

    def forward(self, *inputs: Tensor) -> Tensor:
        mask: Tensor = self.network(**dict(zip(self.names, inputs, strict=True)))["mask"]
        return mask


def plain(network: Network) -> Network:
    """The same network of torch's own operators."""
    with without_kernels():
        other: Network = lower(network.graph, network.dialect, task=network.task)
    other.load_state_dict(network.state_dict())
    return other.eval()


def foreign(program: torch.export.ExportedProgram) -> list[str]:
    """Operators that torch alone does not know."""
    targets = {node.target for node in program.graph.nodes if node.op == "call_function"}
    return sorted(str(target) for target in targets if getattr(target, "namespace", ATEN) not in (ATEN, "prims"))


def write(asked: Asked) -> Written:
    graph = asked.network.graph
    names = [name for name, node in graph.nodes.items() if isinstance(node.op, Input)]
    network = plain(asked.network)
    inputs = tuple(asked.clip[name] for name in names)
    # Rows of clips are specialised to one; frames that are looked at one by one may be as many as one likes.
    rows = {0: torch.export.Dim("frames", min=1)} if asked.together == 1 else None
    shapes = None if rows is None else (tuple(rows for _ in names),)
    with torch.no_grad():
        program = torch.export.export(Portable(network, names).eval(), inputs, dynamic_shapes=shapes, strict=False)
        ours: Array = network(**dict(zip(names, inputs, strict=True)))["mask"].numpy()
        logits: Array = program.module()(*inputs).numpy()
    off = apart(ours, asked.logits)
    if not same_bits(logits, ours) or not off <= CLOSE:
        raise ValueError(f"the exported program finds other logits, {off:.2g} of the largest one away, expected ours")
    others = foreign(program)
    if others:
        raise ValueError(f"its program holds operators of ours ({', '.join(others)}), expected ATen's alone")
    file = io.BytesIO()
    torch.export.save(program, file)
    calls = sum(node.op == "call_function" for node in program.graph.nodes)
    frames = "any number of frames" if rows else f"{len(logits)} frames a call"
    return Written(
        content=file.getvalue(),
        report={"calls": calls, "inputs": names, "difference": off},
        line=f"{calls} calls of ATen's operators, {frames}; arguments: {', '.join(names)}; "
        f"logits equal torch's own bit for bit",
    )


TORCH = Target(name="torch", suffix=".pt2", packages=(), write=write)
