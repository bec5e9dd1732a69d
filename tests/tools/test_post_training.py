"""Conversion alone: two halves are the whole, SpikingJelly's half too, and the page says what was measured."""

from __future__ import annotations

import pytest
import torch

from ann import ANN
from graph.lower import lower
from graph.models import build
from graph.ops import Act
from tools.post_training.document import document, figure, table
from tools.post_training.halves import Joined, halves
from tools.post_training.ours import calibrated, counting, real, stepping
from tools.post_training.theirs import Plain, Stepped, refused


@pytest.fixture(scope="module")
def ann():
    torch.manual_seed(0)
    network = lower(build("miavs", "micro").pruned(["mask"]), ANN).eval()
    for name, x in network.state_dict().items():
        if name.endswith("running_var"):
            x.uniform_(0.5, 2)
    return network


@pytest.fixture(scope="module")
def frames(ann):
    return {name: torch.rand(3, *ann.graph[name].shape) for name in ("image", "logmel")}


@pytest.fixture(scope="module")
def parts(ann):
    front, rest = halves(ann.graph, "backbone")
    return real(front, ann), real(rest, ann)


def mask(network, frames):
    with torch.no_grad():
        return network(**frames)["mask"]


def test_two_halves_are_the_whole(ann, parts, frames):
    front, rest = parts
    assert not set(front.graph.nodes) & {n for n in rest.graph.nodes if n.startswith("backbone.")}
    assert torch.equal(mask(Joined(front, rest), frames), mask(ann, frames))


def test_the_plain_half_is_ours_without_a_ceiling(ann, parts, frames):
    front, _ = parts
    small = {"image": 0.01 * frames["image"]}
    ceilings = [node.op.ceiling for node in front.graph.nodes.values() if isinstance(node.op, Act)]
    assert ceilings and min(ceilings) > 0
    with torch.no_grad():
        for name, x in Plain(front)(**small).items():
            assert x.max() < min(ceilings), "or the test shows nothing"
            torch.testing.assert_close(x, front(**small)[name])


@pytest.mark.parametrize("channels", [False, True])
def test_their_half_comes_near_with_more_steps(ann, parts, frames, channels):
    front, rest = parts
    plain = Plain(front)
    wanted = mask(Joined(plain, rest), frames)
    few, many = (
        (mask(Joined(Stepped(plain, frames["image"], steps, channels=channels), rest), frames) - wanted).norm()
        for steps in (1, 32)
    )
    assert many < 0.5 * few


def test_so_does_ours(ann, parts, frames):
    front, rest = parts
    wanted = mask(ann, frames)

    def error(steps: int) -> torch.Tensor:
        stepped = stepping(front, steps, residual="spike")
        whole = calibrated(front, stepped, frames, lambda half: Joined(half, rest), 0.0, channels=False)
        return (mask(whole, frames) - wanted).norm()

    assert error(32) < 0.5 * error(1)
    counts = [calibrated(ann, counting(ann, d), frames, lambda whole: whole, 0.99, channels=False) for d in (1, 16)]
    errors = [(mask(network, frames) - wanted).norm() for network in counts]
    assert errors[1] < 0.5 * errors[0]


def test_what_they_have_no_rule_for(ann):
    left = refused(ann.graph)
    assert {"MatMul", "Score", "Gate", "DeformSample", "Norm"} <= set(left) and not {"Conv", "Act", "View"} & set(left)


def seed(ann, last):
    points = {1: 0.1, 32: last}
    return {
        "ann": ann,
        "plain": 0.7,
        "counts": {"best": points},
        "rates": {"best": points},
        "backbones": {"us": points},
    }


def test_the_page_says_the_most_that_any_seed_lost():
    seeds = [seed(0.75, 0.74), seed(0.75, 0.70)]
    assert table(seeds, "rates", "T")[-1] == "| best | 0.100 ± 0.000 | 0.720 ± 0.028 | +0.050 |"
    page = document(seeds, {"MatMul": 2}, 40, "python -m x")
    assert "2 seeds" in page and "2 MatMul" in page and "most lost at D = 32" in page
    assert figure(seeds).startswith(b"\x89PNG")
