"""WHAT a network is: ops, nodes, inference of shape, kind and clock, passes, model families. No weights, no torch."""
