"""``python -m tools.bench lif|deform|model``: how quick our kernels are beside the same function by others.

Nothing is timed before it agrees, on the inputs of its row: ours with the plain torch reference, a peer with it too.
"""
