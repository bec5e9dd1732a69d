"""A first-in-first-out bank of audio tokens [size, k] with the clip each came from.

Everything is a buffer: it is saved with the model, so a resumed run meets the same marginals as one that
never stopped.
"""

import torch
from torch import Tensor, nn

SMALLEST = 256


class AudioBank(nn.Module):
    """Clip -1 marks a place not filled yet."""

    tokens: Tensor
    clips: Tensor
    cursor: Tensor

    def __init__(self, dim: int, size: int = SMALLEST) -> None:
        super().__init__()
        if size < SMALLEST:
            raise ValueError(
                f"AudioBank: found size {size}, expected at least {SMALLEST}: the bound ends at ln(size + 1)"
            )
        self.register_buffer("tokens", torch.zeros(size, dim))
        self.register_buffer("clips", torch.full((size,), -1, dtype=torch.long))
        self.register_buffer("cursor", torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def push(self, tokens: Tensor, clips: Tensor) -> None:
        """[B, k] and [B] take the places of the oldest."""
        size = len(self.clips)
        if len(tokens) > size:
            raise ValueError(
                f"AudioBank: found a batch of {len(tokens)} tokens, expected at most the bank's size, {size}"
            )
        if len(tokens) != len(clips) or (clips < 0).any():
            raise ValueError(f"AudioBank: found clips {clips.tolist()}, expected {len(tokens)} indices of 0 or more")
        places = (self.cursor + torch.arange(len(tokens), device=self.cursor.device)) % size
        self.tokens[places] = tokens.detach().to(self.tokens)
        self.clips[places] = clips.to(self.clips)
        self.cursor.copy_((self.cursor + len(tokens)) % size)

    def absent(self, clips: Tensor) -> Tensor:
        """[P] -> [P, size] bool: places that are empty or of the pixel's own clip."""
        return (self.clips < 0) | (self.clips == clips.to(self.clips)[:, None])
