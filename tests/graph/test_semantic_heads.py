"""Every family predicts classes: 71 channels at any size, and they all learn."""

from __future__ import annotations

import pytest
import torch

from ann import ANN
from graph.lower import lower
from graph.models import FAMILIES, build, spec_of

CLASSES = 71


@pytest.mark.parametrize("family", FAMILIES)
def test_a_channel_a_class_at_full_size(family: str) -> None:
    graph = build(family, spec_of(family, "full", classes=CLASSES))
    assert graph[graph.outputs["mask"]].shape == (CLASSES, 224, 224)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_class_has_a_gradient(family: str) -> None:
    torch.manual_seed(0)
    spec = spec_of(family, "tiny", classes=CLASSES)
    module = lower(build(family, spec), ANN)
    mask = module(image=torch.randn(5, 3, 64, 64), logmel=torch.randn(5, 1, 96, 64))["mask"]
    assert mask.shape == (5, CLASSES, 64, 64)
    for label in (0, 35, CLASSES - 1):
        module.zero_grad(set_to_none=True)
        mask[:, label].mean().backward(retain_graph=True)
        grads = [p.grad for p in module.parameters() if p.grad is not None]
        assert all(g.isfinite().all() for g in grads) and any((g != 0).any() for g in grads)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_seen_is_published_finest_first(family: str) -> None:
    graph = build(family, "tiny")
    sides = [graph[graph.outputs[f"level_{i}"]].shape[1] for i in range(4)]
    assert sides == [32, 16, 8, 4]
