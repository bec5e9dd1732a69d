"""AVSegFormer and MI-AVS have the sizes and costs that their official code has, read off the graph alone."""

from __future__ import annotations

import pytest

from graph.models import build, spec_of
from graph.passes import cost, lint, released
from graph.trainable import by_part

MILLION = 10**6


def conv(cin: int, cout: int, kernel: int, *, bias: bool = True) -> int:
    return cin * cout * kernel**2 + cout * bias


# What official checkpoints hold and no forward pass reads: a pyramid and a head of masks that were to be auxiliary.
PYRAMID = 3 * conv(256, 256, 3)
ATTENTION_MASK = conv(256, 128, 3) + conv(128, 32, 3) + conv(32, 1, 1, bias=False)
DEAD = PYRAMID + ATTENTION_MASK
SIZES = [("avsegformer", "pvt_v2_b5", 186.05), ("avsegformer", "resnet50", 150.90), ("miavs", "pvt_v2_b5", 185.93)]


def test_dead_weights_are_as_large_as_reported():
    assert pytest.approx(1.77, abs=0.005) == PYRAMID / MILLION
    assert pytest.approx(0.33, abs=0.005) == ATTENTION_MASK / MILLION


@pytest.mark.parametrize(("family", "backbone", "published"), SIZES)
def test_parameters(family, backbone, published):
    """A ResNet of the official code holds its third and fourth stage twice, and runs one branch."""
    graph = build(family, spec_of(family, "full", backbone=backbone))
    stages = by_part(graph, depth=2)
    second = sum(stages[f"backbone.layer{n}"] for n in (3, 4)) if backbone == "resnet50" else 0
    assert (graph.parameters() + DEAD + second) / MILLION == pytest.approx(published, abs=0.01)


def test_parameters_of_the_parts():
    parts = by_part(build("avsegformer", "full"))
    found = [parts[name] / MILLION for name in ("backbone", "audio", "audio_proj")]
    assert found == pytest.approx([81.44, 72.14, 0.03], abs=0.01)
    assert (parts["head"] + DEAD) / MILLION == pytest.approx(32.44, abs=0.01)


@pytest.mark.parametrize(
    ("family", "spec", "backbone", "image", "published"),
    [
        ("avsegformer", "full", "pvt_v2_b5", 224, 49.19),
        ("avsegformer", "full", "resnet50", 224, 41.84),
        ("avsegformer", "full", "pvt_v2_b5", 512, 241.24),
        ("miavs", "released", "pvt_v2_b5", 224, 49.01),
    ],
)
def test_macs_of_a_frame(family, spec, backbone, image, published):
    graph = build(family, spec_of(family, spec, backbone=backbone, image=image))
    assert cost(graph).macs / 1e9 == pytest.approx(published, rel=0.005)


def test_deformable_sampling_is_counted_apart():
    """Per layer: 1029 tokens x 3 levels x 4 points x 4 taps x 256 channels, in 6 layers."""
    found = cost(build("avsegformer", "full"))
    tokens = 28**2 + 14**2 + 7**2
    assert found.sampling == 6 * tokens * 3 * 4 * 4 * 256
    assert found.sampling / 1e9 == pytest.approx(0.076, abs=0.0005)


@pytest.mark.parametrize(("image", "macs", "fed", "share"), [(224, 49.01, 24.28, 0.495), (512, 239.54, 117.24, 0.489)])
def test_half_of_the_published_spiking_network_is_real(image, macs, fed, share):
    """The paper's saving of 80.4 % would need spikes at every product."""
    found = lint(released(build("miavs", spec_of("miavs", "released", image=image))))
    assert found.spike_fed_macs / found.macs == pytest.approx(share, abs=0.01)
    assert [found.macs / 1e9, found.spike_fed_macs / 1e9] == pytest.approx([macs, fed], rel=0.01)
