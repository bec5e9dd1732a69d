"""The vocabulary of the graph: about thirty frozen ops, no tensors in them."""

from graph.ops.base import REGISTRY, Array, Fanout, Op, Part, Scaled, size
from graph.ops.codebook import Codebook, SquaredError
from graph.ops.firing import Act, Firing, Gate, Score, Site
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
from graph.ops.mask import Mask
from graph.ops.products import Add, DeformSample, MatMul, Mul
from graph.ops.scale import Scale
from graph.ops.sources import Const, Input, Output, Param
from graph.ops.weighted import FINEST, Affine, Conv, LayerScale, Linear, Norm

__all__ = [
    "FINEST",
    "REGISTRY",
    "Act",
    "Add",
    "Affine",
    "Array",
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
    "Part",
    "Pool",
    "Quantize",
    "Reduce",
    "Resize",
    "Scale",
    "Scaled",
    "Score",
    "Site",
    "Slice",
    "SquaredError",
    "Unfold",
    "Upsample",
    "View",
    "size",
]
