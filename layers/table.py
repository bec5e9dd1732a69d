"""The rows of a dialect's table that are the same in all of them."""

from __future__ import annotations

import operator

import torch
from torch import nn

from graph import ops
from graph.dialect import Call, Dialect
from layers import codebook, consts, deform_kernel, quantise, views, weighted
from layers.native import compiled_on


def _param(op: ops.Param) -> nn.Parameter:
    from layers.init import initialise

    made = torch.empty(op.dims)
    initialise(made, None, op.init)
    return nn.Parameter(made)


def shared(steps: int = 1, quantised: bool = True) -> Dialect:
    """``quantised``: do ``Quantize`` nodes round? (In the real-valued dialect they are the identity.)"""

    def expand(op: ops.Expand) -> Call:
        return Call(views.like_batch) if op.to == "once" else Call(views.over_steps, (steps,))

    def quantize(op: ops.Quantize) -> Call:
        return Call(quantise.to_grid, (op.bits,)) if quantised else Call(operator.pos)

    return Dialect(
        "shared",
        {
            ops.Param: _param,
            ops.Const: consts.Constant,
            ops.Conv: weighted.conv,
            ops.Linear: weighted.linear,
            ops.Norm: weighted.norm,
            ops.LayerScale: weighted.LayerScale,
            ops.Drop: weighted.Drop,
            ops.Mask: lambda op: Call(views.masked, (op.threshold,)),
            ops.MatMul: lambda op: Call(views.matmul, (op.scale,) if op.scale != 1.0 else ()),
            ops.DeformSample: lambda op: Call(deform_kernel.deform_sample_on, (op.levels, compiled_on())),
            ops.Codebook: codebook.Codebook,
            ops.SquaredError: lambda op: Call(codebook.squared_error, (op.weight,)),
            ops.Add: lambda op: Call(operator.add),
            ops.Mul: lambda op: Call(operator.mul),
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
            ops.Expand: expand,
            ops.Decode: lambda op: Call(views.mean_over_steps, (op.steps,)),
        },
    )
