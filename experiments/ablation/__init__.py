"""Ablations: what of a setting makes a difference, told by paired seeds.

``plan``: settings -> arms, and the points of a sweep; ``statistics``: paired differences and what may be said of them;
``tables``, ``figure``: what a reader sees; ``mode``: ``--mode ablate``.
"""
