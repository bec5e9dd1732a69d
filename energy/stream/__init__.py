"""What a network costs that computes only what changes between frames: the same columns, for the same prices."""

from energy.stream.account import stream_account

__all__ = ["stream_account"]
