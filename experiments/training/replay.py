"""``--replay FILE``: the step of a run that met a loss that is no number, once more, in one process."""

from __future__ import annotations

from pathlib import Path

import torch

from experiments.dataset import mask_channels
from experiments.device import device_of, moved, placed
from experiments.errors import UserError
from experiments.model import model_spec
from experiments.network import network as new_network
from experiments.settings import RunSettings
from experiments.training import finite
from experiments.training.criterion import Criterion
from experiments.training.freezing import freeze
from experiments.training.teacher import teacher_of


def replay(settings: RunSettings) -> str:
    """-> the loss, each of its parts, and the first place that is not finite."""
    saved = finite.load(Path(settings.replay))
    device = device_of(settings.device)
    network = new_network(settings, mask_channels(settings.data), settings.seed)
    try:
        network.load_state_dict(saved["network"])
    except RuntimeError as error:
        raise UserError(
            f"replay is '{settings.replay}', whose weights do not fit {settings.model.name} of mode {settings.mode}, "
            "expected the settings of its run: give that run's config.yaml as --config"
        ) from error
    teacher = teacher_of(settings, network.graph)
    criterion = Criterion(network, settings, teacher and placed(teacher, device)).to(device)
    generator = torch.Generator()
    freeze(network, (*model_spec(settings.model).frozen, *(("backbone",) if saved["frozen"] else ())))
    random, batch = finite.Random(**saved["random"]), moved(saved["batch"], device)
    random.restore(generator, device)
    place = finite.first_bad(network, batch)
    random.restore(generator, device)
    with torch.no_grad():
        loss, terms = criterion(batch, saved["clip"].to(device), generator)
    parts = ", ".join(f"{name} {float(value):.6g}" for name, value in terms.items())
    where = place or ("the loss, its part " + finite.bad_terms(terms) if not bool(loss.isfinite()) else "nothing")
    return f"step {saved['step']} again: {parts}; first not finite: {where}"
