"""Run by ``test_sanitisers.py`` in a process of its own: kernels built with ASan and UBSan, at sizes with odd tails.

``healthy`` runs neurons and deformable sampling; ``planted`` asks for one neuron more than the buffers hold.
"""

from __future__ import annotations

import sys
from functools import partial

import torch

from kernels.dynamics import Dynamics
from kernels.flat_ops import neurons as neurons_of
from kernels.launch import launch
from kernels.layout import Cut
from kernels.lif_form import Form
from kernels.normed import Running
from kernels.normed_ops import normed_lif
from kernels.ops import lif, lif_op
from layers.deform_kernel import deform_additions, deform_sample_counts, deform_sample_kernel
from tests.kernels.deform_cases import Case

torch.set_num_threads(2)


def neurons() -> None:
    soft = Dynamics().text
    for size in (1, 7, 301):
        x = torch.randn(9, size, requires_grad=True)
        v0, rate = torch.randn(size, requires_grad=True), torch.tensor(0.4, requires_grad=True)
        spikes, membrane = lif_op(x, v0, rate, None, None, None, torch.tensor(0.7), soft, 0, "same", True)
        torch.autograd.grad((spikes.sum() + membrane.sum()), (x, v0, rate))
        lif(x.detach(), Dynamics(), spikes="bits")
    for channel, shape in ((2, (4, 3, 5, 7)), (3, (4, 3, 7, 5))):
        x = torch.randn(shape, requires_grad=True)
        scale, bias = torch.rand(2, 5).requires_grad_().unbind(0)
        y = lif(x, Dynamics(), scale=scale, bias=bias, residual=x.flip(0), channel=channel)
        torch.autograd.grad(y.sum(), (x, scale, bias))


def normed_neurons() -> None:
    """Channels-first, channels-last with an odd tail of rows, and tokens; a batch's statistics and given ones."""
    counts = Dynamics(kind="ilif", rate=0.5, levels=4)
    images, tokens = torch.randn(12, 5, 7, 3), torch.randn(12, 7, 5)
    for channel, x in ((1, images), (1, images.to(memory_format=torch.channels_last)), (2, tokens)):
        x, step = x.requires_grad_(), torch.tensor(0.7, requires_grad=True)
        weight, bias = torch.rand(2, 5).requires_grad_().unbind(0)
        given = {"weight": weight, "bias": bias, "eps": 1e-5, "channel": channel, "step": step}
        running = Running(mean=torch.zeros(5), var=torch.ones(5), tracked=torch.tensor(0), momentum=0.1)
        for steps in (4, 12):
            n = normed_lif(x, counts, steps, **given, running=running)
            torch.autograd.grad(n.sum(), (x, weight, bias, step))
        normed_lif(x, counts, 4, **given, mean=running.mean, var=running.var)
        torch.autograd.grad(neurons_of(x, counts, 4, step=step).sum(), (x, step))


def sampling() -> None:
    """Real values and counts: locations outside, on the border and without a number are in every case."""
    for case in (Case(channels=24, levels=2, points=3), Case(channels=40, levels=2, points=3, planes=3, signed=True)):
        leaves = [t.requires_grad_() for t in case.inputs()]
        run = partial(deform_sample_counts, most=case.most, signed=case.signed) if case.planes else deform_sample_kernel
        torch.autograd.grad(run(*leaves, case.sizes).sum(), leaves)
        if case.planes:
            for unary in (False, True):
                deform_additions(*leaves, case.sizes, most=case.most, signed=case.signed, unary=unary)


def healthy() -> None:
    neurons()
    normed_neurons()
    sampling()


def planted() -> None:
    """What a mistake in the host's arithmetic would do: 300 neurons in memory, and the launch says 301."""
    x, spikes = torch.randn(1, 300), torch.empty(1, 300)
    form = Form(device="cpu", dtype=torch.float32, steps=1, cut=Cut(0, 1, 301, 1))
    args = (x, None, None, None, None, None, None, spikes, None, 301, 1, 301, 1, *Dynamics().numbers)
    launch(form.build(Dynamics()), "lif_forward", (2, 1, 1), 1, args, x.device)


if __name__ == "__main__":
    {"healthy": healthy, "planted": planted}[sys.argv[1]]()
    print("done")
