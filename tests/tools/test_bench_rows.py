"""The benchmark's rows: peers are the function that they stand for, and a wrong kernel gets no speed."""

import warnings
from functools import partial

import pytest
import torch

from graph.neuron import Neuron
from snn.neurons import integrate_and_fire
from tools.bench import contest, deform, deform_peers, lif, lif_affine, lif_peers, model, timing
from tools.bench.command import main
from tools.bench.contest import Options
from tools.bench.parity import disagreement
from tools.bench.rows import read

TINY = ["--neurons", "96", "--steps", "4", "--repeats", "1", "--threads", "1"]
FLOAT = torch.float32
SMALL = deform.Size(levels=((6, 5), (3, 3)), batch=2, heads=2, channels=8, points=3)


@pytest.fixture(autouse=True)
def short_samples(monkeypatch):
    monkeypatch.setattr(timing, "SAMPLE_MS", 0.1)


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """Runs a command; -> exit code, stamp, rows."""
    monkeypatch.setattr(lif_affine, "CHANNELS", 3)
    monkeypatch.setattr(lif_affine, "SIDE", 4)
    monkeypatch.setattr(deform, "SIZES", (SMALL,))
    monkeypatch.setattr(model, "FRAMES", 1)

    def run(*words):
        path = tmp_path / "rows.csv"
        code = main([*words, "--out", str(path)])
        return code, *read(path)

    return run


@pytest.mark.parametrize("reset", lif.RESETS)
@pytest.mark.parametrize("name", ["spikingjelly 2.0", "snntorch", "norse"])
def test_a_peer_is_our_function(name, reset):
    peer = lif_peers.PEERS[name]
    if peer.missing("cpu"):
        pytest.skip(peer.missing("cpu"))
    spec = peer.spec(Neuron(kind="lif", levels=1, reset=reset))
    work = lif.work((8, 500), spec, Options(), FLOAT)
    expected = work.outcome(partial(integrate_and_fire, spec=spec))
    assert 0.05 < float(expected["the output"].mean()) < 0.9
    tolerance = contest.Tolerance(gradient=1e-5)
    assert disagreement(work.outcome(peer.make(spec)), expected, tolerance) is None
    assert disagreement(work.outcome(lif.ours(spec)), expected, tolerance) is None


@pytest.mark.slow
def test_inductor_is_our_function():
    spec = Neuron(kind="lif", levels=1, reset="hard")
    work = lif.work((4, 500), spec, Options(), FLOAT)
    expected = work.outcome(partial(integrate_and_fire, spec=spec))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = work.outcome(lif_peers.inductor(spec))
    assert disagreement(found, expected, contest.Tolerance(gradient=1e-5)) is None


def test_a_row_says_what_was_measured(bench):
    code, stamp, rows = bench("lif", *TINY, "--only", "hard reset, forward, float32, eager")
    assert code == 0 and [row["case"] for row in rows] == ["T=4, N=96, hard reset, forward"]
    (row,) = rows
    ours, peer = float(row["ours_ms"]), float(row["peer_ms"])
    assert float(row["ratio"]) == pytest.approx(peer / ours, rel=1e-3)
    assert float(row["gbps"]) == pytest.approx(2 * 4 * 96 * 4 / ours * 1e-6, rel=1e-3)
    assert float(row["share_of_copy"]) > 0
    assert float(row["ours_min"]) <= ours <= float(row["ours_max"])
    assert stamp["threads"] == "1" and "torch" in stamp["versions"] and "lif" in stamp["command"]


WRONG = {
    "a spike": lambda x, right: right.roll(1, -1),
    "a gradient": lambda x, right: right + 0.01 * (x - x.detach()),
}


@pytest.mark.parametrize("how", WRONG)
def test_a_wrong_neuron_gets_no_speed(bench, monkeypatch, how):
    right = lif.lif
    monkeypatch.setattr(lif, "lif", lambda x, numbers: WRONG[how](x, right(x, numbers)))
    code, _, rows = bench("lif", *TINY, "--only", "T=4, N=96, hard reset")
    assert code == 1 and rows
    for row in rows:
        assert row["status"] == "parity failed" and row["note"].startswith("the ")
        assert row["ours_ms"] == row["peer_ms"] == row["ratio"] == row["gbps"] == ""


def test_an_end_that_is_no_whole_vector_is_checked_too(bench, monkeypatch):
    """The timed sizes are whole vectors."""
    right = lif.lif

    def wrong(x, numbers):
        out = right(x, numbers)
        return out if x.shape[1] % 2 == 0 else torch.cat([out[:, :-1], 1 - out[:, -1:]], 1)

    monkeypatch.setattr(lif, "lif", wrong)
    code, _, rows = bench("lif", *TINY, "--only", "hard reset, forward, float32, eager")
    assert code == 1 and rows[0]["note"] == f"the output differs in 4 of {4 * lif.ROUGH} elements"


def test_a_peer_that_is_another_function_is_not_timed(bench, monkeypatch):
    wrong = lif_peers.Peer(make=lambda spec: lambda x: lif_peers.eager(spec)(x).roll(1, -1))
    monkeypatch.setitem(lif.PEERS, "eager", wrong)
    code, _, rows = bench("lif", *TINY, "--only", "float32, eager")
    assert code == 0 and {row["status"] for row in rows} == {"differs"}
    assert {row["peer_ms"] for row in rows} == {""}


def test_at_the_threshold_a_peer_may_be_another_function():
    spec = Neuron(kind="lif", levels=1, reset="hard", decay_input=False)
    peer = lif_peers.PEERS["snntorch"]
    if peer.missing("cpu"):
        pytest.skip(peer.missing("cpu"))
    x = torch.ones(1, 3)
    assert integrate_and_fire(x, spec).sum() == 3 and peer.make(spec)(x).sum() == 0


def test_a_peer_that_is_not_installed(bench, monkeypatch):
    monkeypatch.setattr(lif_peers.importlib.util, "find_spec", lambda name: None)
    code, _, rows = bench("lif", *TINY, "--only", "norse")
    assert code == 0 and {row["status"] for row in rows} == {"not installed"}
    assert "pip install" in rows[0]["note"]


def test_the_old_spikingjelly_says_what_it_needs(monkeypatch):
    monkeypatch.delenv(lif_peers.OLD_JELLY, raising=False)
    assert "CUDA" in lif_peers.old_jelly_missing("cpu")
    assert lif_peers.OLD_JELLY in lif_peers.old_jelly_missing("cuda")


def test_the_affine(bench, monkeypatch):
    code, _, rows = bench("lif", *TINY, "--only", "norm, then ours")
    assert code == 0 and {row["status"] for row in rows} == {"ok"} and len(rows) == 4
    right = lif_affine.lif

    def forgets_residual(x, *args, **more):
        side = more.get("residual")
        return right(x, *args, **more if side is None else more | {"residual": side * 0})

    monkeypatch.setattr(lif_affine, "lif", forgets_residual)
    code, _, rows = bench("lif", *TINY, "--only", "norm, then ours")
    assert code == 1
    assert {row["case"].split(",")[0]: row["status"] for row in rows} == {
        "affine": "ok",
        "affine + residual": "parity failed",
    }


@pytest.mark.parametrize("spikes", [False, True])
@pytest.mark.parametrize("name", ["grid_sample", "per channel"])
def test_a_sampling_peer_is_our_function(name, spikes):
    work, place = deform.work(SMALL, spikes, Options(), FLOAT), deform.centres(SMALL, "cpu")
    expected = work.outcome(deform.reference(place, SMALL.levels))
    rival = deform_peers.PEERS[name].make(place, SMALL.levels)
    assert disagreement(work.outcome(rival), expected, deform.TOLERANCE[FLOAT]) is None


def test_sampling(bench, monkeypatch):
    code, _, rows = bench("deform", "--repeats", "1", "--threads", "1", "--only", "grid_sample")
    assert code == 0 and len(rows) == 4 and {row["status"] for row in rows} == {"ok"}
    right = deform.deform_sample_kernel
    monkeypatch.setattr(deform, "deform_sample_kernel", lambda *args: right(*args) * 1.001)
    code, _, rows = bench("deform", "--repeats", "1", "--threads", "1", "--only", "grid_sample")
    assert code == 1 and [row["status"] for row in rows] == ["parity failed"] * 2 + ["ok"] * 2


def test_a_model(bench, monkeypatch):
    words = ["model", "--repeats", "1", "--threads", "1", "--only", "SNN, LIF T=4"]
    code, _, rows = bench(*words)
    assert code == 0 and [(row["status"], row["peer"]) for row in rows] == [("ok", "torch")]
    assert float(rows[0]["ratio"]) > 0
    right = model.step

    def wrong(module, *more):
        found = right(module, *more)
        compiled = any(getattr(m, "devices", ()) for m in module.modules())
        return {name: x * 1.01 if compiled else x for name, x in found.items()}

    monkeypatch.setattr(model, "step", wrong)
    code, _, rows = bench(*words)
    assert code == 1 and rows[0]["status"] == "parity failed" and rows[0]["ours_ms"] == ""


def test_a_woken_network_reaches_its_mask():
    """Otherwise there is nothing to compare."""
    batch = model.batch_of(1, "cpu")
    network = model.lowered(model.FORMS["SNN, LIF T=4"], "torch", "cpu")
    assert not model.step(network, batch)["the output"].any()
    model.wake(network, batch)
    found = model.step(network, batch)
    assert found["the output"].any()
    assert sum(bool(x.any()) for x in found.values()) > 0.6 * len(found)
