"""A run leaves the house, as a file that others execute. A new form is a file here, and its name below."""

from __future__ import annotations

from common.registry import Registry
from experiments.exporting.nir_file import NIR
from experiments.exporting.onnx_file import ONNX
from experiments.exporting.qonnx_file import QONNX
from experiments.exporting.target import Target
from experiments.exporting.torch_file import TORCH

TARGETS: Registry[Target] = Registry("to", ONNX, QONNX, TORCH, NIR)

__all__ = ["TARGETS", "Target"]
