"""QSD: clips in and frames out, one codebook that only the global stage moves, and the paper's choices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from ann import ANN, QANN
from convert.fold import fold_network
from energy.account import account
from events import EventRunner
from graph.dialect import Dialect
from graph.graph import Graph
from graph.infer import infer
from graph.lower import Network, lower
from graph.models import build, spec_of
from graph.models.qsd import qsd
from graph.models.qsd.spec import QSD_SPECS
from graph.ops import Codebook, DeformSample, Input, SquaredError
from graph.passes import SpikeSpec, fold, lint, spikify
from snn import SNN

SMALL = replace(QSD_SPECS["tiny"], image=32)
PAPER = replace(
    QSD_SPECS["full"],
    image=64,
    frozen=(),
    backbone="tiny",
    audio="tiny_audio",
    widths=(8, 8, 8, 8),
    audio_widths=(4, 4, 4, 4),
    audio_dim=8,
    hidden=16,
    heads=2,
    points=2,
    entries=8,
    encoder_layers=1,
    decoder_layers=1,
    ffn=16,
    mask_dim=8,
)
FRAMES = 5


def dialect_of(graph: Graph, dialect: str) -> tuple[Graph, Dialect]:
    if dialect == "ann":
        return graph, ANN
    return spikify(graph), QANN if dialect == "qann" else SNN


def made(dialect: str = "ann", spec=SMALL) -> Network:
    torch.manual_seed(0)
    return lower(*dialect_of(qsd(spec), dialect))


def random_batch(size: int, count: int = 2) -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(0)
    frames = count * FRAMES
    return {
        "image": torch.rand(frames, 3, size, size, generator=random),
        "logmel": torch.randn(frames, 1, 96, 64, generator=random),
    }


def test_a_softmax_over_one_token_is_all_that_idles():
    module = made("ann", replace(PAPER, dropout=0.0))
    out = module(**random_batch(64))
    (out["mask"].square().mean() + out["loss_commit"].sum() + out["loss_distill"].sum()).backward()
    idle = {n for n, p in module.named_parameters() if p.grad is None or not p.grad.any()}
    choosing = "semantics.calibrate.layers.0.cross_attn."
    assert idle == {f"{choosing}{part}_proj.{kind}" for part in "qk" for kind in ("weight", "bias")}


def books(graph: Graph) -> list[str]:
    return [n for n, v in graph.nodes.items() if isinstance(v.op, Codebook)]


def test_one_codebook_moved_by_the_global_stage_alone():
    module = made()
    graph = module.graph
    assert books(graph) == ["semantics.decompose.entries", "semantics.calibrate.entries"]
    assert {graph[n].weights for n in books(graph)} == {"codebook"}
    assert [graph[n].op.updates for n in books(graph)] == [True, False]
    assert {infer(graph)[n].frames for n in books(graph)} == {1, FRAMES}
    before = module.codebook.entries.clone()
    module.eval()(**random_batch(32))
    assert torch.equal(module.codebook.entries, before)
    module.train()(**random_batch(32))
    moved = (module.codebook.entries != before).any(1)
    assert moved.any()
    alone = lower(graph, ANN, outputs=["mask"]).train()
    alone.load_state_dict(module.state_dict(), strict=False)
    assert books(alone.graph) == books(graph)


def test_the_losses_are_their_formulas(walk):
    module = made("ann", replace(SMALL, commitment=0.5)).eval()
    seen = walk(module, random_batch(32))
    entries = module.codebook.entries

    def nearest(x: Tensor) -> Tensor:
        return entries[(x[..., None, :] - entries).square().sum(-1).argmin(-1)]

    clip, frame = seen["semantics.decompose.groups"], seen["semantics.calibrate.groups"].unflatten(0, (2, FRAMES))
    commit = sum(0.5 * (x - nearest(x)).square().flatten(1).mean(1) for x in (clip, frame))
    distill = (nearest(frame) - nearest(clip)[:, None]).square().flatten(1).mean(1)
    out = module(**random_batch(32))
    assert torch.allclose(out["loss_commit"][:, 0], commit, atol=1e-5) and commit.min() > 0
    assert torch.allclose(out["loss_distill"][:, 0], distill, atol=1e-5)


def test_distillation_teaches_the_frame_and_not_the_clip():
    """Its target is a constant; the clip is reached through the queries of the local stage alone."""
    module = made()
    out = module(**random_batch(32))
    out["loss_distill"].sum().backward()
    learnt = {n for n, p in module.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    assert any(n.startswith("semantics.calibrate") for n in learnt)
    assert not [n for n in learnt if n.startswith(("backbone", "pixels", "decoder"))]


def test_a_clip_hears_itself_and_nobody_else():
    module, batch = made().eval(), random_batch(32)
    other = {**batch, "logmel": batch["logmel"].clone()}
    other["logmel"][0] = 3 * torch.randn(1, 96, 64, generator=torch.Generator().manual_seed(9))
    before, after = module(**batch)["mask"], module(**other)["mask"]
    differs = (before != after).flatten(1).any(1)
    assert differs[:FRAMES].any() and not differs[FRAMES:].any()


def test_only_the_mask_is_left_for_inference():
    graph = qsd(SMALL).pruned(["mask"])
    assert len(books(graph)) == 2 and not [n for n in graph.nodes.values() if isinstance(n.op, SquaredError)]
    for dialect in ("qann", "ilif"):
        folded = fold_network(lower(*dialect_of(graph, dialect)).eval())
        assert folded(**random_batch(32))["mask"].shape == (2 * FRAMES, 1, 32, 32)


@pytest.mark.parametrize("changes", [{}, {"groups": 4}, {"classes": 71}, {"maps": 5, "recombine": "add"}])
@pytest.mark.parametrize("dialect", ["ann", "ilif"])
def test_the_papers_choices_at_toy_sizes(changes, dialect):
    spec = replace(PAPER, **changes)
    module = made(dialect, spec)
    out = module(**random_batch(64, 1))
    assert out["mask"].shape == (FRAMES, spec.classes, 64, 64)
    assert out["mask_feature"].shape == (FRAMES, 8, 16, 16) and out["audio_token"].shape == (FRAMES, 1, 16)
    assert out["loss_commit"].shape == out["loss_distill"].shape == (1, 1)
    (out["mask"].square().mean() + out["loss_commit"].sum() + out["loss_distill"].sum()).backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in module.parameters())


def test_the_full_network_is_the_base_codes():
    graph = build("qsd", "full")
    book = graph["semantics.decompose.entries"].op
    assert (book.entries, book.dim, book.decay, book.eps) == (512, 256, 0.99, 1e-5)
    assert graph["semantics.losses.clip"].op.weight == 0.25
    samplers = [n.op for n in graph.nodes.values() if isinstance(n.op, DeformSample)]
    assert len(samplers) == 4 + 4
    assert {(s.levels, s.points, s.heads) for s in samplers} == {(((28, 28), (14, 14), (7, 7), (4, 4)), 4, 8)}
    assert graph["decoder.controller.layers.2"].shape == (5, (256 * 8 + 8) + (8 * 8 + 8) + (8 + 1))
    assert build("qsd", spec_of("qsd", "r50", classes=71))["out_mask"].shape == (71, 224, 224)


def test_spikes_drive_the_multiplies_of_a_resnet_too():
    folded, _ = fold(spikify(build("qsd", "r50").pruned(["mask"]), SpikeSpec(score="linear")))
    found = lint(folded)
    assert found.spike_fed_share >= 0.97
    assert not [f for f in found.left if not f.input_layer and f.reason.startswith(("input", "distances"))]


def test_its_energy_is_counted_by_the_clip():
    module = lower(*dialect_of(qsd(SMALL).pruned(["mask"]), "ilif"))
    found = account(module, [random_batch(32)], name="qsd")
    assert (found.samples, found.coverage) == (2, 1.0)
    assert {"semantics.decompose.entries", "semantics.calibrate.entries"} <= {r.name for r in found.layers}
    macs = {r.name: r.macs for r in found.layers}
    assert macs["semantics.calibrate.entries"] == 4 * 48 * 64
    assert macs["semantics.decompose.entries"] == pytest.approx(4 * 48 * 64 / FRAMES)


def test_the_event_runner_executes_a_codebook():
    g = Graph(name="book")
    g.output("y", g("book", Codebook(entries=4, dim=3), g("x", Input(dims=(2, 3)))))
    network = lower(g, ANN).eval()
    arrays = {key: value.numpy() for key, value in network.state_dict().items()}
    x = torch.randn(5, 2, 3, generator=torch.Generator().manual_seed(0))
    y = EventRunner(g, arrays).run({"x": x.numpy()})["y"]
    assert np.array_equal(y, network(x=x)["y"].numpy()) and len(np.unique(y)) > 3


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"groups": 5}, "spec.groups is 5"),
        ({"recombine": "ad"}, "spec.recombine is 'ad'"),
        ({"maps": 2}, "spec.maps is 2"),
    ],
)
def test_a_spec_is_checked(changes, reason):
    with pytest.raises(ValueError, match=reason):
        replace(SMALL, **changes)
