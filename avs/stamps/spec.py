"""What a split of stamps is made of, checked once."""

from __future__ import annotations

from dataclasses import dataclass

from avs.sound import frames_in

VARIANTS = ("ms3", "s4", "semantic")
SPLITS = ("train", "val", "test")
REAL = "real"  # photographs as they were taken
KINDS = ("seen", "unseen_image", "unseen_sound", "unseen_both", REAL)
SLOTS = 4


@dataclass(frozen=True, kw_only=True)
class StampsSpec:
    """``size``: pixels of a side; ``seconds`` of a clip, each seen ``fps`` times. ``kind``: which stamps and recordings
    test clips are composed of, or that they are real photographs (`avs.stamps.real`).

    ms3: one or two objects sound, each for some seconds in a row, and one or two more are silent. s4: one sounds all
    through, one or two are silent, and in the train split only frame 0 is labelled. semantic: ms3, with class index + 1
    in the masks.
    """

    variant: str = "ms3"
    kind: str = "unseen_both"
    size: int = 224
    seconds: int = 5
    fps: int = 1
    seed: int = 0

    @property
    def length(self) -> int:
        """Frames of a clip."""
        return frames_in(self.seconds, self.fps)

    def __post_init__(self) -> None:
        allowed: dict[str, tuple[bool, str]] = {
            "variant": (self.variant in VARIANTS, f"one of {', '.join(VARIANTS)}"),
            "kind": (self.kind in KINDS, f"one of {', '.join(KINDS)}"),
            "size": (64 <= self.size <= 512, "64 to 512 pixels"),
            "seconds": (1 <= self.seconds <= 60, "1 to 60"),
            "fps": (1 <= self.fps <= 60, "1 to 60"),
            "seed": (self.seed >= 0, "0 or more"),
        }
        for key, (fine, expected) in allowed.items():
            if not fine:
                raise ValueError(f"stamps.{key}: found {getattr(self, key)!r}, expected {expected}")
