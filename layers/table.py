"""The rows of a dialect's table that are the same in all of them."""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import nn

from graph import ops
from graph.dialect import Call, Dialect, Factory, Place, Placed
from graph.values import ONE, counts_site, magnitude
from layers import codebook, consts, deform_kernel, quantise, views, weighted
from layers.init import initialise
from layers.native import compiled_on
from layers.neurons import neurons_of
from layers.site import FoldedSite, SpikeSite, ThresholdSite


def _param(op: ops.Param) -> nn.Parameter:
    table = torch.empty(op.dims)
    initialise(table, None, op.init)
    return nn.Parameter(table)


def _expand(op: ops.Expand, place: Place) -> Call:
    return Call(views.like_batch) if op.to == "once" else Call(views.over_steps, (place.steps,))


def _decode(op: ops.Decode, place: Place) -> Call:
    return Call(views.sum_over_steps if op.fn == "count" else views.mean_over_steps, (place.steps,))


def _sampled(op: ops.DeformSample, place: Place) -> Call:
    """Counts are sampled as bit-planes, by additions; anything else as real values."""
    kind, devices = place.kinds[0], compiled_on()
    spike, most = counts_site(kind), magnitude(kind)
    if spike is not None and most is not None:
        return deform_kernel.of_counts(op.levels, most, spike.signed, devices)
    return deform_kernel.of_values(op.levels, devices)


def counting(real: Factory) -> Placed:
    """A firing op's module: a site with the backend's neurons, or what it is without a site."""

    def make(op: ops.Firing, place: Place) -> Any:
        site = op.site
        if site is None:
            return real(op)
        if site.compares_only(place.steps):
            return ThresholdSite(op)
        fire = neurons_of(place.backend, site.name, site.neuron, site.signed, place.steps)
        return FoldedSite(op, fire) if site.folded else SpikeSite(op, fire)

    return Placed(make)


def shared(quantised: bool = True) -> Dialect:
    """``quantised``: do ``Quantize`` nodes round? (In the real-valued dialect they are the identity.)"""

    def quantize(op: ops.Quantize) -> Call:
        return Call(quantise.to_grid, (op.bits,)) if quantised else Call(operator.pos)

    return Dialect(
        "shared",
        {
            ops.Param: _param,
            ops.Const: consts.Constant,
            ops.Conv: Placed(weighted.conv),
            ops.Linear: Placed(weighted.linear),
            ops.Norm: weighted.norm,
            ops.LayerScale: weighted.LayerScale,
            ops.Affine: weighted.Affine,
            ops.Drop: Placed(lambda op, place: weighted.Drop(op, place.steps if place.stepped else 1)),
            ops.Mask: lambda op: Call(views.masked, (op.threshold,)),
            ops.MatMul: lambda op: Call(views.matmul, (op.scale,) if op.scale != 1.0 else ()),
            ops.DeformSample: Placed(_sampled),
            ops.Codebook: codebook.Codebook,
            ops.SquaredError: lambda op: Call(codebook.squared_error, (op.weight,)),
            ops.Add: lambda op: Call(operator.add),
            ops.Mul: lambda op: Call(operator.mul) if op.unit == ONE else Call(views.product),
            ops.Scale: lambda op: Call(views.scaled),
            ops.Concat: views.concat,
            ops.Slice: views.narrow,
            ops.View: views.view,
            ops.Reduce: views.reduce,
            ops.Pool: views.pool,
            ops.Upsample: views.upsample,
            ops.Downsample: views.downsample,
            ops.Pad: views.pad,
            ops.Resize: views.resize,
            ops.Unfold: lambda op: Call(views.to_clips, (op.frames,)),
            ops.Fold: lambda op: Call(views.to_frames),
            ops.Quantize: quantize,
            ops.Expand: Placed(_expand),
            ops.Decode: Placed(_decode),
        },
    )
