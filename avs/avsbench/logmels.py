"""The log-mels of a clip [F, 1, 96, 64]: read from its pickle, or made from its wav and pickled where they belong.

A recording too short for F examples is completed as the released preprocessing does: s4 and ms3 repeat the last
example, avss appends zeros. One that is longer loses what comes after.
"""

import pickle
import wave
from pathlib import Path

import torch
from torch import Tensor
from torchaudio.functional import resample

from avs.audio import FRAMES, MELS, SAMPLE_RATE, log_mel
from avs.avsbench.layout import Place, Row
from avs.avsbench.unpickle import tensor_of
from common.files import write_whole


def read_logmel(path: Path, frames: int) -> Tensor:
    """Checked: float32 [frames, 1, 96, 64], finite."""
    try:
        examples = tensor_of(path.read_bytes())
    except FileNotFoundError as error:
        raise ValueError(f"{path} is missing, expected the log-mels of a clip") from error
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror}), expected the log-mels of a clip") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    wanted = (frames, 1, FRAMES, MELS)
    if tuple(examples.shape) != wanted or examples.dtype != torch.float32:
        shape = f"{examples.dtype} {list(examples.shape)}".removeprefix("torch.")
        raise ValueError(f"{path}: found log-mels of {shape}, expected float32 {list(wanted)}")
    if not bool(examples.isfinite().all()):
        raise ValueError(f"{path}: found log-mels with inf or nan, expected finite numbers")
    return examples


def read_wav(path: Path) -> Tensor:
    """[samples] at 16 kHz in -1..1: the mean of the channels."""
    try:
        with wave.open(str(path)) as file:
            rate, width, channels = file.getframerate(), file.getsampwidth(), file.getnchannels()
            content = file.readframes(file.getnframes())
    except (OSError, EOFError, wave.Error) as error:
        raise ValueError(f"{path}: found no readable wav ({error}), expected 16-bit PCM") from error
    if width != 2:
        raise ValueError(f"{path}: found {8 * width}-bit samples, expected 16-bit PCM")
    whole = len(content) // (2 * channels) * 2 * channels
    if not whole:
        raise ValueError(f"{path}: found a wav without sound, expected at least one second")
    samples = torch.frombuffer(bytearray(content[:whole]), dtype=torch.int16).reshape(-1, channels)
    return resample(samples.float().mean(1) / 32768, rate, SAMPLE_RATE)


def fill(examples: Tensor, frames: int, repeat: bool) -> Tensor:
    """[N, ...] -> [frames, ...]: cut, or completed with the last example or with zeros."""
    lacking = max(0, frames - len(examples))
    last = examples[-1:] if repeat else torch.zeros_like(examples[-1:])
    return torch.cat([examples[:frames], last.expand(lacking, *last.shape[1:])])


def build_logmel(place: Place, row: Row) -> Path:
    """Write the pickle of a clip, in the form that released loaders read too."""
    layout, wav = place.layout, place.wav(row)
    try:
        examples = log_mel(read_wav(wav))
    except ValueError as error:
        raise ValueError(str(error) if str(wav) in str(error) else f"{wav}: {error}") from error
    path = place.logmel(row)
    write_whole(path, pickle.dumps(fill(examples, layout.frames, repeat=not layout.short).contiguous()))
    return path


def can_build(place: Place, row: Row) -> bool:
    return not place.logmel(row).exists() and place.wav(row).is_file()
