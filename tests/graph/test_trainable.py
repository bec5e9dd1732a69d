"""What trains, counted on the graph, is what a lowered module holds outside the frozen prefixes."""

import pytest

from ann import ANN
from graph.lower import lower
from graph.models import FAMILIES, build
from graph.trainable import Trained, by_part, is_frozen, trained


def test_prefixes_are_whole_parts():
    assert is_frozen("audio.features.0", ("audio",)) and is_frozen("audio", ("backbone", "audio"))
    assert not is_frozen("audio_proj", ("audio",)) and not is_frozen("head.audio.x", ("audio",))
    assert not is_frozen("audio.features.0", ())


@pytest.mark.parametrize("family", FAMILIES)
def test_the_count_is_torchs(family):
    graph, frozen = build(family, "tiny").pruned(), ("backbone",)
    found = trained(graph, frozen)
    held = {name: p.numel() for name, p in lower(graph, ANN).named_parameters()}
    still = sum(count for name, count in held.items() if name.startswith("backbone."))
    assert found == Trained(trainable=sum(held.values()) - still, frozen=still) and still > 0
    assert found.total == graph.parameters() == sum(by_part(graph).values())


def test_a_prefix_that_freezes_nothing_is_an_error():
    with pytest.raises(ValueError, match=r"'backbon'.*'etavs'.*nearest: 'backbone'"):
        trained(build("etavs", "tiny"), ("backbon",))
