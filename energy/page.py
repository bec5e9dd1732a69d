"""One self-contained HTML page that prices the networks again as its reader likes. No request leaves it.

It carries energy.json's rows (with the amounts of `energy.work`), every profile's prices, what the memory models and
opponents are, mean counts of sites, and sample pictures; `html/page.js` does the rest.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from energy.baselines import BASELINES
from energy.hardware import Profile, profiles
from energy.memory import MODELS
from energy.tables import price_cells

# What of a row the page reads.
READ = ("run", "miou", "spike_fed_share", "static", "work", "layers", "scored")


@dataclass(frozen=True, kw_only=True)
class Sample:
    """``pictures``: (caption, PNG)."""

    title: str
    pictures: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, kw_only=True)
class Heat:
    """Mean count of each site by ``by`` ("step" or "frame")."""

    by: str
    sites: tuple[str, ...]
    means: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the account does not know: ``heat`` by run, sample frames."""

    heat: Mapping[str, Heat] = field(default_factory=dict)
    samples: Sequence[Sample] = ()


def _prices(profile: Profile) -> dict[str, Any]:
    return {"word_bits": profile.word_bits, "prices": {k: p.pJ for k, p in profile.prices.items()}}


def page_data(rows: Sequence[Mapping[str, Any]], evidence: Evidence, own: Profile | None = None) -> dict[str, Any]:
    """All that the script reads. ``own``: a profile of the user's, beside the standard ones."""
    whole = [p for p in profiles().values() if p.whole] + ([own] if own and own.name not in profiles() else [])
    return {
        "rows": [{key: row.get(key) for key in READ} for row in rows],
        "profiles": {p.name: _prices(p) for p in whole},
        "opponents": {x: {"label": b.label, "profile": b.profile, "of": b.of} for x, b in BASELINES.items()},
        "models": {m.name: {"says": m.says, "source": m.source} for m in MODELS.values()},
        "heat": {run: {"by": h.by, "sites": h.sites, "means": h.means} for run, h in evidence.heat.items()},
    }


def _embedded(data: Mapping[str, Any]) -> Markup:
    """JSON that cannot end the script element that it stands in."""
    return Markup(json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c"))


def _file(name: str) -> str:
    return files("energy").joinpath("html", name).read_text(encoding="utf-8")


def html(rows: Sequence[Mapping[str, Any]], evidence: Evidence | None = None, own: Profile | None = None) -> str:
    evidence = evidence or Evidence()
    samples = [
        {
            "title": s.title,
            "pictures": [(c, f"data:image/png;base64,{b64encode(p).decode()}") for c, p in s.pictures],
        }
        for s in evidence.samples
    ]
    page = Environment(autoescape=True, undefined=StrictUndefined).from_string(_file("page.html.j2"))
    return page.render(
        names=[str(row["run"]).replace("\\", "/").rsplit("/", 1)[-1] for row in rows],
        style=Markup(_file("page.css")),
        script=Markup(_file("page.js")),
        data=_embedded(page_data(rows, evidence, own)),
        sentences=[row["sentence"] for row in rows if row["sentence"]],
        samples=samples,
        models=[{"name": m.name, "says": m.says, "source": m.source} for m in MODELS.values()],
        prices=price_cells(),
    )
