"""``lower``: Graph x Dialect -> ``Network``. The only folder of the room that imports torch; it knows no backend."""

from graph.lower.emit import lower
from graph.lower.network import Network, where
from graph.lower.observe import observe
from graph.lower.stateful import Stateful

__all__ = ["Network", "Stateful", "lower", "observe", "where"]
