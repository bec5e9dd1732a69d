"""The spiking dialect: neurons, surrogates, and the table that puts them where the graph has sites."""

from snn.dialect import SNN
from snn.spec import NeuronSpec

__all__ = ["SNN", "NeuronSpec"]
