"""``Counts``: what happened, in columns that are never mixed. A value is a number, or an array [S] of one
per sample.

``ac_w`` accumulates of a weight, ``ac_int`` accumulates of an integer state, ``imac`` small integer times a
number, ``fmac``/``fadd``/``mul``/``cmp`` real arithmetic, ``transcendental`` exp, erf, root or reciprocal,
``gather_reads`` reads at computed addresses, ``spike_msgs`` unary messages, and bytes of weights,
activations and neuron states (fp32 words). What is moved on a machine, and where to, says a memory model
(`energy.memory`), which fills the columns of ``MOVED`` at the machine's own widths. The bookkeeping columns are
not paid for: they are other ways to look at the same events.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

Number = int | float | np.ndarray

ARITHMETIC = ("ac_w", "ac_int", "imac", "fmac", "fadd", "mul", "cmp", "transcendental")
# Bytes a frame: weights, activations and states once each; reads at computed addresses; weights read and
# accumulators read and written by each operation; operands read by each operation; DRAM. ``addr_ops`` additions
# that find a synapse, ``msg_bits`` of addresses and counts, ``register_rw`` accesses of registers.
MOVED = (
    "weight_B", "act_B", "state_B", "gather_B", "weight_reads_B", "acc_rw_B", "operand_reads_B", "dram_B",
    "addr_ops", "msg_bits", "register_rw",
)  # fmt: skip
COLUMNS = (*ARITHMETIC, "gather_reads", "spike_msgs", "weight_B", "act_B", "state_B")


@dataclass(frozen=True, kw_only=True, eq=False)
class Counts:
    ac_w: Number = 0
    ac_int: Number = 0
    imac: Number = 0
    fmac: Number = 0
    fadd: Number = 0
    mul: Number = 0
    cmp: Number = 0
    transcendental: Number = 0
    gather_reads: Number = 0
    spike_msgs: Number = 0
    weight_B: Number = 0
    act_B: Number = 0
    state_B: Number = 0
    kept_B: Number = 0  # sums that a stream keeps between frames, read and written once where a change touches them
    # moved, as a memory model says
    gather_B: Number = 0
    weight_reads_B: Number = 0
    acc_rw_B: Number = 0
    operand_reads_B: Number = 0
    dram_B: Number = 0
    addr_ops: Number = 0
    msg_bits: Number = 0
    register_rw: Number = 0
    # bookkeeping
    macs: Number = 0  # dense MACs of one step
    nonzero_macs: Number = 0  # MACs that remain when zero inputs are skipped
    decoded_macs: Number = 0  # the same, on counts summed over the steps: what a quantised ANN would do
    graded: Number = 0  # (nonzero count, synapse) pairs: the events of ``graded`` pricing
    graded_msgs: Number = 0  # nonzero counts
    shift_add: Number = 0  # adds when a count n costs popcount(n)
    events: Number = 0  # sum of |count| over the input that drives the op, all steps
    nonzeros: Number = 0  # how many of these counts are not zero
    decoded_nonzeros: Number = 0  # ... of counts summed over the steps
    elements: Number = 0  # length of that input, one step
    skip_tests: Number = 0  # operand elements that a zero-skipping machine must look at
    spike_B: Number = 0  # the part of act_B that is spikes
    neuron_updates: Number = 0
    stationary: Number = 0  # product of counts: one operand reads all N of the other
    stationary_skipping: Number = 0  # ... or only its nonzeros
    pair: Number = 0  # ... or every event meets every event

    def __add__(self, other: Counts) -> Counts:
        return Counts(**{name: getattr(self, name) + getattr(other, name) for name in NAMES})

    def scaled(self, factor: float) -> Counts:
        """Every column times ``factor``: 1/frames turns counts per clip into counts per frame."""
        return self if factor == 1 else Counts(**{name: getattr(self, name) * factor for name in NAMES})

    def per_sample(self, samples: int) -> Counts:
        """Every column as an array [samples]."""
        return Counts(**{name: np.broadcast_to(getattr(self, name), (samples,)) for name in NAMES})

    def mean(self) -> Counts:
        return Counts(**{name: float(np.mean(getattr(self, name))) for name in NAMES})

    def sum(self, column: str) -> int | float:
        """The total over samples; a Python int, and exact, where the column holds integers."""
        total: int | float = np.sum(getattr(self, column)).item()
        return total


NAMES = tuple(f.name for f in fields(Counts))


def joined(parts: Sequence[tuple[Counts, int]]) -> Counts:
    """Counts of several batches, each of so many samples, one after the other: every column an array [S]."""
    samples = sum(size for _, size in parts)
    columns: dict[str, np.ndarray] = {}
    for name in NAMES:
        given = [getattr(p, name) for p, _ in parts]
        if all(isinstance(v, int) and not v for v in given):
            columns[name] = np.zeros(samples, int)
        else:
            columns[name] = np.concatenate([np.broadcast_to(v, (s,)) for v, (_, s) in zip(given, parts, strict=True)])
    return Counts(**columns)


def as_graded(counts: Counts) -> Counts:
    """One small integer MAC and one multi-bit message for each nonzero count, instead of n accumulates."""
    return replace(counts, ac_w=0, imac=counts.imac + counts.graded, spike_msgs=counts.graded_msgs)


def as_shift_add(counts: Counts) -> Counts:
    """popcount(n) accumulates of a shifted weight for each count n."""
    return replace(counts, ac_w=counts.shift_add, spike_msgs=counts.graded_msgs)


def as_unary(counts: Counts) -> Counts:
    return counts


PRICINGS = {"unary": as_unary, "graded": as_graded, "shift_add": as_shift_add}
