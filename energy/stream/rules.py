"""What each kind of op costs in a frame when only changes are sent (the rules are those of `events.stream`).

* Weights on counts: |d n| additions a synapse; a synapse's accumulator stays, so there is no bias to add again. A layer
  whose changes would add more than its counts begins anew.
* Weights on an input's grid: a multiply and an addition a synapse of every element that changed; each element of the
  input is compared with the last one.
* Product of counts: dA drives reads of B, and dB of A as it was; where that adds more than A driving B, that.
* A site: compares where its input changed, and one subtraction; the last count is read and written there.
* Sampling: every head of every query again that a change touches, whole.
* Everything else: computed again where a change touches it, compared with what it was (1 cmp), and kept.

``kept_B``: 4 bytes read and 4 written for each sum or value that a change touches.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from energy.account import width
from energy.columns import Counts
from energy.counters import count
from energy.counters.deform import densities, gathered, sampling
from energy.counters.traffic import WORD
from energy.counters.weighted import driven, spiking
from energy.observe import Operand
from energy.stream.change import Change, by_share, chosen
from energy.stream.terms import pairs, term
from energy.tally import Tally, indicator
from graph.ops import Array, DeformSample, Firing, Input, MatMul, Op, Output
from graph.passes import takes_changes
from graph.values import Integer, Spike, counts_site

READ_AND_WRITTEN = 2 * WORD


def kept(touched: np.ndarray) -> Counts:
    return Counts(kept_B=READ_AND_WRITTEN * touched)


def bitmap(change: Change, index: int, spike: Spike) -> Counts:
    """Changes of counts as a unary bitmap with a sign, written and read: up to D (2 D where counts are signed)."""
    length = change.seen.inputs[index].numel() // change.samples
    bits = spike.levels * (1 + spike.signed) + 1
    return Counts(act_B=2 * length * bits / 8, spike_B=2 * length * bits / 8)


def arrived(change: Change) -> Counts:
    """Changes of an input are found by comparing with the last frame: an element is read, and written if it differs."""
    seen = change.seen
    differs = change.of_sample((seen.output != change.output_before).cpu().numpy())
    if change.fresh:
        differs[0] = seen.elements
    return Counts(cmp=seen.elements, state_B=WORD * (seen.elements + differs))


def synapses(change: Change) -> Counts:
    seen, spike = change.seen, change.kind(0)
    difference = change.difference(0)
    whole = count(seen)
    if not isinstance(spike, Spike):
        return _graded(change, difference, whole)
    fed = spiking(seen, Operand(Tally(difference), spike))
    anew = np.asarray(fed.ac_w) > whole.ac_w
    if change.fresh:
        anew[0] = True
    reached = change.of_sample(change.reached((difference.ne(0).cpu().numpy(),)))
    shared = Counts(macs=seen.macs, elements=seen.length(0), skip_tests=seen.length(0))
    weights = Counts(weight_B=np.where(reached > 0, whole.weight_B, 0))
    changes = shared + fed + weights + bitmap(change, 0, spike) + kept(reached)
    return chosen(whole + kept(np.full(change.samples, seen.elements)), changes, anew)


def _graded(change: Change, difference: Tensor, whole: Counts) -> Counts:
    """An input layer."""
    seen = change.seen
    macs = driven(seen, indicator(difference))
    reached = change.of_sample(change.reached((difference.ne(0).cpu().numpy(),)))
    first = np.zeros(change.samples, bool)
    first[0] = change.fresh
    changes = Counts(
        fmac=macs,
        nonzero_macs=macs,
        macs=seen.macs,
        elements=seen.length(0),
        skip_tests=seen.length(0),
        weight_B=np.where(reached > 0, whole.weight_B, 0),
        act_B=2 * WORD * change.of_sample(change.differs[0]),
    )
    return chosen(whole, changes, first) + kept(np.where(first, seen.elements, reached))


def product(change: Change) -> Counts:
    seen, whole = change.seen, count(change.seen)
    drivers = tuple(counts_site(change.kind(index)) for index in (0, 1))
    (a, b), (old_a, _) = seen.inputs, change.before
    parts = term(seen, change.difference(0), b, drivers, changed=0)
    parts += term(seen, old_a, change.difference(1), drivers, changed=1)
    whole = replace(whole, nonzero_macs=pairs(seen, a, b))
    column = "ac_int" if any(drivers) else "nonzero_macs"
    anew = np.asarray(getattr(parts, column)) > getattr(whole, column)
    if change.fresh:
        anew[0] = True
    changes = parts + kept(change.seen_again)
    changes += Counts(macs=seen.macs, elements=seen.length(0), skip_tests=seen.length(0) + seen.length(1))
    for index, spike in enumerate(drivers):
        sums = Counts(act_B=2 * WORD * change.of_sample(change.differs[index]))
        changes += sums if spike is None else bitmap(change, index, spike)
    return chosen(whole + kept(np.full(change.samples, seen.elements)), changes, anew)


def site(change: Change) -> Counts:
    """Compares, a subtraction, the last count read and written; thresholds are fetched whole."""
    return _site(change, change.seen_again)


def _site(change: Change, touched: Array) -> Counts:
    seen, site = change.seen, change.seen.op.site
    tally = Tally(seen.output.float() - change.output_before.float())
    bits = width(site.levels, site.signed)
    part = by_share(replace(count(seen), spike_msgs=0, graded_msgs=0), touched, seen.elements)
    return part + Counts(
        ac_int=touched,
        state_B=2 * bits / 8 * touched,
        spike_msgs=seen.per_row(tally.events),
        graded_msgs=seen.per_row(tally.actives),
    )


def sampled(change: Change) -> Counts:
    """Heads of queries that a change touches, whole."""
    seen, op, whole = change.seen, change.seen.op, sampling(change.seen)
    heads = np.asarray(change.touched.reshape(len(change.touched), -1, op.heads, op.channels).any(-1))
    operand = seen.operand(0)
    only = torch.from_numpy(heads).to(seen.output.device)
    inside, nonzero, added = gathered(seen, *densities(seen, operand), only=only)
    touched = change.of_sample(heads)
    part = by_share(whole, touched * op.channels, seen.elements)
    exact = {"gather_reads": inside * op.channels, "nonzero_macs": nonzero}
    if operand is not None:
        moved = Tally(change.difference(0))
        active = seen.per_row(moved.actives)
        exact |= {"ac_int": added, "decoded_macs": nonzero, "events": seen.per_row(moved.events), "nonzeros": active}
        exact["decoded_nonzeros"] = active
    return replace(part, **exact) + kept(touched * op.channels)


def again(change: Change) -> Counts:
    """Computed again where it is touched, compared with what it was, and kept."""
    touched = change.seen_again
    part = by_share(count(change.seen), touched, max(change.seen.elements, 1))
    return part + Counts(cmp=touched) + kept(touched)


def nothing(change: Change) -> Counts:
    return Counts()


def rule(op: Op, change: Change) -> Counts:
    """By the same facts of an op by which `events.stream` executes it."""
    if isinstance(op, Input):
        return arrived(change)
    run, node = change.seen.run, change.seen.node
    kind = run.values[node.name].kind
    if takes_changes(run.graph, node, run.values):
        return synapses(change)
    if isinstance(op, MatMul) and isinstance(kind, Integer):
        return product(change)
    if isinstance(op, Output) or (op.moves and not op.chooses):
        return nothing(change)
    if isinstance(op, Firing) and op.site is not None:
        return site(change)
    return sampled(change) if isinstance(op, DeformSample) else again(change)


def forgetful(op: Op, change: Change) -> Counts:
    """A layer that computes a frame whole, and what stands behind it up to the next sites; they still send changes."""
    if isinstance(op, Input):
        return nothing(change)
    if isinstance(op, Firing) and op.site is not None:
        return _site(change, np.full(change.samples, change.seen.elements))
    return count(change.seen)
