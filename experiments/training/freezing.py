"""Parts that do not train: their parameters take no gradient, and their norms and dropout stay as in evaluation."""

from __future__ import annotations

from torch import nn

from graph.trainable import is_frozen


def freeze(module: nn.Module, frozen: tuple[str, ...]) -> None:
    """Put a module into training, but for the parts whose names begin with a prefix of ``frozen``."""
    module.train()
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(not is_frozen(name, frozen))
    for name, part in module.named_modules():
        if name and is_frozen(name, frozen):
            part.eval()
