"""The task: clips, datasets, the audio front end, losses, metrics and counterfactual audio.

This room imports no other room, so a network of any origin can be trained and judged with it.
"""
