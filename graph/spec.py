"""``BaseSpec``: what every family's spec says, from ``tiny`` to full; backbones and blocks read no more than this.
``Spec`` adds what the mask transformer (AVSegFormer, MI-AVS) is made of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

SMALL: dict[str, Any] = {
    "image": 64,
    "frozen": (),
    "backbone": "tiny",
    "widths": (16, 32, 64, 96),
    "stem_stride": 2,
    "audio": "tiny_audio",
    "audio_widths": (8, 16, 32, 32),
    "audio_dim": 48,
    "hidden": 48,
    "heads": 4,
    "points": 2,
    "dropout": 0.0,
    "norm": "batch",
    "pre_norm": True,
    "attention": "linear",
    "score": "relu",
    "gate": "hard",
    "act": "relu",
    "ceiling": 4.0,
    "offset_bits": 4,
    "position_bits": 8,
    "grid": True,
}


@dataclass(frozen=True, kw_only=True)
class BaseSpec:
    """Official values are the defaults; the backbone named ``tiny`` takes its widths from ``widths``.

    ``classes``: channels of the mask, 1 is binary. ``frames``: of a clip, where a family mixes them.
    ``audio_patch``, ``audio_depth``, ``audio_heads``: of an audio transformer (CED), whose width is ``audio_dim``.
    ``frozen``: prefixes of names whose parameters do not train and whose norms keep their statistics.
    ``norm``: "layer" (the papers) or "batch" (folds away in an SNN). ``pre_norm``: x + f(norm(x)) instead of
    norm(x + f(x)); positions are then added once, to the stream. ``attention``: "softmax", or "linear": Q (K^T V).
    ``score``: how deformable attention weights are made. ``gate``: "sigmoid" or "hard". ``ceiling``: clips every ReLU
    (0: not). ``offset_bits`` > 0 puts sampling offsets on a grid of 2**-bits pixels,
    ``position_bits`` the position codes on one of 2**-bits. ``grid``: images and log-mels come on a dyadic grid too.
    ``hidden_norms``: a norm in front of every hidden activation, as spiking networks want.
    """

    image: int = 224
    classes: int = 1
    frames: int = 5
    frozen: tuple[str, ...] = ("audio",)
    backbone: str = "pvt_v2_b5"
    widths: tuple[int, int, int, int] = (64, 128, 320, 512)
    depths: tuple[int, int, int, int] = (1, 1, 1, 1)
    stem_stride: int = 4
    audio: str = "vggish"
    audio_widths: tuple[int, ...] = (64, 128, 256, 512)
    audio_dim: int = 128
    audio_patch: int = 16
    audio_depth: int = 12
    audio_heads: int = 4
    hidden: int = 256
    heads: int = 8
    points: int = 4
    dropout: float = 0.1
    norm: str = "layer"
    pre_norm: bool = False
    attention: str = "softmax"
    score: str = "softmax"
    gate: str = "sigmoid"
    act: str = "gelu"
    ceiling: float = 0.0
    offset_bits: int = 0
    position_bits: int = 0
    grid: bool = False
    hidden_norms: bool = False

    @classmethod
    def small(cls, **changes: Any) -> Self:
        """For pictures of 64 pixels, foldable and dyadic throughout: where every family's "tiny" begins."""
        return cls(**{**SMALL, **changes})

    @property
    def strides(self) -> tuple[int, int, int, int]:
        s = self.stem_stride
        return (s, 2 * s, 4 * s, 8 * s)

    @property
    def levels(self) -> tuple[tuple[int, int], ...]:
        """Height and width of the three coarser levels, finest first."""
        return tuple((self.image // s, self.image // s) for s in self.strides[1:])


@dataclass(frozen=True, kw_only=True)
class Spec(BaseSpec):
    """``query_init``: "small" lets the sound, not the table, decide what a query is from the first step on.
    ``early_audio``: the sound is also added to the encoder's tokens, so that its feed-forward layers can match it with
    what is seen. ``joint_critic``: MI-AVS's critic reads pixel and sound in one matrix, as published, not in two.
    ``upsample_last``: predict at the resolution of the mask feature and interpolate the logits.
    """

    mask_dim: int = 256
    queries: int = 300
    query_layers: int = 6
    query_ffn: int = 1024
    query_init: str = "normal"
    early_audio: bool = False
    encoder_layers: int = 6
    decoder_layers: int = 6
    ffn: int = 2048
    mlp: int = 2048
    fc: tuple[int, int] = (128, 32)
    critic: tuple[int, int] = (128, 64)
    joint_critic: bool = False
    upsample_last: bool = False


FULL = Spec()
TINY = Spec.small(
    mask_dim=24,
    queries=8,
    query_layers=1,
    query_ffn=96,
    query_init="small",
    early_audio=True,
    encoder_layers=1,
    decoder_layers=1,
    ffn=96,
    mlp=24,
    fc=(16, 8),
    critic=(12, 6),
    upsample_last=True,
)
SPECS: dict[str, Spec] = {
    "full": FULL,
    "tiny": TINY,
    "released": replace(FULL, hidden_norms=True, joint_critic=True),
    "micro": replace(TINY, image=32, widths=(4, 6, 8, 10), hidden=8),
}
