"""What a user looks at: the frame with what sounds in colour, and a strip with the additions of each frame."""

from __future__ import annotations

from collections import deque

import numpy as np

from avs.video.read import Pixels

# Okabe and Ito's colours, which colour-blind people tell apart too: blue first, as in our other pictures.
COLOURS = np.array(
    [[0, 114, 178], [230, 159, 0], [0, 158, 115], [204, 121, 167], [213, 94, 0], [86, 180, 233], [240, 228, 66]],
    np.float32,
)
STRIP, LENGTH = 0.12, 250  # of the picture's height; frames that it shows
PAPER, FRAMEWISE, STREAM = (24, 24, 24), (110, 110, 110), (86, 180, 233)


def overlay(picture: Pixels, mask: Pixels, strength: float) -> Pixels:
    """[H, W, 3] with the pixels of a mask tinted, and an edge of two pixels in full colour."""
    if not mask.any():
        return picture
    colour = COLOURS[(np.maximum(mask, 1) - 1) % len(COLOURS)]
    inside = (mask > 0)[..., None]
    shown = np.where(inside, picture * (1 - strength) + colour * strength, picture)
    edge = np.zeros(mask.shape, bool)
    edge[2:] |= mask[2:] != mask[:-2]
    edge[:, 2:] |= mask[:, 2:] != mask[:, :-2]
    shown[edge] = colour[edge] * max(strength, 0.5) + shown[edge] * (1 - max(strength, 0.5))
    return np.asarray(np.clip(np.round(shown), 0, 255), np.uint8)


class TraceStrip:
    """The last frames' additions, whole (grey) and as changes (blue), as bars from the bottom; the largest fills it."""

    def __init__(self, height: int, width: int) -> None:
        self.height, self.width = max(8, round(height * STRIP)), width
        self.seen: deque[tuple[float, float]] = deque(maxlen=LENGTH)
        self.most = 1.0

    def drawn(self, picture: Pixels, adds: tuple[float, float]) -> Pixels:
        """Over the picture's lowest rows."""
        self.seen.append(adds)
        self.most = max(self.most, adds[0])
        strip = np.full((self.height, self.width, 3), PAPER, np.uint8)
        frames = np.minimum(np.arange(self.width) * LENGTH // self.width, LENGTH - 1)
        heights = np.arange(self.height)[::-1, None]
        for index, colour in ((0, FRAMEWISE), (1, STREAM)):
            levels = np.zeros(LENGTH)
            levels[: len(self.seen)] = [a[index] for a in self.seen]
            bars = levels[frames] / self.most * self.height
            strip[heights < bars[None]] = colour
        shown = picture.copy()
        shown[-self.height :] = strip
        return shown
