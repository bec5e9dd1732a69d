"""The spiking dialect: neurons, surrogates, and the table that puts them where the graph has sites."""

from snn.dialect import BACKENDS, SNN, snn

__all__ = ["BACKENDS", "SNN", "snn"]
