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
from layers.deform_kernel import deform_sample_on

PROJECTIONS = ("q_proj", "k_proj", "v_proj")


class TorchAttention(nn.Module):
    """``nn.MultiheadAttention`` with the weights of four linear layers, read when it is called."""

    def __init__(self, layers: dict[str, nn.Linear], heads: int) -> None:
        super().__init__()
        self._layers = lambda: layers  # not as children: they stay in the state dict under their own names
        self.heads = heads

    def forward(self, query: Tensor, memory: Tensor) -> Tensor:
        q, k, v, out = (self._layers()[name] for name in (*PROJECTIONS, "out_proj"))
        made = nn.MultiheadAttention(q.in_features, self.heads, bias=q.bias is not None, batch_first=True).eval()
        state = {"in_proj_weight": torch.cat([q.weight, k.weight, v.weight]), "out_proj.weight": out.weight}
        if q.bias is not None:
            state |= {"in_proj_bias": torch.cat([q.bias, k.bias, v.bias]), "out_proj.bias": out.bias}
        made.load_state_dict(state)
        itself = query is memory
        query = query.expand(max(len(query), len(memory)), -1, -1)
        memory = query if itself else memory
        found: Tensor = made(query, memory, memory)[0]
        return found


def torch_attention(module: Network, heads: int) -> Network:
    """Every attention of four projections becomes one call of torch's."""
    calls = {str(node.target): node for node in module.graph.nodes if node.op == "call_module"}
    for target, node in calls.items():
        prefix, _, last = target.rpartition(".")
        if last != "out_proj" or f"{prefix}.q_proj" not in calls:
            continue
        layers = {name: module.get_submodule(f"{prefix}.{name}") for name in (*PROJECTIONS, "out_proj")}
        module.add_submodule(f"{prefix}.published", TorchAttention(layers, heads))  # type: ignore[arg-type]
        query, memory = calls[f"{prefix}.q_proj"].args[0], calls[f"{prefix}.k_proj"].args[0]
        with module.graph.inserting_before(node):
            made = module.graph.call_module(f"{prefix}.published", (query, memory))
        node.replace_all_uses_with(made)
    module.graph.eliminate_dead_code()
    module.recompile()
    return module


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


def sampling_at_once(module: Network) -> Network:
    for node in module.graph.nodes:
        if node.target is deform_sample_on:
            node.target, node.args = sampled_at_once, node.args[:5]
    module.recompile()
    return module


def contiguous_inputs(module: Network, names: tuple[str, ...]) -> Network:
    for name in names:
        module.get_submodule(name).register_forward_pre_hook(lambda _, inputs: (inputs[0].contiguous(),))
    return module
