"""``lif.cu`` on the CPU against ``snn.neurons``: types x resets x detach x surrogates x T x N, values and gradients."""

from __future__ import annotations

import pytest
import torch

from tests.kernels.lif_cases import CASES, DTYPES, SIZES, STEPS, SURROGATES, by_kernel, by_reference, compare


def test_the_grid_is_as_wide_as_it_says():
    assert len(CASES) * len(SIZES) >= 180
    seen = {(c.dtype, c.spec.reset, c.spec.detach_reset, c.spec.surrogate) for c in CASES if c.spec.kind != "ilif"}
    assert len(seen) == len(DTYPES) * 2 * 2 * len(SURROGATES)
    assert {c.steps for c in CASES} == set(STEPS)
    for kind in ("if", "lif", "ilif"):
        of_kind = [c for c in CASES if c.spec.kind == kind]
        assert {c.signed for c in of_kind} == {c.membrane for c in of_kind} == {True, False}
        assert {c.steps for c in of_kind} >= {3, 4, 8, 17}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_parity(case):
    for neurons in SIZES:
        mine, wanted = by_kernel(case, neurons), by_reference(case, neurons)
        compare(case, mine, wanted)
        if neurons >= 1000:
            fired = mine.spikes.float().nan_to_num().abs().mean()
            assert fired > 0.01, "the inputs do not make it fire"
            assert mine.gradients[0].float().nan_to_num(0, 0, 0).abs().sum() > 0


def test_a_wrong_spike_is_noticed():
    case = CASES[0]
    mine, wanted = by_kernel(case, 8), by_reference(case, 8)
    mine.spikes[0, 0] = 1 - mine.spikes[0, 0]
    with pytest.raises(AssertionError):
        compare(case, mine, wanted)
    mine = by_kernel(case, 8)
    mine.gradients[0] = mine.gradients[0] + 1e-4
    with pytest.raises(AssertionError):
        compare(case, mine, wanted)
    assert torch.equal(by_kernel(case, 8).spikes, wanted.spikes)
