"""Compiled kernels: one CUDA source each, run by CuPy on a GPU and through ``cpu_shim.h`` by a C++ compiler on a CPU.

Knows tensors only. The same functions in plain torch are ``snn.neurons`` and ``layers.deform``; every kernel is tested
against them. ``selection`` says which of the two is used and why.
"""
