"""The network that another is to follow while it trains: a run, as it was trained, unchanged by what follows."""

from __future__ import annotations

from experiments.errors import UserError
from experiments.network import load_run
from experiments.settings import RunSettings
from graph.graph import Graph
from graph.lower import Network
from graph.ops import Input


def _shapes(graph: Graph, names: list[str]) -> dict[str, tuple[int, ...]]:
    shapes = {node.name: node.shape for node in graph.nodes.values() if isinstance(node.op, Input)}
    return shapes | {name: graph[graph.outputs[name]].shape for name in names if name in graph.outputs}


def teacher_of(settings: RunSettings, student: Graph) -> Network | None:
    """None: nobody is followed."""
    name = settings.teacher
    if not name:
        return None
    teacher = load_run(name).module
    names = [output for output in student.outputs if not output.startswith("loss_")]
    theirs, own = _shapes(teacher.graph, names), _shapes(student, names)
    for output, shape in own.items():
        if theirs.get(output) != shape:
            raise UserError(
                f"distil.teacher is '{name}', whose '{output}' has the shape {theirs.get(output)}, expected {shape}: a "
                "run of the same model, spec and data.image"
            )
    return teacher.requires_grad_(False)
