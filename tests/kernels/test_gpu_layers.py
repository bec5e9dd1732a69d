"""On a GPU against the CPU: batch norm and neurons in one, deformable sampling and its counter, packed words."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch

from kernels import cupy_backend
from kernels.spike_words import pack, unpack
from layers.deform_kernel import deform_additions
from layers.normed import normed_counts
from snn.native import dynamics
from tests.kernels.deform_cases import TOLERANCE, by_reference, close, leaves, on_a_grid
from tests.kernels.test_deform_parity import COUNTS, REAL, by_kernel
from tests.layers.test_normed import COUNTS as INTEGER
from tests.layers.test_normed import LIF, SHAPES, norm_and_input, relative

MISSING = "torch sees no CUDA device" if not torch.cuda.is_available() else cupy_backend.missing()
pytestmark = [pytest.mark.gpu, pytest.mark.skipif(MISSING is not None, reason=str(MISSING))]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("neuron", "steps"), [(INTEGER, 1), (INTEGER, 3), (LIF, 4)], ids=("ilif-1", "ilif-3", "lif-4"))
@pytest.mark.parametrize("shape", SHAPES)
def test_norm_and_neurons(shape, neuron, steps, training):
    norm, x = norm_and_input(shape, steps)
    norm.train(training)
    results = []
    for device in ("cpu", "cuda"):
        here = deepcopy(norm).to(device)
        leaf = x.detach().to(device).requires_grad_()
        step = torch.tensor(0.3, device=device, requires_grad=True)
        counts = normed_counts(leaf, here, step, dynamics(neuron, True), steps)
        probe = torch.randn(x.shape, generator=torch.Generator().manual_seed(1)).to(device)
        gradients = torch.autograd.grad(counts, [leaf, step, here.weight, here.bias], probe)
        results.append((counts.detach().cpu(), [g.cpu() for g in gradients], here.cpu().state_dict()))
    (wanted, gradients, state), (ours, ours_of, ours_state) = results
    assert (ours != wanted).float().mean() < 1e-3 and ours.abs().sum() > 0
    if torch.equal(ours, wanted):
        terms = float(gradients[0].abs().sum())
        for a, b in zip(ours_of, gradients, strict=True):
            assert relative(a, b) < 1e-4 or (b.ndim == 0 and abs(a - b) < 1e-5 * terms)
    for name, tensor in state.items():
        torch.testing.assert_close(ours_state[name], tensor, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("wide", [False, True], ids=["one-reference", "references"])
@pytest.mark.parametrize("case", REAL + COUNTS, ids=str)
def test_deformable_sampling(case, wide):
    inputs = case.inputs(wide=wide, seed=int(wide))
    ours = [t.cuda() for t in inputs]
    ours = leaves(tuple(ours))
    out = by_kernel(case, ours)
    probe = torch.randn(out.shape, generator=torch.Generator().manual_seed(9)).to(case.dtype)
    wanted, gradients = by_reference(inputs, case, probe)
    forward, backward = TOLERANCE[case.dtype]
    close(out.cpu(), wanted, forward)
    for gradient, expected in zip(torch.autograd.grad(out, ours, probe.cuda()), gradients, strict=True):
        close(gradient.cpu(), expected, backward)


@pytest.mark.parametrize("case", [c for c in REAL + COUNTS if c.dtype == torch.float32], ids=str)
def test_deformable_sampling_is_exact_on_a_grid(case):
    inputs = on_a_grid(case, 0)
    assert torch.equal(by_kernel(case, [t.cuda() for t in inputs]).cpu(), by_kernel(case, inputs))


@pytest.mark.parametrize("case", [c for c in COUNTS if c.dtype == torch.float32], ids=str)
@pytest.mark.parametrize("unary", [False, True])
def test_additions_are_counted_alike(case, unary):
    inputs = case.inputs()
    options = {"most": case.most, "signed": case.signed, "unary": unary}
    wanted = deform_additions(*inputs, case.sizes, **options)
    assert torch.equal(deform_additions(*(t.cuda() for t in inputs), case.sizes, **options).cpu(), wanted)
    assert wanted.sum() > 0


@pytest.mark.parametrize(("channels", "planes", "signed"), [(32, 1, False), (40, 3, True), (24, 4, False)])
def test_packed_words(channels, planes, signed):
    most = 2**planes - 1
    random = torch.Generator().manual_seed(0)
    counts = torch.randint(-most if signed else 0, most + 1, (3, 17, 2, channels), generator=random).float()
    words = pack(counts.cuda(), planes, signed)
    assert torch.equal(words.cpu(), pack(counts, planes, signed))
    assert torch.equal(unpack(words, channels, signed).cpu().float(), counts)
