"""``python -m tools.audit_released [--rates RUN] [--json F] [--markdown F]``: what can the published spiking MI-AVS
save?

The publication says 80.4 % = 1 - 0.9 / 4.6: every multiplication an addition, once a MAC. Its spikes feed half of its
MACs. Here the whole network (224 px, `spikes.form: released`) is counted, and each named saving is given at three
rates of its neurons:

    rate 0          nothing fires: the most that any training could save
    rate 1          every neuron fires a count of 1: what 80.4 % takes for granted
    rates of RUN    measured; for example of

        python main.py --mode snn --run RUN --model.spec released --data.image 64 --spikes.form released \\
            --data.train 40 --data.val 4 --data.test 30 --train.epochs 2 --train.batch 4 --train.lr 1e-4

A rate moves the columns that follow events, in proportion to MACs (synapses) or to elements (counts, messages); all
else, norms and attention of real numbers included, costs what it costs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from ann import ANN
from avs.audio import front_end_cost
from common.files import write_whole
from convert.fold import fold_network
from energy.account import Account, Row, account
from energy.baselines import BASELINES
from energy.columns import Counts
from energy.savings import savings
from experiments.dataset import real_frames, split
from experiments.errors import UserError
from experiments.network import load_run
from experiments.run_folder import write_json
from graph.graph import Graph
from graph.lower import Network, lower
from graph.models import build, spec_of
from graph.ops import REGISTRY
from graph.passes import lint, released
from snn import SNN
from tools.results import provenance
from tools.sentence import in_a_sentence

PUBLISHED = 1 - 0.9 / 4.6
# What follows the events of a row: in proportion to its dense MACs, or to the elements that it reads.
BY_MACS = ("ac_w", "ac_int", "graded", "shift_add", "nonzero_macs", "decoded_macs")
BY_ELEMENTS = ("events", "nonzeros", "decoded_nonzeros")
BY_NEURONS = ("spike_msgs", "graded_msgs")
Shares = dict[str, float]
RateOf = Callable[[Row], Shares]


@dataclass(frozen=True, kw_only=True)
class Case:
    """``name`` of the rates; ``rates``: row -> column -> its share of MACs, elements or neurons."""

    name: str
    rates: RateOf


def constant(rate: float) -> RateOf:
    """Every neuron fires ``rate`` (0 or 1)."""
    return lambda row: dict.fromkeys((*BY_MACS, *BY_ELEMENTS, *BY_NEURONS), rate)


def _size(row: Row, column: str) -> float:
    """What a column is a share of, over all steps."""
    c = row.counts
    if column in BY_NEURONS:
        return float(np.mean(c.neuron_updates))
    return float(np.mean(c.macs if column in BY_MACS else c.elements)) * row.steps


def measured(run: Account) -> RateOf:
    """The shares of the row of the same name in a smaller picture."""
    rows = {row.name: row for row in run.rows}

    def rates(row: Row) -> Shares:
        if row.name not in rows:
            raise ValueError(f"the measured network has no node '{row.name}', expected the same model and form")
        other = rows[row.name]
        return {
            column: float(np.mean(getattr(other.counts, column))) / max(_size(other, column), 1e-30)
            for column in (*BY_MACS, *BY_ELEMENTS, *BY_NEURONS)
        }

    return rates


def at_rates(whole: Account, rates: RateOf) -> Account:
    """The account with other spikes: of rows that they drive, and of the neurons that fire them."""

    def row(r: Row) -> Row:
        moved = (*BY_MACS, *BY_ELEMENTS) if r.spiking else BY_NEURONS if r.counts.sum("neuron_updates") else ()
        shares = rates(r) if moved else {}
        other = "ac_int" if r.spiking and REGISTRY[r.op].weighted else "ac_w"  # never both in one row
        columns = {c: shares[c] * _size(r, c) for c in moved if c != other}
        return replace(r, counts=replace(r.counts, **columns))

    return replace(whole, rows=tuple(row(r) for r in whole.rows))


def graphs(image: int) -> tuple[Graph, Graph]:
    """The network as an ANN, and as it was published."""
    changes = {"image": image} if image else {}
    ann = build("miavs", spec_of("miavs", "released", **changes)).pruned(["mask"])
    return ann, released(ann)


def counted(graph: Graph, spiking: bool) -> Account:
    """One frame of noise: all that does not follow events is the same for any frame."""
    torch.manual_seed(0)
    network: Network = fold_network(lower(graph, SNN if spiking else ANN).eval())
    side = graph["image"].shape[-1]
    batch = {"image": torch.randn(1, 3, side, side), "logmel": torch.randn(1, 1, 96, 64)}
    return account(network, [batch], front_end=Counts(**front_end_cost()), name="released" if spiking else "ann")


def of_run(folder: str) -> Account:
    run = load_run(folder)
    if getattr(getattr(run.settings, "spikes", None), "form", "") != "released":
        raise UserError(f"--rates is '{folder}', which is no run of spikes.form released; this file says the command")
    data = split(run.settings.data, "test")
    frames = real_frames(data)
    batch = data.frame_batch(torch.zeros(frames, dtype=torch.int64), torch.arange(frames))
    return account(run.deployed, [{k: batch[k] for k in ("image", "logmel")}], frames=frames)


def audit(image: int, rates: str) -> dict[str, Any]:
    ann_graph, snn_graph = graphs(image)
    linted = lint(snn_graph)
    ann, snn = counted(ann_graph, False), counted(snn_graph, True)
    cases = [Case(name="rate 0", rates=constant(0.0)), Case(name="rate 1", rates=constant(1.0))]
    if rates:
        cases.insert(1, Case(name="measured rates", rates=measured(of_run(rates))))
    found = {case.name: savings(ann, at_rates(snn, case.rates)) for case in cases}
    return {
        "image": snn_graph["image"].shape[-1],
        "spike_fed_share_of_multiplies": linted.spike_fed_share,
        "spike_fed_share_of_macs": linted.spike_fed_macs / linted.macs,
        "gmacs": linted.macs / 1e9,
        "published": PUBLISHED,
        "savings": found,
    }


def lines(found: dict[str, Any]) -> list[tuple[str, ...]]:
    """A row a named saving, a column a case."""
    of = found["savings"]
    rows = [(name, *(f"{case[name]:+.1%}" for case in of.values())) for name in ("paper", "paper_exact")]
    for kind in ("strict_compute", "strict_memory"):
        rows += [(f"{kind}({x})", *(f"{case[kind][x]:+.1%}" for case in of.values())) for x in BASELINES]
    return rows


def markdown(found: dict[str, Any], command: str) -> str:
    head = ("saving against", *found["savings"])
    shares = f"{found['spike_fed_share_of_macs']:.1%}, and {found['spike_fed_share_of_multiplies']:.1%}"
    return "\n".join(
        [
            "# What can MI-AVS's published spiking network save?",
            "",
            f"Written by `{command}`. The whole network at {found['image']} px: {found['gmacs']:.1f} G MACs a frame,",
            f"of which spikes feed {shares} of all multiplies.",
            f"Published: {found['published']:.1%} = 1 - 0.9 / 4.6, as if they fed all, once a MAC.",
            "",
            f"| {' | '.join(head)} |",
            "|" + "---|" * len(head),
            *(f"| {' | '.join(row)} |" for row in lines(found)),
            "",
            "Rate 0 is a bound: nothing fires. Rate 1: a count of one everywhere. How rates are measured, says",
            "`python -m tools.audit_released --help`; they are those of a short training on small pictures, by layer.",
            "",
        ]
    )


@in_a_sentence
def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools.audit_released",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rates", default="", help="a run of spikes.form released, for the measured rates")
    parser.add_argument("--image", type=int, default=0, help="pixels of a side; default, as published")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    given = parser.parse_args(words)
    found = audit(given.image, given.rates)
    shown = Table("saving against", *found["savings"], title=f"published: {found['published']:.1%}")
    for row in lines(found):
        shown.add_row(*row)
    Console().print(shown)
    share = f"{found['spike_fed_share_of_macs']:.1%} of {found['gmacs']:.1f} G MACs"
    print(f"spikes feed {share}, {found['spike_fed_share_of_multiplies']:.1%} of all multiplies")
    command = f"python -m tools.audit_released{' --rates RUN' if given.rates else ''}"
    if given.json:
        write_json(given.json, {**provenance(command), **found})
    if given.markdown:
        write_whole(given.markdown, markdown(found, command))
    return 0


if __name__ == "__main__":
    sys.exit(main())
