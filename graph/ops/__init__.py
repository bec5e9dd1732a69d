"""The vocabulary of the graph: about thirty frozen ops, no tensors in them."""

from graph.ops.base import REGISTRY, Fanout, Op, size
from graph.ops.codebook import Codebook, SquaredError
from graph.ops.firing import Act, Firing, Gate, Mask, Score, Site
from graph.ops.layout import (
    Concat,
    Decode,
    Downsample,
    Drop,
    Expand,
    Fold,
    Pad,
    Pool,
    Quantize,
    Reduce,
    Resize,
    Slice,
    Unfold,
    Upsample,
    View,
)
from graph.ops.products import Add, DeformSample, MatMul, Mul
from graph.ops.sources import Const, Input, Output, Param
from graph.ops.weighted import Conv, LayerScale, Linear, Norm

REGISTRY.pop("Firing")  # an abstract base, never a node

__all__ = [
    "REGISTRY",
    "Act",
    "Add",
    "Codebook",
    "Concat",
    "Const",
    "Conv",
    "Decode",
    "DeformSample",
    "Downsample",
    "Drop",
    "Expand",
    "Fanout",
    "Firing",
    "Fold",
    "Gate",
    "Input",
    "LayerScale",
    "Linear",
    "Mask",
    "MatMul",
    "Mul",
    "Norm",
    "Op",
    "Output",
    "Pad",
    "Param",
    "Pool",
    "Quantize",
    "Reduce",
    "Resize",
    "Score",
    "Site",
    "Slice",
    "SquaredError",
    "Unfold",
    "Upsample",
    "View",
    "size",
]
