"""``--mode convert``: ANN run -> spiking run.

Calibrate, fine-tune (``train.epochs``, may be 0), fold, snap, export; then execute the export from events and compare
it with the quantised ANN bit by bit. What is scored, priced and reported is the deployed network: folded and snapped.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from ann import QANN
from avs.split import Split
from common.files import write_whole
from convert.calibrate import How
from convert.exactness import check
from convert.export import deployed_files
from convert.fidelity import Fidelity, Limits, fidelity
from convert.fold import fold_network
from convert.rate import rate_network
from convert.settled import signed
from convert.snap import snap
from convert.widths import narrow, widest
from experiments.binding import TRAINED, digests
from experiments.calibration import set_steps
from experiments.data_check import require_data
from experiments.dataset import mask_channels, split
from experiments.device import moved, placed
from experiments.errors import UserError
from experiments.evaluate import score
from experiments.frames import first_frames
from experiments.layer_report import layer_figure, layer_table
from experiments.level_search import fewer_levels
from experiments.modes.convert import CalibrateSettings, ConvertSettings
from experiments.network import DEPLOYED, for_inference, load_run, load_shared, load_started, network, settings_of
from experiments.run_folder import write_json
from experiments.train_mode import Trained, facts, open_run, scores, start, train_network
from experiments.training import processes
from experiments.training.replay import replay
from graph.graph import Graph
from graph.infer import window
from graph.lower import Network, lower, observe, where

CURVE_CLIPS = 40


def narrowed(trained: Network, settings: ConvertSettings) -> Network:
    """Folded, its weights as narrow as they are priced."""
    return narrow(fold_network(trained), settings.exact.weight_bits, settings.exact.bits)


def deploy(trained: Network, settings: ConvertSettings, folder: Path) -> tuple[Network, str]:
    """Fold, narrow and, if it has a dyadic form, snap; export. -> (deployed network, why it was not snapped or "")."""
    deployed, reason = narrowed(trained, settings), ""
    try:
        deployed = snap(deployed, settings.exact.bits)
    except ValueError as error:
        deployed, reason = narrowed(trained, settings), str(error)
    for name, content in deployed_files(deployed).items():
        write_whole(folder / DEPLOYED / name, content)
    return deployed, reason


def exactness(
    deployed: Network, settings: ConvertSettings, folder: Path, reason: str, kept: Fidelity
) -> dict[str, Any]:
    """Whether the event runner's logits are those of the quantised ANN; never claimed for a network off the grid, or
    for one that is no longer what was trained.

    On the CPU always: sums on the grid are exact in any order, but a GPU may convolve by Winograd's method, whose
    thirds are on no grid."""
    if not reason and not settings.exact.frames:
        reason = "exact.frames is 0, so that no frame was executed from events"
    if reason:
        return {"exact": False, "max_abs_difference": None, "why_not_exact": reason}
    reference = lower(deployed.graph, QANN)
    reference.load_state_dict(deployed.state_dict())
    val = split(settings.data, "val")
    frames = first_frames(val, settings.exact.frames, window(deployed.graph))
    run = check(reference, folder / DEPLOYED, frames, settings.seed)
    limits = settings.exact
    reasons = [
        "" if run.exact else "the event runner does not compute the logits of the quantised ANN",
        kept.broken(Limits(folded=limits.folded, lost=limits.lost)),
    ]
    why = "; ".join(filter(None, reasons))
    return {
        "exact": not why,
        "max_abs_difference": run.max_abs_difference,
        "event_runner": asdict(run),
        **_settled(reference, settings, folder),
        **({"why_not_exact": why} if why else {}),
    }


def _settled(reference: Network, settings: ConvertSettings, folder: Path) -> dict[str, Any]:
    if not settings.exact.settle:
        return {}
    frames = first_frames(split(settings.data, "val"), settings.exact.settle, window(reference.graph))
    return {"settled": asdict(signed(reference, folder / DEPLOYED, frames, settings.neuron.levels))}


def curve(ann: Graph, spiking: Network, settings: ConvertSettings, clips: Split) -> list[dict[str, float]]:
    """Plain IF neurons over T steps, without further training: mIoU against T on the first test clips."""
    part = clips.subset(torch.arange(min(CURVE_CLIPS, len(clips))))
    found: list[dict[str, float]] = []
    for steps in settings.curve:
        module = rate_network(ann, spiking, steps, norm=settings.spikes.norm, signed=settings.spikes.signed)
        placed(module, where(spiking))
        found.append({"steps": steps, "miou": score(module, part).miou, "clips": len(part)})
    return found


def _require_spiking(name: str) -> None:
    if settings_of(name).mode == "ann":
        raise UserError(
            f"--init '{name}' is a run of mode 'ann', expected a spiking one, whose steps are trained on from"
        )


def _calibrate(ann: Network, spiking: Network, frames: dict[str, torch.Tensor], settings: CalibrateSettings) -> None:
    def mask(network: Network) -> torch.Tensor:
        return observe(network, frames, lambda *seen: None)["mask"]

    how = How(channels=settings.channels, statistics=settings.statistics)
    best = set_steps(ann, spiking, frames, settings.percentile, how, mask)
    if not settings.percentile:
        print(f"calibrate.percentile 0: {best:g} brings the masks nearest to the ANN's")


def convert(settings: ConvertSettings) -> None:
    if settings.replay:
        print(replay(settings))
        return
    source = load_run(settings.source)
    if source.settings.mode != "ann":
        raise UserError(f"--from '{settings.source}' is a run of mode '{source.settings.mode}', expected 'ann'")
    if source.settings.model != settings.model:
        raise UserError(
            f"--from '{settings.source}' is '{source.settings.model.name}' of spec '{source.settings.model.spec}', "
            f"expected the settings' '{settings.model.name}' of spec '{settings.model.spec}'"
        )
    require_data(settings.data)
    spiking = network(settings, mask_channels(settings.data), settings.seed)
    if settings.init:
        _require_spiking(settings.init)
        load_started(spiking, settings.init)
    fabric = start(settings, spiking)
    folder, device = open_run(settings), fabric.device
    test = split(settings.data, "test")
    if not settings.init:
        load_shared(spiking, source.module.state_dict(), settings.source)
        some = first_frames(split(settings.data, "train"), settings.calibrate.frames, window(spiking.graph))
        frames = moved(some, device)
        _calibrate(placed(source.module, device), placed(spiking, device), frames, settings.calibrate)
    direct = score(placed(for_inference(spiking), device), test).miou
    trained = train_network(settings, folder, spiking, fabric, f"convert {folder.name}")
    # What follows is a small part of the work, and one process does it.
    if processes.leave():
        more: dict[str, Any] = {"miou_direct": direct}
        if settings.search.loss:
            trained, more["search"] = fewer_levels(settings, trained, folder)
        _report(settings, folder, source.module, trained, more)


def _report(
    settings: ConvertSettings,
    folder: Path,
    ann: Network,
    training: Trained,
    direct: dict[str, Any],
) -> None:
    spiking, test = training.network, split(settings.data, "test")
    device = where(spiking)
    trained = for_inference(spiking)
    deployed, reason = deploy(trained, settings, folder)
    stages = [trained, fold_network(trained), narrowed(trained, settings), deployed]
    for stage in stages:
        placed(stage, device)
    frames = moved(first_frames(split(settings.data, "val"), settings.calibrate.frames, window(spiking.graph)), device)
    layers = layer_table(placed(for_inference(ann), device), trained, frames)
    write_whole(folder / "layers.csv", layers.to_csv(index=False, float_format="%.6f", lineterminator="\n"))
    write_whole(folder / "layers.png", layer_figure(layers))
    scored, as_trained = scores(settings, deployed), score(trained, test).miou
    kept = fidelity(stages, frames, lost=as_trained - scored["miou"])
    rates = curve(ann.graph.pruned(["mask"]), trained, settings, test)
    metrics = {
        **facts(settings, spiking, training),
        **scored,
        **direct,
        "miou_trained": as_trained,
        "weight_bits": widest(deployed),
        "kept": asdict(kept),
        **exactness(placed(deployed, torch.device("cpu")), settings, folder, reason, kept),
        "curve": rates,
        "files": digests(folder, (*TRAINED, *(f"{DEPLOYED}/{name}" for name in TRAINED))),
    }
    write_json(folder / "metrics.json", metrics)
    print(summary(folder, metrics))


def summary(folder: Path, metrics: dict[str, Any]) -> str:
    """What the run is told to be in the end."""
    word, kept = "exact" if metrics["exact"] else f"not exact: {metrics['why_not_exact']}", metrics["kept"]
    return (
        f"{folder}: mIoU {metrics['miou']:.4f} deployed with weights of {metrics['weight_bits']} bits ({word}), "
        f"{metrics['miou_trained']:.4f} as trained, {kept['lost']:+.4f} lost\n"
        f"  equal counts: {kept['folded']:.6f} trained against folded, {kept['narrowed']:.6f} with narrow weights, "
        f"{kept['grid']:.6f} on the grid"
    )
