"""``--mode predict``: everything is checked first, then one pass over the source, in constant memory."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from experiments.device import device_of, placed
from experiments.errors import UserError
from experiments.modes.predict import PredictSettings
from experiments.network import Run, load_run
from experiments.prediction import outputs
from experiments.prediction.network import Predictor
from experiments.prediction.source import Source, source_of
from experiments.progress import bars


def checked(settings: PredictSettings, source: Source) -> None:
    wanted = {key: getattr(settings, key) for key in ("out", "masks", "table") if getattr(settings, key)}
    if not wanted:
        raise UserError("nothing is to be written, expected --out, --masks or --table; nearest: --out out.mp4")
    ends = ".png" if source.single else ".mp4"
    if settings.out and Path(settings.out).suffix.lower() != ends:
        raise UserError(f"--out is '{settings.out}', expected a name that ends in {ends}")
    read = {str(Path(p).resolve()) for p in (settings.video, settings.image, settings.frames, settings.wav) if p}
    for key, name in wanted.items():
        path = Path(name)
        if str(path.resolve()) in read:
            raise UserError(f"--{key} is '{name}', which is read, expected another name")
        if not path.resolve().parent.is_dir():
            raise UserError(f"--{key} is '{name}', and there is no folder '{path.parent}', expected one")
        if key == "masks" and path.exists():
            raise UserError(f"--masks is '{name}', which is there already, expected a new name")
        if path.is_dir():
            raise UserError(f"--{key} is '{name}', a folder, expected the name of a file")


def spoken(run: Run, source: Source) -> list[str]:
    """What a user should know before looking at the result."""
    said = []
    if not source.has_sound:
        said.append("there is no sound, so the network hears silence")
    if run.settings.data.dataset == "chimes":
        said.append("this network was trained on chimes, drawn shapes with synthetic sounds; it knows no real things")
    return said


def predict(settings: PredictSettings) -> None:
    source = source_of(settings)
    checked(settings, source)
    run = load_run(settings.run)
    network = placed(run.deployed, device_of(settings.device))
    predictor = Predictor(network, settings.stream, trace=settings.trace)
    classes = network.graph.nodes[network.graph.outputs["mask"]].shape[0]
    for line in spoken(run, source):
        print(line)
    with ExitStack() as stack:
        opened: list[outputs.Output] = []
        if settings.out and source.single:
            opened.append(outputs.Picture(Path(settings.out), settings.strength))
        elif settings.out:
            opened.append(stack.enter_context(outputs.film(Path(settings.out), source, settings.strength)))
        if settings.masks:
            opened.append(stack.enter_context(outputs.masks(Path(settings.masks), classes)))
        if settings.table:
            opened.append(stack.enter_context(outputs.table(Path(settings.table))))
        frames = written(predictor, source, opened)
        if not frames:
            raise UserError(f"{settings.video} has 0 frames, expected at least one")
    names = ", ".join(name for name in (settings.out, settings.masks, settings.table) if name)
    print(f"{frames} frames: {names}")


def written(predictor: Predictor, source: Source, opened: list[outputs.Output]) -> int:
    number = 0
    with bars() as progress:
        task = progress.add_task("mark what sounds", total=source.count or None, note="")
        for marked in predictor.over(source.frames()):
            for output in opened:
                output.add(marked)
            number += 1
            progress.advance(task)
        progress.update(task, total=number, completed=number)
    return number
