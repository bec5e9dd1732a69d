"""Executes a deployed network from events and weights alone, in numpy; it shares nothing with the torch network."""

from events.events import Events, permuted, without
from events.runner import EventRunner
from events.stream import Stream
from events.work import Work

__all__ = ["EventRunner", "Events", "Stream", "Work", "permuted", "without"]
