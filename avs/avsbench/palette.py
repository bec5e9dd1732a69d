"""The colours of avss masks: class c in 0..70 <-> RGB, bits interleaved as in Pascal VOC.

    bit 3 k + j of c is bit 7 - k of channel j (0 red, 1 green, 2 blue)

Seven bits need the upper three of each channel at most, so a colour is looked up among 512.
"""

import numpy as np
from numpy.typing import NDArray

from avs.avsbench.layout import CLASSES

TOP, LOW = 5, 0b11111  # a channel's upper three bits say the class, its lower five are 0
UNKNOWN = 255


def palette(classes: int = CLASSES) -> NDArray[np.uint8]:
    """[classes, 3] RGB."""
    label = np.arange(classes)[:, None]
    channel = np.arange(3)
    bits = [((label >> (3 * k + channel)) & 1) << (7 - k) for k in range(3)]
    return np.bitwise_or.reduce(bits).astype(np.uint8)


def _code(rgb: NDArray[np.uint8]) -> NDArray[np.uint16]:
    red, green, blue = (rgb[..., j].astype(np.uint16) >> TOP for j in range(3))
    return np.asarray(red << 6 | green << 3 | blue, np.uint16)


_LABEL = np.full(512, UNKNOWN, np.uint8)
_LABEL[_code(palette())] = np.arange(CLASSES)


def encode(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Classes [...] -> colours [..., 3]."""
    return palette()[labels]


def decode(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Colours [..., 3] -> classes [...]; a colour that is none of the 71 is an error."""
    labels = _LABEL[_code(rgb)]
    strange = (labels == UNKNOWN) | ((rgb[..., 0] | rgb[..., 1] | rgb[..., 2]) & LOW != 0)
    if strange.any():
        red, green, blue = rgb[strange][0].tolist()
        raise ValueError(f"found the colour ({red}, {green}, {blue}), expected one of the {CLASSES} of AVSBench")
    return labels
