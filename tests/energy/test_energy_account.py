"""What each op costs, per frame and per sample; MACs against torch's own counter."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from ann import ANN
from energy.account import FRONT_END, Account, account, width
from energy.columns import Counts
from graph.graph import Graph
from graph.lower import Network, lower
from graph.ops import Act, Conv, Input, Linear, Norm, Score


def row(account: Account, name: str) -> Counts:
    return next(r.counts for r in account.rows if r.name == name).mean()


def test_macs_equal_torch_flops(ann_module: Network, ann: Account, batch: dict[str, Tensor]) -> None:
    """torch knows no formula for the taps of deformable sampling, so they stand apart; all else is equal."""
    one = {k: v[:1] for k, v in batch.items()}
    ann_module.eval()
    with FlopCounterMode(display=False) as flops:
        ann_module(**one)
    ann_module.train()
    taps = sum(r.macs for r in ann.rows if r.op == "DeformSample")
    assert taps > 0
    assert ann.macs - taps == flops.get_total_flops() / 2
    assert ann.macs - taps == sum(r.macs for r in ann.rows if r.op in ("Conv", "Linear", "MatMul"))


def test_dense_macs_of_all_dialects_are_the_same(ann: Account, snn: Account, stepped: Account) -> None:
    assert ann.macs == snn.macs == stepped.macs
    assert ann.totals.sum("ac_w") == 0 and ann.spike_fed_share == 0.0
    assert snn.spike_fed_share > 0.9 and snn.totals.sum("ac_w") > 0


def test_input_layers_stay_real(snn: Account) -> None:
    stem = row(snn, "backbone.stem")
    assert stem.fmac == stem.macs and stem.ac_w == 0


def test_folded_neuron_of_one_step_only_compares(snn: Account) -> None:
    site = row(snn, "sites.backbone.stage1.0.act1")
    elements = 16 * 32 * 32
    assert (site.cmp, site.fadd, site.mul, site.fmac, site.state_B) == (4 * elements, 0, 0, 0, 0)
    assert site.neuron_updates == elements


def test_signed_neuron_compares_twice(snn: Account) -> None:
    signed = [
        r for r in snn.rows if r.name.startswith("sites.") and r.counts.sum("cmp") == 8 * r.counts.sum("neuron_updates")
    ]
    assert signed


def test_stepped_neuron(stepped: Account) -> None:
    site = row(stepped, "sites.backbone.stage1.0.act1")
    updates = 2 * 16 * 32 * 32
    assert (site.neuron_updates, site.fadd, site.mul, site.cmp) == (updates, 2 * updates, updates, updates)
    assert site.state_B == 8 * updates


def test_bias_is_charged_in_both(ann: Account, snn: Account) -> None:
    assert row(ann, "head.fc.0").fadd == row(snn, "head.fc.0").fadd > 0


def test_frames_are_grouped_into_clips(ann_module: Network, ann: Account, batch: dict[str, Tensor]) -> None:
    clips = account(ann_module, [batch, batch], frames=2)
    assert clips.samples == 2 and clips.macs == ann.macs
    assert np.mean(clips.totals.nonzero_macs) == np.mean(ann.totals.nonzero_macs)


def test_front_end_is_a_row_of_its_own(ann_module: Network, ann: Account, batch: dict[str, Tensor]) -> None:
    with_audio = account(ann_module, [batch], front_end=Counts(mul=10, transcendental=3))
    assert with_audio.rows[0].name == FRONT_END
    assert np.all(with_audio.totals.mul - ann.totals.mul == 10)
    mean, half = with_audio.interval("nonzero_macs")
    assert half > 0 and mean > 0


@pytest.mark.parametrize(
    ("op", "cost"),
    [
        (Act(fn="relu"), {"cmp": 12}),
        (Act(fn="relu", ceiling=4.0), {"cmp": 24}),
        (Act(fn="gelu"), {"transcendental": 12, "mul": 36, "fadd": 12}),
        (Act(fn="identity"), {}),
        (Score(), {"cmp": 12, "fadd": 24, "mul": 12, "transcendental": 15}),
        (Norm(form="batch", channels=4, axis=-1), {"fmac": 12}),
        (Norm(form="layer", channels=4, axis=-1), {"fadd": 24, "fmac": 24, "mul": 18, "transcendental": 3}),
    ],
)
def test_real_functions(op: Act, cost: dict[str, int]) -> None:
    g = Graph()
    g.output("mask", g("node", op, g("x", Input(dims=(3, 4)))))
    counted = row(account(lower(g, ANN), [{"x": torch.randn(2, 3, 4)}]), "node")
    names = ("fmac", "fadd", "mul", "cmp", "transcendental", "ac_w", "ac_int", "imac")
    assert {n: getattr(counted, n) for n in names if getattr(counted, n)} == cost


def test_nonzero_macs_follow_the_same_fanout() -> None:
    g = Graph()
    g.output("mask", g("conv", Conv(cin=1, cout=2, kernel=(3, 3), padding=1), g("x", Input(dims=(1, 4, 4)))))
    x = torch.zeros(1, 1, 4, 4)
    x[0, 0, 0, 0] = 0.3  # a corner is read by 4 windows
    x[0, 0, 1, 1] = -2.0  # the inside by 9
    assert row(account(lower(g, ANN), [{"x": x}]), "conv").nonzero_macs == 2 * (4 + 9)


def test_bytes_of_a_layer(spiking: Callable) -> None:
    g = Graph()
    x = g("act", Act(axis=-1), g("x", Input(dims=(5, 8))))
    g.output("mask", g("linear", Linear(cin=8, cout=3), x))
    inputs = {"x": torch.randn(2, 5, 8)}
    real, fired = (row(account(m, [inputs]), "linear") for m in (lower(g, ANN), spiking(g, levels=4)))
    assert real.weight_B == fired.weight_B == 4 * (8 * 3 + 3)
    assert real.act_B == 2 * 4 * 40 and real.spike_B == 0
    assert fired.act_B == fired.spike_B == 2 * 40 * 4 / 8


@pytest.mark.parametrize(("levels", "signed", "expected"), [(1, False, 1), (4, False, 3), (7, False, 3), (4, True, 4)])
def test_width_of_a_count(levels: int, signed: bool, expected: int) -> None:
    assert width(levels, signed) == expected
