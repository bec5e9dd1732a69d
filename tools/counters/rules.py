"""What three counters of others make of a layer: (additions, MACs), and which nodes they see at all.

* NeuroBench 2.3 (`SynapticOperations`): a layer is additions if all of its inputs are -1, 0 or 1, else MACs; either way
  only where neither input nor weight is zero, borders respected. Weighted layers only; no bias.
* SpikingJelly 2.0 (`SynOpCounter`, `MACCounter`): additions if all inputs are 0 or 1, exactly counted, weights of zero
  too; else no addition and every dense MAC. Convolutions and matrix products. Run as the library's own code.
* syops-counter 0.0.5: additions if the inputs have at most two different values, all in [0, 1]: mean x dense MACs, the
  bias among them; else every dense MAC. Weighted layers only. It takes the mean of the whole batch.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tools.counters.layers import PRODUCT, WEIGHTED, Layer

Tally = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Counter:
    """``sees``: kinds of nodes; ``why_macs``: when it books additions as MACs; ``why_less``: what else it counts
    differently where it does count additions."""

    name: str
    sees: tuple[str, ...]
    count: Callable[[Layer], Tally]
    why_macs: str
    why_less: str


def _ones(module: nn.Conv2d | nn.Linear) -> nn.Conv2d | nn.Linear:
    """1 where a weight is not zero, no bias."""
    twin = copy.deepcopy(module)
    with torch.no_grad():
        twin.weight.copy_((twin.weight != 0).to(twin.weight.dtype))
        if twin.bias is not None:
            twin.bias.zero_()
    return twin


@torch.no_grad()
def neurobench(layer: Layer) -> Tally:
    (x,) = layer.inputs
    assert layer.module is not None
    effective = float(_ones(layer.module)((x != 0).double()).sum())
    ternary = bool(((x == 0) | (x.abs() == 1)).all())
    return (effective, 0.0) if ternary else (0.0, effective)


@torch.no_grad()
def spikingjelly(layer: Layer) -> Tally:
    from spikingjelly.activation_based.op_counter import DispatchCounterMode, MACCounter, SynOpCounter

    additions, macs = SynOpCounter(), MACCounter()
    with DispatchCounterMode([additions, macs]):
        if layer.module is not None:
            layer.module(layer.inputs[0])
        else:
            torch.matmul(*layer.inputs)
    return float(additions.get_total()), float(macs.get_total())


def _positions(module: nn.Conv2d | nn.Linear, x: Tensor) -> int:
    """Outputs of one channel over the batch, of a convolution."""
    y = module(x)
    return int(y.shape[0] * y[0, 0].numel())


@torch.no_grad()
def syops(layer: Layer) -> Tally:
    (x,) = layer.inputs
    module = layer.module
    assert module is not None
    if isinstance(module, nn.Conv2d):
        places = _positions(module, x)
        taps = module.kernel_size[0] * module.kernel_size[1]
        fan = taps * module.in_channels * (module.out_channels // module.groups)
        dense = fan * places + (module.out_channels * places if module.bias is not None else 0)
    else:
        dense = x.numel() * module.out_features + (module.out_features if module.bias is not None else 0)
    binary = len(x.unique()) <= 2 and float(x.max()) <= 1 and float(x.min()) >= 0
    return (dense * float(x.sum() / x.numel()), 0.0) if binary else (0.0, float(dense))


COUNTERS = (
    Counter(
        name="NeuroBench 2.3",
        sees=(WEIGHTED,),
        count=neurobench,
        why_macs="inputs are counts beyond -1, 0, 1, so the layer is MACs",
        why_less="weights that are zero, which it skips",
    ),
    Counter(
        name="SpikingJelly 2.0",
        sees=(WEIGHTED, PRODUCT),
        count=spikingjelly,
        why_macs="inputs are not all 0 or 1, so the layer is dense MACs",
        why_less="products, where a count on one side meets only nonzero numbers or all of them",
    ),
    Counter(
        name="syops-counter 0.0.5",
        sees=(WEIGHTED,),
        count=syops,
        why_macs="inputs have more than two values or leave [0, 1], so the layer is dense MACs",
        why_less="mean rate x dense MACs instead of events: borders of the picture, and the bias",
    ),
)
