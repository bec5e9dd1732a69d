"""``state.pt``: all that a killed run needs to end as if it had not been killed. Loaded with ``weights_only=True``.

Optimizer state is keyed by parameter name, so it survives a change of parameter order. The data order is a function of
seed and step, so of the random state only torch's own generator and the loss's are kept.
"""

from __future__ import annotations

from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import nn

from common.files import whole_file
from experiments.errors import UserError

STATE = "state.pt"


def named_state(optimizer: torch.optim.Optimizer, names: dict[int, str]) -> dict[str, Any]:
    return {names[id(p)]: s for p, s in optimizer.state.items()}


def restore_named(optimizer: torch.optim.Optimizer, names: dict[int, str], state: dict[str, Any]) -> None:
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            saved = state.get(names[id(parameter)])
            if saved is not None:
                optimizer.state[parameter] = {k: _beside(parameter, v) for k, v in saved.items()}


def _beside(parameter: nn.Parameter, value: Any) -> Any:
    """State lies where its parameter does. The count of steps too: a fused optimizer wants it there."""
    return value.to(parameter.device) if isinstance(value, torch.Tensor) else value


def parameter_names(*modules: nn.Module) -> dict[int, str]:
    """id -> name over several modules; the position of the module keeps equal names apart."""
    return {id(p): f"{i}.{n}" for i, m in enumerate(modules) for n, p in m.named_parameters()}


def save(folder: Path, state: dict[str, Any]) -> None:
    with whole_file(folder / STATE) as file:
        torch.save(state, file)


def load(folder: Path) -> dict[str, Any] | None:
    """None if the run was killed before its first checkpoint: it then starts again from step 0."""
    path = folder / STATE
    if not path.exists():
        return None
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, ValueError, UnpicklingError) as error:
        raise UserError(f"{path} cannot be read as a checkpoint; delete it to start the run again") from error
