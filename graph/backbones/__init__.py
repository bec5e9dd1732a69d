"""Image and audio networks by name. A backbone maps an image to four features, finest first; audio becomes tokens.

After stage i (0 to 3) a backbone calls ``after(i, feature)`` and goes on with what that returns, so that a family may
write into the features between the stages. Names are timm's parameter prefixes.
"""

from graph.backbones.kinds import After, AudioNet, Backbone, unchanged
from graph.backbones.tiny import tiny, tiny_audio

BACKBONES: dict[str, Backbone] = {"tiny": tiny}
AUDIO: dict[str, AudioNet] = {"tiny_audio": tiny_audio}

__all__ = ["AUDIO", "BACKBONES", "After", "AudioNet", "Backbone", "unchanged"]
