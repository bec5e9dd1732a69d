"""Sums in the published order, for a network that turns one unit in the last place into another picture.

MI-AVS's spiking network with random weights does: an image scaled by 1 + 1e-7 moves its logits by 100 %. To be compared
with official outputs at all it must add in the same order: its features lie in memory channel by channel, and its
attention is torch's own, which projects q, k and v with one matrix and scales q before the product. The same function
otherwise; ours differs from it by 1e-6 where nothing is rounded to counts.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graph.lower import Network
from graph.ops import DeformSample, Input

PROJECTIONS = ("q_proj", "k_proj", "v_proj")


def torch_attention(layers: dict[str, nn.Linear], heads: int, query: Tensor, memory: Tensor) -> Tensor:
    """``nn.MultiheadAttention`` with the weights of four linear layers."""
    q, k, v, out = (layers[name] for name in (*PROJECTIONS, "out_proj"))
    attention = nn.MultiheadAttention(q.in_features, heads, bias=q.bias is not None, batch_first=True).eval()
    state = {"in_proj_weight": torch.cat([q.weight, k.weight, v.weight]), "out_proj.weight": out.weight}
    if q.bias is not None:
        state |= {"in_proj_bias": torch.cat([q.bias, k.bias, v.bias]), "out_proj.bias": out.bias}
    attention.load_state_dict(state)
    itself = query is memory
    query = query.expand(max(len(query), len(memory)), -1, -1)
    memory = query if itself else memory
    result: Tensor = attention(query, memory, memory)[0]
    return result


def sampled_at_once(
    value: Tensor, offset: Tensor, weight: Tensor, reference: Tensor, levels: tuple[tuple[int, int], ...]
) -> Tensor:
    """``layers.deform_grid`` with one sum over all levels and points, not one a level."""
    batch, queries, heads, count, points, _ = offset.shape
    sizes = torch.tensor([[w, h] for h, w in levels], dtype=offset.dtype)
    places = 2 * (reference[:, :, None, :, None] + offset / sizes[:, None]) - 1
    planes = value.split([h * w for h, w in levels], 1)
    samples = [
        F.grid_sample(
            plane.flatten(2).transpose(1, 2).reshape(batch * heads, -1, height, width),
            places[:, :, :, level].transpose(1, 2).flatten(0, 1),
            align_corners=False,
        )
        for level, (plane, (height, width)) in enumerate(zip(planes, levels, strict=True))
    ]
    weights = weight.transpose(1, 2).reshape(batch * heads, 1, queries, count * points)
    total = (torch.stack(samples, -2).flatten(-2) * weights).sum(-1)
    return total.view(batch, -1, queries).transpose(1, 2).contiguous()


def attentions(network: Network) -> dict[str, tuple[str, str]]:
    """The last projection of every attention of four -> what its query and its memory are."""
    nodes, table = network.graph.nodes, {}
    for name in nodes:
        prefix, _, last = name.rpartition(".")
        if last == "out_proj" and f"{prefix}.q_proj" in nodes:
            table[name] = (nodes[f"{prefix}.q_proj"].args[0], nodes[f"{prefix}.k_proj"].args[0])
    return table


def in_published_order(network: Network, heads: int) -> Network:
    """The network, node by node, with torch's attention and one sum over all samples; only what an output needs."""
    instead = attentions(network)

    def run(self: Network, **inputs: Tensor) -> dict[str, Tensor]:
        graph, values = self.graph, dict(inputs)
        reads = {n: instead.get(n, self.arguments(v)) for n, v in graph.nodes.items()}
        needed, waiting = set(graph.outputs.values()), list(graph.outputs.values())
        while waiting:
            new = set(reads[waiting.pop()]) - needed
            needed |= new
            waiting += new
        for name, node in graph.nodes.items():
            if name not in needed or isinstance(node.op, Input):
                continue
            args = [values[a] for a in reads[name]]
            if name in instead:
                prefix = name.rpartition(".")[0]
                layers = {part: self.get_submodule(f"{prefix}.{part}") for part in (*PROJECTIONS, "out_proj")}
                values[name] = torch_attention(layers, heads, *args)  # type: ignore[arg-type]
            elif isinstance(node.op, DeformSample):
                value, offset, weight, reference = args
                values[name] = sampled_at_once(value, offset, weight, reference, node.op.levels)
            else:
                values[name] = self.compute(node, args)
        return {name: values[value] for name, value in graph.outputs.items()}

    network.__dict__["run"] = run
    return network


def contiguous_inputs(module: Network, names: tuple[str, ...]) -> Network:
    for name in names:
        module.get_submodule(name).register_forward_pre_hook(lambda _, inputs: (inputs[0].contiguous(),))
    return module
