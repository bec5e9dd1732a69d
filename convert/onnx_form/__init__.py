"""A graph and its numbers -> ONNX, op by op: one more interpreter of the graph, and no tracing.

``QONNX``: each site is one ``MultiThreshold``, whose thresholds are those of the spikes. Plain ONNX: comparisons, added
up. Everything else is the standard's own ops, in an order of sums that no grid can tell from ours.
"""
