"""How much training clips are changed at random; `change` does it."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class AugmentSpec:
    """Of training clips: ``flip``: the chance of a mirror; ``crop``: at most this share of a side is cut off;
    ``colour``: how much brightness and colours vary; ``sound``: how much pitch, strength and beginning of the sound
    vary, and how much of it falls silent (1: at most six mels, a third, a quarter). 0 leaves it out."""

    flip: float = 0.0
    crop: float = 0.0
    colour: float = 0.0
    sound: float = 0.0

    def __post_init__(self) -> None:
        for key, most in (("flip", 1.0), ("crop", 0.9), ("colour", 1.0), ("sound", 1.0)):
            if not 0 <= getattr(self, key) <= most:
                raise ValueError(f"augment.{key}: found {getattr(self, key)}, expected 0 to {most:g}")

    @property
    def any(self) -> bool:
        return bool(self.flip or self.crop or self.colour or self.sound)
