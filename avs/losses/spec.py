"""Which parts a loss has, as weights, and what a network must publish for them; `masks` and `set_loss` compute them.

The published recipes, as values of ``loss`` and ``information``; what is not named is 0:

    AVSegFormer, S4 and MS3        dice 1, feature 0.1
    AVSegFormer, AVSS              ce 1, feature 0.1
    MI-AVS, S4 (as released)       dice 1, feature 0.1
    MI-AVS, MS3, and S4 spiking    dice 1; information: estimator released, weight 0.1
    ETAVS, S4 / MS3 / AVSS         dice 1 / dice 1, bce 1, pos_weight 1 / ce 1
    AV2TS                          set 1
"""

from collections.abc import Collection
from dataclasses import dataclass

OF_A_MASK = ("dice", "bce", "ce", "feature", "set")
TOKEN = "audio_token"  # what a network has heard
FEATURE = "mask_feature"  # what it sees at each pixel
EXTRA = "loss_"  # an output that is a loss of the network's own
# A network with queries publishes both of every head, by its depth.
CLASS, MASK = "queries_class_", "queries_mask_"
NAMED = {"heard": TOKEN, "seen": FEATURE}  # parts that learn the names of classes, and what each reads
# What the mask is read from: after the fusion with the sound where a family publishes that, as AVSegFormer's own code.
FEATURES = ("fused_feature", FEATURE)


@dataclass(frozen=True, kw_only=True)
class LossSpec:
    """Weights of the parts; a part of weight 0 is not computed.

    ``set``: the set prediction loss (`set_loss`), for a network with queries. ``extra``: outputs of the network
    that are losses of its own (``loss_*``), such as a codebook's. ``heard``: the audio network learns to name what
    sounds, too, and ``seen``: the features learn to name what is seen, silent or not; with a dataset that knows it.
    """

    dice: float = 1.0
    bce: float = 1.0
    ce: float = 0.0
    pos_weight: float = 2.0
    feature: float = 0.0
    set: float = 0.0
    extra: float = 1.0
    heard: float = 0.0
    seen: float = 0.0

    def __post_init__(self) -> None:
        for key in (*OF_A_MASK, "extra", *NAMED):
            if not getattr(self, key) >= 0:
                raise ValueError(f"loss.{key}: found {getattr(self, key)}, expected a weight of 0 or more")
        if not self.pos_weight > 0:
            raise ValueError(
                f"loss.pos_weight: found {self.pos_weight}, expected more than 0; 1 weighs both sides alike"
            )
        if not any(getattr(self, key) for key in OF_A_MASK):
            raise ValueError(f"loss: found all of {', '.join(OF_A_MASK)} at 0, expected one above 0")


@dataclass(frozen=True, kw_only=True)
class DistilSpec:
    """Weights of how far a student is from its teacher (`avs.losses.distil`)."""

    logits: float = 0.0
    features: float = 0.0

    def __post_init__(self) -> None:
        for key in ("logits", "features"):
            if not getattr(self, key) >= 0:
                raise ValueError(f"distil.{key}: found {getattr(self, key)}, expected a weight of 0 or more")

    @property
    def any(self) -> bool:
        return bool(self.logits or self.features)


def feature_of(names: Collection[str]) -> str:
    return next((name for name in FEATURES if name in names), "")


def reads(spec: LossSpec, names: Collection[str]) -> set[str]:
    """Which outputs of a network with these names take part in the loss."""
    feature = {feature_of(names)} if spec.feature else set()
    queries = {name for name in names if name.startswith((CLASS, MASK))} if spec.set else set()
    own = {name for name in names if name.startswith(EXTRA)} if spec.extra else set()
    named = {output for part, output in NAMED.items() if getattr(spec, part)}
    return {"mask", *feature, *queries, *own, *named}


def check(spec: LossSpec, names: Collection[str]) -> None:
    """Whether a network with outputs of these names can be trained with these weights."""
    if spec.feature and not feature_of(names):
        raise ValueError(
            f"loss.feature: found {spec.feature} with a network without an output {' or '.join(FEATURES)}, expected 0"
        )
    for part, output in NAMED.items():
        weight = getattr(spec, part)
        if weight and output not in names:
            raise ValueError(f"loss.{part}: found {weight} with a network without an output {output}, expected 0")
    if spec.set and not {f"{CLASS}0", f"{MASK}0"} <= set(names):
        raise ValueError(
            f"loss.set: found {spec.set} with a network without the outputs {CLASS}0 and {MASK}0, expected 0, or a "
            "model with queries, such as av2ts"
        )
