"""Layers remember where it pays: the choice is never worse than all or none, and sites follow their readers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from energy.account import account
from energy.columns import Counts
from energy.costs import spiking_machine, total_pj
from energy.hardware import profile
from energy.memory import MODELS
from energy.stream import stream_account
from energy.stream.choice import Parts, Three, applied, choose, picked
from energy.stream.opponents import delta_qann, delta_qann_events
from tests.energy.test_stream_account import film_of, residual
from tests.events.test_runner import deployed
from tests.events.test_stream import attention


@pytest.fixture(scope="module", params=["attention", "residual"])
def three(request):
    graph = attention(4, True) if request.param == "attention" else residual(4)
    folded, _ = deployed(graph, None, 3)
    film = film_of(folded.graph, ["few", "same", "few", "many"], 2)
    streams = [stream_account(folded, [[film]], framewise=forgets) for forgets in (False, True)]
    return folded.graph, Three(frame=account(folded, [film]), stream=streams[0], forgets=streams[1])


@pytest.mark.parametrize("memory", ["", *MODELS])
def test_the_choice_is_no_worse_than_all_or_none(three, memory):
    graph, of = three
    where = spiking_machine(of.stream, profile("int8_45nm"), memory)
    found = choose(graph, of, where)
    cost = {
        name: float(total_pj(applied(graph, of, layers), where).mean())
        for name, layers in {"chosen": found, "none": Parts(graph).layers, "all": ()}.items()
    }
    assert cost["chosen"] <= min(cost["none"], cost["all"]) + 1e-9
    assert cost["none"] == pytest.approx(float(total_pj(of.frame, where).mean())), "nobody remembers: the frame's cost"
    assert cost["all"] == pytest.approx(float(total_pj(of.stream, where).mean()))


def test_it_differs_by_machine(three):
    graph, of = three
    by = {m: set(choose(graph, of, spiking_machine(of.stream, profile("int8_45nm"), m))) for m in ("", *MODELS)}
    assert by["event_core_1MB"] <= by["perfect_reuse"], "events that read weights save more than a machine that reuses"
    assert len(by["perfect_reuse"]) > len(by["event_core_1MB"])


def test_a_site_sends_changes_as_long_as_somebody_remembers(three):
    graph, _ = three
    parts = Parts(graph)
    for site, readers in parts.before.items():
        if not readers:
            continue
        everybody = set(parts.layers)
        assert picked(parts, everybody, site) == "frame", "nobody behind it remembers"
        assert picked(parts, everybody - readers, site) in ("forgets", "stream")
        behind = parts.behind[site]
        if behind and not behind & readers:
            assert picked(parts, behind, site) == "forgets", "it looks at everything, and sends changes"


def test_the_delta_quantised_ann_does_the_same_changes_as_numbers(three):
    _, of = three
    for row in of.stream.rows:
        events, array = delta_qann_events(row), delta_qann(row)
        if row.spiking:
            assert np.sum(events.counts.imac) == np.sum(np.add(row.counts.imac, row.counts.decoded_macs))
            assert not np.any(events.counts.ac_w) and not np.any(events.counts.ac_int)
            assert np.sum(array.counts.cmp) == np.sum(np.add(row.counts.cmp, row.counts.skip_tests))
            assert events.message_bits == row.message_bits + row.count_bits
        elif row.counts.sum("neuron_updates"):
            assert np.sum(events.counts.mul) == row.counts.sum("neuron_updates")
            assert np.array_equal(events.counts.state_B, row.counts.state_B), "it keeps its last values too"
        else:
            assert events == row


def test_what_is_kept_is_paid_once_or_with_every_operation(three):
    """On an array the sums that a change touches are moved once; on an event core each operation does it already."""
    _, of = three
    row = next(r for r in of.stream.rows if r.spiking and np.sum(r.counts.kept_B))
    without = Counts(**{n: getattr(row.counts, n) for n in vars(row.counts) if n != "kept_B"})
    once = {"perfect_reuse": True, "stationary_array": True, "event_core_8kB": False, "cacheless": False}
    for name, moves in once.items():
        pair = [MODELS[name].charge(r, 1.0, by_events=True).state_B for r in (row, replace(row, counts=without))]
        assert (np.sum(pair[0]) > np.sum(pair[1])) == moves, name
