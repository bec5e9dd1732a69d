"""What `tools.stream_table` found, as a page and as the README's table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from energy.memory import MODELS
from experiments.run_folder import read_json
from tools.results import FOLDER

PLACES = {"compute": "computing alone"} | {name: name for name in MODELS}
STREAM = "stream, layers chosen"
FASTEST = ", 25 fps"
CURVE = "![mIoU against additions](stream/change.png)"
FRAMEWISE, EVENTS = "the zero-skipping quantised ANN", "the quantised ANN as graded events"


def rows_of(kept: Mapping[str, Any]) -> list[str]:
    head = [
        "| film | mIoU | M adds a frame, framewise | as a stream | fewer |",
        "|---|---|---|---|---|",
    ]
    for name, row in kept["rows"].items():
        miou = f"{row['miou']:.3f}" if "miou" in row else "no truth"
        before, after = row["adds_framewise"] / 1e6, row["adds_stream"] / 1e6
        head.append(f"| {name} | {miou} | {before:.2f} | {after:.2f} | {before / after:.2f}x |")
    return head


def energies(row: Mapping[str, Any]) -> list[str]:
    names = list(row["uj"]["compute"])
    lines = [f"| uJ a frame | {' | '.join(names)} |", "|" + "---|" * (len(names) + 1)]
    for place, of in row["uj"].items():
        lines.append(f"| {PLACES[place]} | {' | '.join(f'{of[n]:.2f}' for n in names)} |")
    return lines


def ratios(kept: Mapping[str, Any], name: str) -> list[str]:
    """The stream's energy over that of its framewise opponents, on the same kind of core, and on an array."""
    lines = [
        "| the stream's energy, over that of | the framewise SNN | the framewise QANN on the same kind of core "
        "| the framewise QANN, zero-skipping, on an array | the delta QANN, same changes, same core |",
        "|---|---|---|---|---|",
    ]
    for place, of in kept["rows"][name]["uj"].items():
        against = (of["framewise SNN"], of[EVENTS], of[FRAMEWISE], of["delta QANN as graded events"])
        cells = (shown(of[STREAM] / x) for x in against)
        lines.append(f"| {PLACES[place]} | {' | '.join(cells)} |")
    return lines


def bands(kept: Mapping[str, Any]) -> list[str]:
    """Small changes of the input that are not seen: not exact."""
    lines = [
        "| dead band, grid steps | mIoU | M weight adds a frame, framewise | as a stream | fewer |",
        "|---|---|---|---|---|",
    ]
    for row in kept.get("dead_bands", ()):
        before, after = row["framewise"] / 1e6, row["stream"] / 1e6
        name = "0, exact" if not row["band"] else str(row["band"])
        lines.append(f"| {name} | {row['miou']:.3f} | {before:.2f} | {after:.2f} | {before / after:.2f}x |")
    return [*lines, ""] if "dead_bands" in kept else []


def trained(kept: Mapping[str, Any]) -> list[str]:
    """What `tools.stream_change` found."""
    rows = kept["rows"]
    lines = [
        "| trained on at 25 fps with `train.change_penalty` | mIoU | M weight adds a frame, framewise | as a stream "
        "| than the first frame by frame |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        name = "not at all" if row["weight"] is None else f"{row['weight']:.3g}"
        before, after = row["framewise"] / 1e6, row["stream"] / 1e6
        fewer = rows[0]["framewise"] / row["stream"]
        lines.append(f"| {name} | {row['miou']:.3f} | {before:.2f} | {after:.2f} | {fewer:.2f}x fewer |")
    return [*lines, "", f"From `{kept['command']}`."]


def shown(ratio: float) -> str:
    return f"**{ratio:.2f}**" if ratio > 1 else f"{ratio:.2f}"


def document(kept: Mapping[str, Any], change: Mapping[str, Any] | None) -> str:
    """``change``: what came of training for it, where that was measured."""
    last = next(name for name in kept["rows"] if name.endswith(FASTEST))
    training = [] if change is None else ["## Trained for it", "", *trained(change), "", CURVE, ""]
    parts = [
        "# A network that remembers, against itself frame by frame",
        "",
        f"Written by `{kept['command']}`.",
        "Adds are additions of weights and of counts; prices are `int8_45nm`; a film begins with a whole frame,",
        "which is among its frames. Bold: dearer. The log-mel front end is in all.",
        "",
        *rows_of(kept),
        "",
        f"## {last}",
        "",
        *ratios(kept, last),
        "",
        *bands(kept),
        *training,
        "## Which layers remember",
        "",
        "Chosen on val clips, for each model. These compute every frame whole:",
        "",
        *(
            f"- {PLACES[place]}: {', '.join(f'`{n}`' for n in names) or 'none'}"
            for place, names in kept["framewise_layers"].items()
        ),
        "",
    ]
    for name, row in kept["rows"].items():
        parts += [f"## {name}, {row['frames']} frames", "", *energies(row), ""]
    return "\n".join(parts)


def readme_table() -> str:
    kept = read_json(FOLDER / "stream.json")
    return "\n".join(
        [
            *rows_of(kept),
            "",
            "At 25 frames a second:",
            "",
            *ratios(kept, "chimes, 25 fps"),
            "",
            f"From `{kept['command']}`.",
            "",
            *trained(read_json(FOLDER / "stream_change.json")),
        ]
    )
