"""``Stateful``: a network that is called once a time step, with its state handed in and out.

A ``Decode`` needs all T steps of what it reads, so a network runs in stages, each of T calls: the neurons before the
first Decodes, those behind them, and so on. Call c is step c % T of stage c // T; only that stage's nodes are computed.
The last of ``calls`` calls returns the outputs, bit for bit those of ``Network.forward``.

With T = 1 there is one stage of one call. Handing the state on to the next call is then a network that sees a video
frame by frame, its membranes going on: frames are its steps.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from graph.graph import Node
from graph.infer import infer
from graph.lower.network import Network
from graph.ops import Decode, Expand, Firing, Input, Output
from graph.values import Clock


@dataclass(frozen=True)
class State:
    """``call``: how many calls have been made; ``neurons``: a membrane a site; ``sums``: of each Decode, over the steps
    so far; ``kept``: values of earlier calls that later ones read (``name@step`` where they have steps)."""

    call: int = 0
    neurons: dict[str, Tensor] = field(default_factory=dict)
    sums: dict[str, Tensor] = field(default_factory=dict)
    kept: dict[str, Tensor] = field(default_factory=dict)


class Stateful(nn.Module):
    """``outputs, state = network(state, image=..., logmel=...)``; ``state`` None: from rest. Inference only."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network
        self.steps = network.graph.steps
        values = infer(network.graph)
        self.stepped = {n for n, v in values.items() if v.clock == Clock.STEPPED}
        self.stage: dict[str, int] = {}
        for name, node in network.graph.nodes.items():
            before = max((self.stage[a] for a in node.args), default=0)
            self.stage[name] = before + isinstance(node.op, Decode)
        reads = [(a, self.stage[n] - isinstance(v.op, Decode)) for n, v in network.graph.nodes.items() for a in v.args]
        self.crossing = {a for a, stage in reads if a in self.stepped and stage > self.stage[a]}
        self.stages = 1 + max((self.stage[n] for n in self.stepped), default=0)
        self.calls = self.stages * self.steps
        self.eval()

    @torch.no_grad()
    def forward(self, state: State | None = None, **inputs: Tensor) -> tuple[dict[str, Tensor], State]:
        state = state or State()
        call = state.call % self.calls
        fresh = call == 0
        kept = {} if fresh else dict(state.kept)
        state = replace(state, neurons=dict(state.neurons), sums={} if fresh else dict(state.sums), kept=kept)
        stage, step = divmod(call, self.steps)
        last = call == self.calls - 1
        now: dict[str, Tensor] = {}
        for name, node in self.network.graph.nodes.items():
            due = self.stage[name] == stage and (name in self.stepped or step == 0)
            ready = isinstance(node.op, Decode) and self.stage[name] == stage + 1
            if due and not isinstance(node.op, Decode):
                self._keep(name, self._value(node, now, state, inputs), now, state)
            elif ready:
                self._add_up(node, now, state, step)
            elif last and self.stage[name] > stage:
                self._keep(name, self._value(node, now, state, inputs), now, state)
        outputs = self.network.graph.outputs.items() if last else ()
        result = {name: (now | state.kept)[value] for name, value in outputs}
        membranes = state.neurons if self.steps == 1 or not last else {}
        return result, State(state.call + 1, membranes, state.sums, {} if last else state.kept)

    def _keep(self, name: str, value: Tensor, now: dict[str, Tensor], state: State) -> None:
        now[name] = value
        if name not in self.stepped:
            state.kept[name] = value
        elif name in self.crossing:
            state.kept[f"{name}@{state.call % self.steps}"] = value

    def _value(self, node: Node, now: dict[str, Tensor], state: State, inputs: dict[str, Tensor]) -> Tensor:
        def read(name: str) -> Tensor:
            if name in now:
                return now[name]
            return state.kept[f"{name}@{state.call % self.steps}" if name in self.stepped else name]

        if isinstance(node.op, Input):
            return inputs[node.name]
        args = [read(a) for a in self.network.arguments(node)]
        if isinstance(node.op, Output) or (isinstance(node.op, Expand) and node.name in self.stepped):
            return args[0]
        site = self.network.part(node.name) if isinstance(node.op, Firing) and node.op.site is not None else None
        if site is None or not hasattr(site, "fire"):
            return self.network.compute(node, args)
        unit = self.network.unit(node.op.unit)  # type: ignore[attr-defined]
        x, norm, step = site.read(args[0], unit)
        before = state.neurons[node.name] if node.name in state.neurons else site.fire.init_state(x)
        counts, state.neurons[node.name] = site.fire.step(x, before, step, norm)
        return counts  # type: ignore[no-any-return]

    def _add_up(self, node: Node, now: dict[str, Tensor], state: State, step: int) -> None:
        value = now[node.args[0]]
        total = value if step == 0 else state.sums[node.name] + value
        state.sums[node.name] = total
        if step == self.steps - 1:
            del state.sums[node.name]
            mean = node.op.fn == "mean"  # type: ignore[attr-defined]
            self._keep(node.name, total / self.steps if mean else total, now, state)
