"""What training and evaluation may ask of a split of clips, whatever holds it: memory (`avs.clip`) or a folder.

N clips of F frames. Capabilities are said by the split itself, so that nobody has to ask for a dataset's name.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol, Self

from torch import Tensor

from avs.meter import Meter


class Split(Protocol):
    def __len__(self) -> int: ...

    @property
    def frames_per_clip(self) -> int: ...

    @property
    def labelled(self) -> Tensor:
        """[N, F] bool: there is a true mask, which may be trained on or scored."""

    @property
    def valid(self) -> Tensor:
        """[N, F] bool: exists (False: padding)."""

    @property
    def has_objects(self) -> bool:
        """Whether single objects and what they sound are known, so that counterfactual sounds have donors; such a split
        is an `avs.clip.Clips`."""

    def frame_batch(self, clip_idx: Tensor, frame_idx: Tensor) -> dict[str, Tensor]:
        """Indices [B] -> image [B, 3, H, W], logmel [B, 1, 96, 64], mask [B, H, W] int64, labelled [B]; and
        heard [B, K], the classes that sound, and seen [B, H, W], those in view, where they are known (-1: none)."""

    def sounds(self, clip_idx: Tensor, frame_idx: Tensor) -> Tensor:
        """``frame_batch``'s logmel alone."""

    @property
    def groups(self) -> Sequence[str]:
        """Clips of one group sound alike; where nothing is told of that, each is its own."""

    def labelled_frames(self) -> tuple[Tensor, Tensor]:
        """(clip_idx, frame_idx) of every frame that may be trained on."""

    def name(self, clip: int) -> str:
        """What a message calls a clip."""

    def subset(self, clip_idx: Tensor) -> Self: ...

    def meters(self) -> Sequence[Meter]:
        """New meters of the scores that are published for this data, beside the project's own; none: empty."""

    def resounded(self) -> Mapping[str, "Split"]:
        """Kind -> the same pictures and masks under another sound, where no objects are known; none: empty."""
