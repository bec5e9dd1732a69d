"""The parts of the benchmark: what is compared, what is timed, what is written, what is refused on the command line."""

import sys

import pytest
import torch

from tools.bench import timing
from tools.bench.command import OPS, main, options_of
from tools.bench.lif_peers import imported_from
from tools.bench.parity import Tolerance, Work, disagreement
from tools.bench.rows import COLUMNS, Row, read, table, write

EXACT = Tolerance(gradient=1e-5)


def square(x):
    return x * x


def work_on(values):
    return Work(inputs={"x": torch.tensor(values, requires_grad=True)}, grad=torch.ones(len(values)))


def test_the_same_function_agrees_with_itself():
    work = work_on([1.0, -2.0, 3.0])
    assert disagreement(work.outcome(square), work.outcome(lambda x: x**2), EXACT) is None


def test_what_is_off_is_named():
    work = work_on([1.0, -2.0, 3.0])
    right = work.outcome(square)
    nudged = work.outcome(lambda x: x * x + torch.tensor([0.0, 1e-6, 0.0]))
    assert disagreement(nudged, right, EXACT) == "the output differs in 1 of 3 elements"
    assert disagreement(nudged, right, Tolerance(output=1e-5)) is None
    other_slope = work.outcome(lambda x: (x * x).detach() + (x - x.detach()))
    assert "the gradient of x is off by 8.3e-01" in disagreement(other_slope, right, EXACT)
    wide = work.outcome(lambda x: (x * x).double().float().half())
    assert "torch.float16" in disagreement(wide, right, EXACT)


def test_a_number_that_is_none_is_off():
    work = work_on([1.0, 2.0])
    right = work.outcome(square)
    broken = right | {"the gradient of x": torch.tensor([torch.nan, 4.0])}
    assert "off by nan" in disagreement(broken, right, EXACT)
    also = right | {"the output": broken["the gradient of x"]}
    assert "off by nan" in disagreement(also, right, Tolerance(output=1.0))


def test_forward_keeps_nothing_for_a_backward_pass():
    work = work_on([1.0, 2.0])
    assert not work.forward(square).requires_grad
    assert work.both(square)[0].requires_grad


def test_actions_are_timed_in_turns(monkeypatch):
    monkeypatch.setattr(timing, "SAMPLE_MS", 0.0)  # a sample is one call
    called = []
    found = timing.interleaved("cpu", [lambda: called.append("a"), lambda: called.append("b")], 3)
    assert "".join(called) == "aabb" + "ab" + "ababab"
    assert [len(times.samples) for times in found] == [3, 3]


def test_a_sample_is_as_many_calls_as_fill_its_time(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])

    def action():
        now[0] += 0.003

    (times,) = timing.interleaved("cpu", [action], 5)
    assert now[0] == pytest.approx(0.003 * (timing.WARM_UP + 1 + 5 * 7))  # seven calls of 3 ms fill 20 ms
    assert times.samples == pytest.approx([3.0] * 5)


def test_a_file_is_read_as_it_was_written(tmp_path):
    timed = Row(op="lif", case="T=4, N=8", device="cpu", dtype="float32", peer="norse", ours_ms=1.23456789, ratio=3.0)
    refused = Row(op="lif", case="x", device="cpu", dtype="float32", peer="eager", status="differs", note="a, b")
    path = tmp_path / "new" / "bench.csv"
    write(path, [timed, refused], {"commit": "abc", "versions": "torch 1, norse 2"})
    stamp, rows = read(path)
    assert stamp == {"commit": "abc", "versions": "torch 1, norse 2"}
    assert (rows[0]["ours_ms"], rows[0]["ratio"], rows[0]["gbps"], rows[0]["status"]) == ("1.2346", "3", "", "ok")
    assert (rows[1]["ours_ms"], rows[1]["status"], rows[1]["note"]) == ("", "differs", "a, b")
    assert table([timed, refused], "t").row_count == 2


def test_the_first_columns():
    asked = "op, case, device, dtype, peer, ours_ms, peer_ms, ratio, gbps, share_of_copy"
    assert ", ".join(COLUMNS[:10]) == asked


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("lfi", "the first word is 'lfi', expected one of lif, deform, full, model; nearest: 'lif'"),
        ("lif --device gpu", "--device is 'gpu', expected one of cpu, cuda"),
        ("lif --dtype float23", "nearest: 'float32'"),
        ("lif --neurons many", "found 'many', expected a whole number"),
        ("lif --repeats 0", "found '0', expected a whole number of at least 1"),
        ("lif --repeat 3", "an option is '--repeat', expected one of"),
        ("deform --steps 4", "--steps was given to 'deform', expected it for lif only"),
        ("lif --threads 1 2", "--threads has 2 values, expected one for 'lif'"),
        ("lif --only nothing-like-it", "--only is 'nothing-like-it', which is in no row of 'lif'"),
    ],
)
def test_bad_words_are_one_sentence(words, sentence, capsys):
    assert main(words.split()) == 2
    told = capsys.readouterr().err.strip()
    assert sentence in told and "\n" not in told


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_without_a_device(capsys):
    assert main(["lif", "--device", "cuda"]) == 2
    assert "torch sees no CUDA device" in capsys.readouterr().err


def test_words_replace_the_defaults():
    words = "lif --steps 2 --neurons 1e3 50 --dtype bfloat16 --threads 1"
    name, options, path = options_of(words.split())
    assert (name, path.name) == ("lif", "bench_lif_cpu.csv")
    assert (options.steps, options.neurons, options.dtypes) == ((2,), (1000, 50), (torch.bfloat16,))
    assert options.repeats == OPS["lif"].defaults["cpu"].repeats


def test_a_package_beside_one_of_the_same_name(tmp_path, monkeypatch):
    for folder in ("old", "new"):
        inner = tmp_path / folder / "some_peer"
        inner.mkdir(parents=True)
        (inner / "__init__.py").write_text("")
        (inner / "neuron.py").write_text(f"version = '{folder}'")
    monkeypatch.syspath_prepend(str(tmp_path / "new"))
    import some_peer.neuron as installed

    before = list(sys.path)
    assert imported_from(str(tmp_path / "old"), "some_peer.neuron").version == "old"
    assert sys.modules["some_peer.neuron"] is installed and installed.version == "new"
    assert sys.path == before
