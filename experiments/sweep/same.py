"""Whether a run's ``config.yaml`` is that of its point; asked for every point before the first one starts."""

from __future__ import annotations

from experiments.continuation import first_change
from experiments.errors import UserError
from experiments.sweep.point import Point


def check_settings(point: Point) -> None:
    """Settings that cannot be, or a run that was made with others, are a ``UserError``."""
    # Slow to load, and not needed by a process that only runs a point.
    from experiments.cli.command import stated
    from experiments.config_file import load

    now = stated((*point.arguments, "--run", str(point.run)))
    if not point.started:
        return
    path = point.run / "config.yaml"
    change = first_change(load(path.read_text(), str(path)), now)
    if change is not None:
        raise UserError(
            f"--{change.key} of '{point.title}' is {change.now!r}, but its run '{point.run}' was made with "
            f"{change.before!r}, expected the same settings, or another folder"
        )
