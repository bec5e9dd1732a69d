"""AV2TS with neurons: what is left to multiply, what is re-associated, and that it folds."""

from dataclasses import replace

import pytest
import torch

from ann import QANN
from convert.compare import equal_counts
from convert.fold import fold_network
from graph.infer import infer
from graph.lower import lower
from graph.models import build
from graph.models.av2ts import AV2TS_SPECS
from graph.ops import Mask, MatMul, Score
from graph.passes import SpikeSpec, fold, lint, spikify
from graph.values import Spike

SMALL = replace(AV2TS_SPECS["tiny"], image=32)


def quantised():
    torch.manual_seed(0)
    return lower(spikify(build("av2ts", SMALL)), QANN)


def batches(count, clips=2):
    random = torch.Generator().manual_seed(0)
    for _ in range(count):
        rows = clips * SMALL.frames
        images = torch.rand(rows, 3, SMALL.image, SMALL.image, generator=random)
        yield {"image": images, "logmel": torch.randn(rows, 1, 96, 64, generator=random)}


def test_masked_attention_is_kept_as_counts():
    """Q (K^T V) has no place for a mask; the other attentions are re-associated."""
    graph = spikify(build("av2ts", "full").pruned(["mask"]), SpikeSpec(score="linear"))
    facts = infer(graph)
    masks = [n for n, v in graph.nodes.items() if isinstance(v.op, Mask)]
    readers = graph.consumers()
    assert len(masks) == 12
    for name in masks:
        (score,) = readers[name]
        assert isinstance(graph[score].op, Score) and isinstance(facts[score].kind, Spike)
        (mixed,) = readers[score]
        assert isinstance(graph[mixed].op, MatMul) and graph[mixed].args[0] == score
    maps = [n for n, v in graph.nodes.items() if isinstance(v.op, Score)]
    others = {n for n in maps if ".multihead_attn." not in n and "pixel_decoder" not in n}
    assert others == {"sites.time_weights", "sites.predictor.class_shares"}


@pytest.mark.parametrize(("name", "share"), [("r50", 0.973), ("full", 0.968), ("tiny", 0.955)])
def test_spike_fed_share(name, share):
    graph, _ = fold(spikify(build("av2ts", name).pruned(["mask"]), SpikeSpec(score="linear")))
    found = lint(graph)
    assert found.spike_fed_share > share
    stem = {"r50": "backbone.conv1", "full": "backbone.patch_embed.proj", "tiny": "backbone.stem"}[name]
    assert {f.node for f in found.findings if f.input_layer} == {stem, "audio.patch_embed.proj"}
    assert not [f for f in found.left if f.reason.startswith("input '")]


def test_folding_finds_norms_of_shared_heads():
    """Norms that every call of the heads shares go into each call's own neurons. Steps off the powers of two, so that
    no value lies halfway between two counts."""
    module = quantised().train()
    for batch in batches(2):
        module(**batch)
    for name, parameter in module.named_parameters():
        if name.endswith(".step"):
            parameter.data.mul_(0.97)
    batch = next(iter(batches(1)))
    folded = fold_network(module.eval())
    assert module(**batch)["mask"].std() > 0.1 and equal_counts(module, folded, batch) >= 0.999
    assert not [n for n in folded.graph if "decoder_norm" in n and not n.startswith("sites.")]
