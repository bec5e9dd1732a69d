"""Every kernel as a torch operator, and the functions that call them. ``spikeavs::NAME`` is the operator of NAME.

| operator               | function                                     | in plain torch               |
|------------------------|----------------------------------------------|------------------------------|
| `lif`                  | neurons over time, a site's affine and step  | `snn.neurons`                |
| `deform_sample`        | deformable sampling of real values           | `layers.deform`              |
| `spike_words`          | counts as bit-planes                         | `kernels.spike_words.unpack` |
| `deform_sample_spikes` | deformable sampling of bit-planes            | `layers.deform`, of counts   |
| `deform_events`        | the additions that the last one makes        | a loop, in its tests         |
"""

from kernels.deform_ops import (
    deform_events_op,
    deform_sample_backward_op,
    deform_sample_op,
    deform_sample_spikes_backward_op,
    deform_sample_spikes_op,
    spike_words_op,
)
from kernels.lif_ops import lif, lif_backward_op, lif_op, lif_with_membrane

__all__ = [
    "deform_events_op",
    "deform_sample_backward_op",
    "deform_sample_op",
    "deform_sample_spikes_backward_op",
    "deform_sample_spikes_op",
    "lif",
    "lif_backward_op",
    "lif_op",
    "lif_with_membrane",
    "spike_words_op",
]
