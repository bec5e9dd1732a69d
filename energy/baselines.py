"""What a row would cost on another machine: the networks that a spiking one must beat, as a rewrite of its
rows.

* ``dense``: as counted.
* ``zeroskip``: only MACs whose inputs are not zero, and one compare for each operand element to find them.
* ``qann``: the spiking run as a quantised network, run once: a value of b = ceil(log2(T D + 1)) bits (one
  more if signed) for each count summed over the steps; MACs of b bits whose inputs are not zero, one
  compare for each operand element; a requantisation (1 mul, 2 cmp) for each neuron; everything else as in
  the spiking run, divided by T.
* ``qann_dense``: the same network, but every MAC is done and nothing compared.
* ``qann_events``: the same network on a core that is driven by events: one message and one integer MAC a
  synapse for each value that is not zero; nothing compared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from energy.account import Row
from energy.columns import Counts

Rewrite = Callable[[Row], Row]
# Of one step already, while everything else was counted T times.
OF_ONE_STEP = ("macs", "skip_tests", "elements", "weight_B", "decoded_macs", "decoded_nonzeros")


def dense(row: Row) -> Row:
    return row


def zeroskip(row: Row) -> Row:
    if not row.multiplies or row.spiking:
        return row
    c = row.counts
    skipped = c.macs * row.steps - c.nonzero_macs
    column = "imac" if row.reads.startswith("integer") else "fmac"
    return replace(
        row, counts=replace(c, **{column: getattr(c, column) - skipped}, cmp=c.cmp + c.skip_tests * row.steps)
    )


def _once(row: Row) -> Row:
    """All steps' work as that of one step."""
    whole = row.counts
    fixed = {name: getattr(whole, name) for name in OF_ONE_STEP}
    return replace(row, counts=replace(whole.scaled(1 / row.steps), **fixed), steps=1)


def _quantised(row: Row, spiking: Rewrite, real: Rewrite) -> Row:
    """``spiking``, ``real``: what becomes of a row that counts drive, and of one that they do not."""
    if row.op == "Decode":
        return replace(row, counts=Counts(), steps=1)
    once = _once(row)
    c = once.counts
    if row.spiking:
        # T (D + sign) bits of unary bitmap become one value of b bits; c holds those of one step.
        spikes = c.spike_B * row.total_bits / (row.levels + row.signed)
        stored = replace(c, ac_w=0, ac_int=0, act_B=c.act_B - c.spike_B + spikes, spike_B=spikes)
        return spiking(replace(once, counts=stored, imac_bits=row.total_bits))
    if row.counts.sum("neuron_updates"):
        fired = replace(c, cmp=2 * c.neuron_updates, mul=c.neuron_updates, fadd=0, state_B=0, spike_msgs=0)
        return replace(once, counts=fired)
    return real(once)


def _tested(row: Row) -> Row:
    c = row.counts
    return replace(row, counts=replace(c, imac=c.decoded_macs, cmp=c.cmp + c.skip_tests))


def _every(row: Row) -> Row:
    return replace(row, counts=replace(row.counts, imac=row.counts.macs))


def _messages(row: Row) -> Row:
    c = row.counts
    graded = replace(c, imac=c.decoded_macs, events=c.decoded_nonzeros)
    return replace(row, counts=graded, message_bits=row.message_bits + row.imac_bits)


def qann(row: Row) -> Row:
    return _quantised(row, _tested, zeroskip)


def qann_dense(row: Row) -> Row:
    return _quantised(row, _every, dense)


def qann_events(row: Row) -> Row:
    return _quantised(row, _messages, zeroskip)


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """``of``: whose rows are rewritten; ``events``: it runs on a core that events drive, as the spiking run does."""

    label: str
    profile: str
    of: str
    rewrite: Rewrite
    events: bool = False


FP32, INT8 = "fp32_45nm", "int8_45nm"
BASELINES = {
    "dense_fp32": Baseline(label="the dense fp32 ANN", profile=FP32, of="ann", rewrite=dense),
    "zeroskip_fp32": Baseline(label="the zero-skipping fp32 ANN", profile=FP32, of="ann", rewrite=zeroskip),
    "int8": Baseline(label="the int8 ANN", profile=INT8, of="ann", rewrite=dense),
    "zeroskip_int8": Baseline(label="the zero-skipping int8 ANN", profile=INT8, of="ann", rewrite=zeroskip),
    "qann": Baseline(label="the zero-skipping quantised ANN", profile=INT8, of="snn", rewrite=qann),
    "qann_dense": Baseline(label="the dense quantised ANN", profile=INT8, of="snn", rewrite=qann_dense),
    "qann_events": Baseline(
        label="the quantised ANN as graded events", profile=INT8, of="snn", rewrite=qann_events, events=True
    ),
}
