"""``BaseSpec``: the fields that the specs of all families have; blocks and backbones read no other field.

The defaults are the values of the papers. Spike-friendly networks differ from them in the fields of ``spike_friendly``:
each of these fields means one thing, and the table says which values go together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Literal, Self

from common.choices import check_choices

Activation = Literal["gelu", "relu"]

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
    "offset_bits": 4,
    "position_bits": 8,
    "grid": True,
}
SPIKE_FRIENDLY: dict[str, Any] = {
    "norm": "batch",
    "pre_norm": True,
    "attention": "linear",
    "score": "relu",
    "gate": "hard",
    "act": "relu",
    "ceiling": 4.0,
    "hidden_norms": True,
    "projection_norms": True,
    "stream_norms": True,
    "bias_before_norms": False,
    "positions_once": True,
    "memory_upsample": "nearest",
}


@dataclass(frozen=True, kw_only=True)
class BaseSpec:
    """What is built.
    ``image``: pixels of a side. ``classes``: channels of the mask, 1 is binary. ``frames``: of a clip, where a family
    mixes them.
    ``frozen``: prefixes of names whose parameters do not train and whose norms keep their statistics.
    ``backbone``, ``audio``: names in ``graph.backbones``. ``widths``, ``depths``, ``audio_widths``: channels and blocks
    of the stages of the networks named ``tiny`` and ``tiny_audio``. ``stem_stride``: of the first map of ``tiny``.
    ``audio_patch``, ``audio_depth``, ``audio_heads``: of an audio transformer (CED), whose width is ``audio_dim``.
    ``hidden``, ``heads``, ``points``: channels, attention heads, sampling points a head and level.

    Which operations.
    ``norm``: "layer" (GroupNorm on maps), or "batch", which folds away in an SNN.
    ``pre_norm``: a residual sublayer is x + f(norm(x)), not norm(x + f(x)).
    ``attention``: softmax(Q K^T) V, or "linear": relu(Q) (relu(K)^T V), with norms of its own.
    ``score``: how other attention weights are made. ``gate``: a sigmoid, or "hard", a clipped line.
    ``act``: the activation where a paper has GELU. ``ceiling``: clips every ReLU (0: does not).

    Which norms and biases there are.
    ``hidden_norms``: a norm in front of the hidden activations of an MLP and of the head's convolutions.
    ``projection_norms``: a norm behind each projection that goes into a product: values and weights of deformable
    attention; queries, keys and values that no linear attention normalises; queries that meet the mask feature.
    ``stream_norms``: a norm where something outside a stack of residual sublayers reads its stream, for pre-norm
    sublayers leave it without one.
    ``bias_before_norms``: a layer that a norm follows keeps its bias; a batch norm makes it idle. (Backbones with
    published weights keep theirs.)

    How.
    ``positions_once``: position codes are added once, to the stream, not to the queries of every layer.
    ``memory_upsample``: how the encoder's memory is enlarged for the mask feature; "nearest" keeps spikes.
    ``offset_bits`` > 0: sampling offsets lie on a grid of 2**-bits pixels; ``position_bits`` > 0: position codes lie on
    one of 2**-bits; ``grid``: images and log-mels come on one, too.
    """

    spike_friendly: ClassVar[Mapping[str, Any]] = SPIKE_FRIENDLY

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
    norm: Literal["layer", "batch"] = "layer"
    pre_norm: bool = False
    attention: Literal["softmax", "linear"] = "softmax"
    score: Literal["softmax", "relu"] = "softmax"
    gate: Literal["sigmoid", "hard"] = "sigmoid"
    act: Activation = "gelu"
    ceiling: float = 0.0
    hidden_norms: bool = False
    projection_norms: bool = False
    stream_norms: bool = False
    bias_before_norms: bool = True
    positions_once: bool = False
    memory_upsample: Literal["bilinear", "nearest"] = "bilinear"
    offset_bits: int = 0
    position_bits: int = 0
    grid: bool = False

    def __post_init__(self) -> None:
        check_choices(self, "spec")

    @classmethod
    def small(cls, **changes: Any) -> Self:
        """For pictures of 64 pixels, spike-friendly and dyadic throughout: where every family's "tiny" begins."""
        return cls(**{**SMALL, **cls.spike_friendly, **changes})

    def as_published(self) -> Self:
        """The same sizes with the papers' values of all fields in ``spike_friendly``."""
        papers: dict[str, Any] = {f.name: f.default for f in fields(self) if f.name in self.spike_friendly}
        return replace(self, **papers)

    @property
    def first_stride(self) -> int:
        """Of the backbone's first map. The net ``tiny`` says its own; all published ones begin at a quarter."""
        return self.stem_stride if self.backbone == "tiny" else 4

    @property
    def strides(self) -> tuple[int, int, int, int]:
        s = self.first_stride
        return (s, 2 * s, 4 * s, 8 * s)

    @property
    def levels(self) -> tuple[tuple[int, int], ...]:
        """Height and width of the three coarser levels, finest first."""
        return tuple((self.image // s, self.image // s) for s in self.strides[1:])
