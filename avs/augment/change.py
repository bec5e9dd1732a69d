"""Random changes of a training clip that leave what is heard and what is to be segmented true.

flip     mirrored, with this chance
crop     a window of a side between 1 - crop and 1 of the picture's, brought back to its size
colour   image a + b, a in 1 ± colour for all, b in ± colour for each channel

Frames of one clip that follow each other are changed alike. Masks, and maps of classes, take the nearest pixel.
"""

import torch
from torch import Tensor
from torch.nn import functional

from avs.augment.spec import AugmentSpec


def _crop(image: Tensor, mask: Tensor, most: float, draw: Tensor) -> tuple[Tensor, Tensor]:
    height, width = image.shape[-2:]
    share = 1 - most * float(draw[0])
    h, w = max(1, round(height * share)), max(1, round(width * share))
    top, left = round((height - h) * float(draw[1])), round((width - w) * float(draw[2]))
    here = (slice(top, top + h), slice(left, left + w))
    picture = functional.interpolate(image[..., *here], (height, width), mode="bilinear", align_corners=False)
    maps = mask[..., *here].reshape(len(mask), -1, h, w).float()
    labels = functional.interpolate(maps, (height, width), mode="nearest-exact")
    return picture, labels.to(mask.dtype).view(mask.shape)


def augment(image: Tensor, mask: Tensor, spec: AugmentSpec, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Frames of one clip: image [F, 3, H, W] as a network reads it, mask [F, H, W] or several [F, M, H, W] -> the
    same, all changed alike. As much is drawn whatever the spec, so that one change does not move another."""
    draw = torch.rand(8, generator=generator)
    if draw[0] < spec.flip:
        image, mask = image.flip(-1), mask.flip(-1)
    if spec.crop:
        image, mask = _crop(image, mask, spec.crop, draw[1:4])
    if spec.colour:
        gain = 1 + spec.colour * (2 * draw[4] - 1)
        image = image * gain + spec.colour * (2 * draw[5:8] - 1)[:, None, None]
    return image, mask
