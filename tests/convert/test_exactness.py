"""The whole tiny network from events: bit-equal to the snapped quantised ANN, with controls that can fail."""

from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from convert.exactness import check
from convert.export import ARRAYS, GRAPH, read
from events import EventRunner
from graph.infer import infer
from graph.ops import Firing
from graph.serial import same


def frames(batch, n):
    return {k: v[:n] for k, v in batch.items()}


def test_exact(snapped, deploy, batch):
    found = check(snapped, deploy(snapped), batch)
    assert found.exact and found.max_abs_difference == 0.0 and found.frames == 2
    assert found.deletion_changes and found.permutation_keeps and 0 < found.headroom < 1
    assert len(found.adds) == 2 and min(found.adds) > 100_000 and found.seconds_per_frame > 0


def test_a_wrong_weight_is_seen(snapped, deploy, batch):
    folder = deploy(snapped)
    arrays = load_file(folder / ARRAYS)
    arrays["head.fc.4.weight"] = arrays["head.fc.4.weight"] + np.float32(2.0**-7)
    save_file(arrays, folder / ARRAYS)
    found = check(snapped, folder, frames(batch, 1))
    assert not found.exact and found.max_abs_difference > 0


def test_a_wrong_threshold_is_seen(snapped, deploy, batch):
    folder = deploy(snapped)
    arrays = load_file(folder / ARRAYS)
    arrays["sites.backbone.stage1.0.act1.upper"] -= 0.5
    save_file(arrays, folder / ARRAYS)
    assert not check(snapped, folder, frames(batch, 1)).exact


def test_a_network_that_ignores_its_events_is_not_exact(snapped, deploy, batch):
    """All zero after the last neurons: equal outputs, but no event matters, so nothing was shown."""
    import copy

    deaf = copy.deepcopy(snapped)
    deaf.get_submodule("head.fc.4").weight.data.zero_()
    found = check(deaf, deploy(deaf), frames(batch, 1))
    assert found.max_abs_difference == 0 and not found.deletion_changes and not found.exact


def test_every_frame_is_compared(snapped, deploy, batch, monkeypatch):
    """One unit in the last place of the second frame's logits is enough."""

    class Slips(EventRunner):
        def run(self, inputs):
            found = super().run(inputs)
            if np.array_equal(inputs["image"], batch["image"][1:2].numpy()):
                found["mask"] = np.nextafter(found["mask"], np.float32(np.inf), dtype=np.float32)
            return found

    monkeypatch.setattr("convert.exactness.EventRunner", Slips)
    found = check(snapped, deploy(snapped), batch)
    assert not found.exact and 0 < found.max_abs_difference < 1e-4
    assert found.permutation_keeps and found.deletion_changes


def test_what_is_deployed_is_what_is_read(snapped, deploy):
    folder = deploy(snapped)
    graph, arrays = read(folder)
    assert same(graph, snapped.graph) and sorted(p.name for p in folder.iterdir()) == [GRAPH, ARRAYS]
    for key, value in snapped.state_dict().items():
        assert np.array_equal(arrays[key], value.numpy())
    constant = next(n for n in graph if n.endswith("reference"))
    assert arrays[constant].shape == graph[constant].shape
    del arrays[constant]
    save_file(arrays, folder / ARRAYS)
    with pytest.raises(ValueError, match=constant):
        read(folder)


def test_every_site_sends_events(snapped, deploy, batch):
    graph, arrays = read(deploy(snapped))
    sent = {}
    runner = EventRunner(graph, arrays, lambda name, e: sent.__setitem__(name, e.address.size) or e)
    runner.run({k: v[:1].numpy() for k, v in batch.items()})
    sites = {
        n for n, v in infer(graph).items() if isinstance(graph[n].op, Firing) and graph[n].op.site is not None and v
    }
    assert set(sent) == sites and sum(n > 0 for n in sent.values()) > 0.9 * len(sites)


def test_every_event_of_a_site_counts_once(snapped, deploy, batch):
    """Twice the events of one site: its readers, and they alone, do twice the adds."""
    graph, arrays = read(deploy(snapped))
    site = "sites.backbone.stage1.0.act1"
    (reader,) = [r for r in graph.consumers()[site] if r == "backbone.stage1.0.conv1"]
    frame = {k: v[:1].numpy() for k, v in batch.items()}

    def doubled(name, e):
        twice = replace(e, address=e.address.repeat(2), step=e.step.repeat(2), sign=e.sign.repeat(2))
        return twice if name == site else e

    once, twice = EventRunner(graph, arrays), EventRunner(graph, arrays, doubled)
    once.run(frame)
    twice.run(frame)
    assert twice.adds[reader] == 2 * once.adds[reader] > 0
