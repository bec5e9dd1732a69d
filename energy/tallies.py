"""``Tallies``: of the counts that a network holds at the moment, one ``Tally`` each, dropped after their last reader.

The same numbers in another shape are looked at once, so a tally is found by where its numbers lie. What lies there is
kept until no node to come reads it, for its address would be given to another; kept longer, the counts of every site
of a large network and three tensors of their size for each would fill the memory.
"""

from __future__ import annotations

from torch import Tensor

from energy.claims import check
from energy.tally import Tally
from graph.graph import Node
from graph.lower import Network
from graph.lower.observe import last_readers
from graph.values import Kind

Place = tuple[object, ...]


class Tallies:
    def __init__(self, network: Network) -> None:
        self.done = last_readers(network)
        self.by_place: dict[Place, Tally] = {}
        self.places: dict[int, set[Place]] = {}
        self.values: dict[int, dict[str, Tensor]] = {}  # address -> what lies there, by names that will be read

    def of(self, value: Tensor, kind: Kind, name: str) -> Tally:
        """A value that claims to be counts, checked."""
        at = value.data_ptr() or id(value)  # a tensor without memory of its own has no address
        place = (at, value.shape, value.stride())
        if place not in self.by_place:
            whole = (at, value.numel() if value.is_contiguous() else value.stride())
            first = self.by_place.setdefault(whole, Tally(value))
            self.by_place[place] = first if first.n.shape == value.shape else first.viewed(value)
            self.places.setdefault(at, set()).update((place, whole))
        self.values.setdefault(at, {})[name] = value
        check(self.by_place[place], kind, name)
        return self.by_place[place]

    def after(self, node: Node) -> None:
        """The node has been seen: what no other will read is let go."""
        done = self.done.get(node.name, ())
        for at, values in list(self.values.items()):
            for name in done:
                values.pop(name, None)
            if not values:
                del self.values[at]
                for place in self.places.pop(at):
                    del self.by_place[place]
