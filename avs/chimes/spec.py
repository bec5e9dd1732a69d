"""What a chimes split is made of: the dataset's few dials, checked once."""

from dataclasses import dataclass

from avs.chimes.kinds import KINDS
from avs.sound import frames_in

VARIANTS = ("ms3", "s4", "semantic")
SPLITS = ("train", "val", "test")
SLOTS = 3


@dataclass(frozen=True, kw_only=True)
class ChimesSpec:
    """`frames`: seconds of a clip, each seen `fps` times. Radii are fractions of `size`. `clutter` scales everything on
    the background that is not an object.

    ms3: one or two objects sound in a second, drawn anew each second. s4: one object sounds all through, and
    in the train split only frame 0 is labelled. semantic: ms3, with class index + 1 in the masks.
    """

    variant: str = "ms3"
    size: int = 64
    frames: int = 5
    classes: int = 5
    min_radius: float = 0.17
    max_radius: float = 0.24
    clutter: float = 1.0
    seed: int = 0
    fps: int = 1

    @property
    def length(self) -> int:
        """Frames of a clip; at one a second, its seconds."""
        return frames_in(self.frames, self.fps)

    def __post_init__(self) -> None:
        allowed: dict[str, tuple[bool, str]] = {
            "variant": (self.variant in VARIANTS, f"one of {', '.join(VARIANTS)}"),
            "size": (self.size >= 32, "at least 32 pixels"),
            "frames": (self.frames >= 1, "at least 1"),
            "classes": (4 <= self.classes <= len(KINDS), f"4 to {len(KINDS)}"),
            "min_radius": (
                0.08 <= self.min_radius <= self.max_radius,
                f"0.08 to max_radius ({self.max_radius})",
            ),
            "max_radius": (self.max_radius <= 0.26, "at most 0.26"),
            "clutter": (0 <= self.clutter <= 2, "0 to 2"),
            "seed": (self.seed >= 0, "0 or more"),
            "fps": (1 <= self.fps <= 60, "1 to 60"),
        }
        for key, (fine, expected) in allowed.items():
            if not fine:
                raise ValueError(f"chimes.{key}: found {getattr(self, key)!r}, expected {expected}")
