"""``--mode export``: files that others execute, judged before they are written; what cannot be is one sentence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from experiments import cli
from experiments.dataset import split
from experiments.exporting import TARGETS, onnx_file, qonnx_file
from experiments.network import load_run
from experiments.run_folder import read_json

# Torch alone, in a folder where nothing of this project is.
STRANGER = """
import sys, numpy, torch
program, inputs, out = sys.argv[1:]
given = numpy.load(inputs)
mask = torch.export.load(program).module()(torch.from_numpy(given["image"]), torch.from_numpy(given["logmel"]))
numpy.save(out, mask.detach().numpy())
ours = {"graph", "layers", "kernels", "experiments", "convert"} & {name.split(".")[0] for name in sys.modules}
assert not ours, ours
"""


def export(*words: str) -> int:
    return cli.main(["--mode", "export", *words])


def clip(run):
    clips = split(run.settings.data, "val")
    return clips.frame_batch(torch.zeros(5, dtype=torch.long), torch.arange(5))


@pytest.mark.parametrize("name", ["ann_run", pytest.param("converted_run", marks=pytest.mark.slow)])
def test_torch_in_a_process_that_does_not_know_us(name, request, tmp_path, capsys):
    folder: Path = request.getfixturevalue(name)
    program = tmp_path / "mask.pt2"
    assert export("--run", str(folder), "--to", "torch", "--out", str(program)) == 0
    assert "any number of frames" in capsys.readouterr().out
    run = load_run(str(folder))
    batch = clip(run)
    given = {key: batch[key][:3].numpy() for key in ("image", "logmel")}
    np.savez(tmp_path / "in.npz", **given)
    words = [sys.executable, "-P", "-W", "ignore", "-c", STRANGER]
    files = [str(path) for path in (program, tmp_path / "in.npz", tmp_path / "out.npy")]
    subprocess.run([*words, *files], cwd=tmp_path, check=True)
    with torch.no_grad():
        wanted = run.deployed(**{key: torch.from_numpy(x) for key, x in given.items()})["mask"].numpy()
    found = np.load(tmp_path / "out.npy")
    assert np.array_equal(found, wanted) or name == "ann_run"
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_onnx_and_its_report(converted_run, capsys):
    assert export("--run", str(converted_run)) == 0
    assert "equal bit for bit" in capsys.readouterr().out
    report = read_json(converted_run / "export.json")["onnx"]
    content = (converted_run / report["file"]).read_bytes()
    assert report["same_bits"] and report["bytes"] == len(content)
    run = load_run(str(converted_run))
    batch = clip(run)
    with torch.no_grad():
        wanted = run.deployed(image=batch["image"][1:3], logmel=batch["logmel"][1:3])["mask"].numpy()
    given = {key: batch[key][1:3].numpy() for key in ("image", "logmel")}
    assert np.array_equal(onnx_file.run_onnx(content, given), wanted)


def test_qonnx_and_its_report(converted_run, tmp_path, capsys):
    out = tmp_path / "net.onnx"
    assert export("--run", str(converted_run), "--to", "qonnx", "--frames", "2", "--out", str(out)) == 0
    said = capsys.readouterr().out
    assert "MultiThreshold; logits of 4 frames under qonnx equal bit for bit; " in said and out.is_file()
    report = read_json(tmp_path / "export.json")["qonnx"]
    assert report["file"] == out.name, "what is said of a file lies beside it"
    assert report["macs_a_frame"]["qonnx"] == report["macs_a_frame"]["ours"] > 1e6
    assert (
        "qonnx" not in read_json(converted_run / "export.json") if (converted_run / "export.json").is_file() else True
    )


@pytest.mark.slow
def test_nir_and_its_table(small, tmp_path, capsys):
    """Binary neurons of four steps that are set to a value: most multiplies are in parts that NIR holds."""
    neuron = ("--neuron.kind", "lif", "--neuron.levels", "1", "--neuron.steps", "4", "--neuron.reset", "hard")
    run = small("snn", "hard", *neuron, "--spikes.signed", "false")
    assert export("--run", str(run), "--to", "nir") == 0
    assert "which fire the same spikes when read back" in capsys.readouterr().out
    report = read_json(run / "export.json")["nir"]
    assert (
        report["shares"]["macs"] > 0.5 and report["difference"] < 1e-4 and (run / report["file"]).stat().st_size > 1e5
    )
    assert all((row["part"] is None) == bool(row["reason"]) for row in report["table"])


def test_what_is_not_equal_is_not_written(converted_run, tmp_path, monkeypatch, capsys):
    right = qonnx_file.executed
    monkeypatch.setattr(qonnx_file, "executed", lambda *given: right(*given) + np.float32(2**-12))
    assert export("--run", str(converted_run), "--to", "qonnx", "--frames", "5", "--out", str(tmp_path / "x")) == 2
    assert "qonnx finds other logits, expected ours bit for bit" in capsys.readouterr().err
    values = onnx_file.values_of
    monkeypatch.setattr(onnx_file, "values_of", lambda *given: [np.zeros_like(x) for x in values(*given)])
    assert export("--run", str(converted_run), "--out", str(tmp_path / "x")) == 2
    assert "expected 0.0001 of the counts and 0.0001" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_logits_that_drift_are_judged_site_by_site(converted_run, ann_run, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(onnx_file, "run_onnx", lambda content, given: np.zeros((5, 1, 64, 64), np.float32))
    out = tmp_path / "x.onnx"
    assert export("--run", str(converted_run), "--out", str(out)) == 0
    assert "each site on equal inputs, 0 of " in capsys.readouterr().out and out.is_file()
    report = read_json(tmp_path / "export.json")["onnx"]
    assert report["difference"] > 1e-4 and not report["same_bits"]
    assert report["site_by_site"]["counts"] > 1e5 and report["site_by_site"]["difference"] == 0
    assert export("--run", str(ann_run), "--out", str(tmp_path / "y")) == 2
    assert "of the largest one away from ours, expected 0.0001" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("--to onx", "to is 'onx', expected one of onnx, qonnx, torch, nir; nearest: 'onnx'"),
        ("--to qonnx", "it has no sites, so nothing in it is a threshold, expected a run of mode convert or snn"),
        ("--to nir", "NIR can hold no part of it (its node 'backbone.stage1.0.act1': a real-valued function)"),
        ("--to qonnx --frames 9", "frames is 9, expected a multiple of 1, at most the 5 of a clip"),
        ("--out nowhere/x.onnx", "expected a file in a folder that is there"),
    ],
)
def test_mistakes(words, sentence, ann_run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert export("--run", str(ann_run), *words.split()) == 2
    assert sentence in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_run_that_is_none_and_a_package_that_is_not_there(ann_run, tmp_path, monkeypatch, capsys):
    assert export("--run", str(tmp_path)) == 2
    assert "which has no config.yaml, expected the folder of a run" in capsys.readouterr().err
    monkeypatch.setattr("experiments.exporting.mode.find_spec", lambda name: None)
    for name, target in TARGETS.items():
        if target.packages:
            assert export("--run", str(ann_run), "--to", name) == 2
            assert (
                f"--to {name} needs the package {target.packages[0]}, which is not installed" in capsys.readouterr().err
            )
