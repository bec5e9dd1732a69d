"""The page prices what it carries as the accountant does; in Python, in its own script, and in a browser."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch

from ann import ANN, QANN
from energy.account import account
from energy.baselines import BASELINES
from energy.break_even import layers
from energy.columns import Counts
from energy.costs import Static, pairs_pj
from energy.hardware import profiles, read_profiles
from energy.memory import MODELS
from energy.page import Evidence, Heat, Sample, html, page_data
from energy.report import compare, write
from graph.graph import Graph
from graph.lower import lower
from graph.neuron import Neuron
from graph.ops import Act, Conv, Input, Linear, Reduce, View
from graph.passes import SpikeSpec, fold, spikify

SCRIPT = Path(str(files("energy").joinpath("html", "page.js")))
PLACES = ("compute", *MODELS)
FRONT = Counts(fmac=1000, fadd=500)


def small() -> Graph:
    g = Graph(name="small")
    y = g("stem.conv", Conv(cin=3, cout=6, kernel=(3, 3), padding=1), g("image", Input(dims=(3, 8, 8))))
    y = g("body.conv", Conv(cin=6, cout=8, kernel=(3, 3), padding=1, stride=2), g("stem.act", Act(ceiling=4.0), y))
    y = g("pool", Reduce(fn="mean", axes=(1, 2)), g("body.act", Act(ceiling=4.0), y))
    g.output("y", g("head.fc", Linear(cin=8, cout=2), g("flat", View(pattern="c h w -> (h w) c"), y)))
    return g


@pytest.fixture(scope="module")
def accounts():
    torch.manual_seed(0)
    graph, batch = small(), {"image": torch.rand(6, 3, 8, 8) * 4}
    spiking = fold(spikify(graph, SpikeSpec(neuron=Neuron(levels=3), signed=False)))[0]
    counted = {"ann": account(lower(graph, ANN).eval(), [batch], frames=2, front_end=FRONT, name="ann")}
    module = lower(spiking, QANN).eval()
    for name, value in module.named_buffers():
        if name.endswith("upper"):
            value.copy_(torch.linspace(0.1, 1, value.shape[0])[:, None].expand_as(value))
    return counted | {"runs/snn": account(module, [batch], frames=2, front_end=FRONT, name="snn")}


@pytest.fixture(scope="module")
def rows(accounts):
    ann, snn = accounts.values()
    return compare(ann, {"runs/snn": snn}, {"ann": 0.9, "runs/snn": 0.88}, static=Static(uw=3, ms=2))


def reported(row, x: str, place: str) -> float:
    """A saving as energy.json holds it."""
    return row["saving"]["strict_compute"][x] if place == "compute" else row["memory"][place][x]["saving"]


def priced(amounts: dict[str, float], prices: dict[str, float]) -> float | None:
    return sum(v * prices[k] for k, v in amounts.items()) if amounts.keys() <= prices.keys() else None


def repriced(data, x: str, place: str, profile: str) -> tuple[float, float] | None:
    """uJ of (the run, opponent) from the page's data alone."""
    row, at = data["rows"][1], data["profiles"][profile]
    bits = "any" if place == "compute" else str(at["word_bits"])
    parts = [priced(amounts, at["prices"]) for amounts in row["work"]["own"][place][bits].values()]
    theirs = priced(row["work"]["opponents"][x][place][bits], at["prices"])
    always = row["static"]["uw"] * row["static"]["ms"] * 1e3
    if theirs is None or None in parts:
        return None
    return (sum(parts) + always) * 1e-6, (theirs + always) * 1e-6


def test_what_the_page_carries_gives_the_numbers_of_the_report(rows):
    data = page_data(rows, Evidence())
    assert len(PLACES) == 8 and set(data["opponents"]) == set(BASELINES)
    for x, opponent in BASELINES.items():
        for place in PLACES:
            ours, theirs = repriced(data, x, place, opponent.profile)
            saving = reported(rows[1], x, place)
            assert 1 - ours / theirs == pytest.approx(saving, abs=1e-7), (x, place)
            if place != "compute":
                assert [ours, theirs] == pytest.approx(rows[1]["memory"][place][x]["uj"], rel=1e-7)


def test_and_those_of_the_accountant_at_every_profile(accounts, rows):
    """Prices that no report was written with."""
    ann, snn = accounts.values()
    data, seen = page_data(rows, Evidence()), 0
    for name, profile in profiles().items():
        if name not in data["profiles"]:
            continue
        for place in PLACES:
            memory = "" if place == "compute" else place
            found = {x: repriced(data, x, place, name) for x in BASELINES}
            if None in found.values():
                with pytest.raises(ValueError, match="has no price"):
                    pairs_pj(BASELINES, ann, snn, memory=memory, prices=profile)
                continue
            pairs = pairs_pj(BASELINES, ann, snn, memory=memory, prices=profile, static=Static(uw=3, ms=2))
            for x, pair in pairs.items():
                assert found[x] == pytest.approx([p * 1e-6 for p in pair], rel=1e-7), (name, place, x)
                seen += 1
    assert seen > 100


def test_a_profile_of_ones_own_is_among_the_choices(rows):
    header = "profile,word_bits,column,pJ,technology,citation,status\n"
    columns = ["ac_w", "ac_int", "imac", "imac_per_bit", "fmac", "fadd", "mul", "cmp", "transcendental"]
    lines = [f"mine,8,{c},2,7 nm,our bench,assumed" for c in columns]
    (mine,) = read_profiles((header + "\n".join(lines)).splitlines(), "mine.csv").values()
    data = page_data(rows, Evidence(), mine)
    assert data["profiles"]["mine"]["prices"]["fmac"] == 2
    assert repriced(data, "int8", "compute", "mine") is not None and repriced(data, "int8", "cacheless", "mine") is None


def test_layers_of_the_report_are_those_of_the_break_even(accounts, rows):
    ann, snn = accounts.values()
    expected = {layer.name: layer for layer in layers(ann, snn)}
    shown = {row["name"]: row for row in rows[1]["layers"]}
    assert expected and expected.keys() <= shown.keys()
    for name, layer in expected.items():
        assert shown[name]["break_even"] == pytest.approx(layer.at) and shown[name]["rate"] == pytest.approx(layer.rate)
    total = sum(float(np.mean(r.counts.ac_w)) for r in snn.rows)
    assert sum(row.get("ac_w", 0) for row in rows[1]["layers"]) == pytest.approx(total)


def test_no_text_can_end_the_script_or_become_markup(rows):
    named = [{**row, "run": "</script><b>x", "sentence": "<i>"} for row in rows]
    page = html(named, Evidence(samples=[Sample(title="<u>", pictures=(("<s>", b"png"),))]))
    assert "</script><b>" not in page and "<i>" not in page and "<u>" not in page and "<s>" not in page
    assert page.count("</script>") == 2


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_its_script_prices_as_python_does(rows, tmp_path):
    (tmp_path / "data.json").write_text(json.dumps(page_data(rows, Evidence())))
    code = f"""
        const page = require({json.dumps(str(SCRIPT))});
        const data = JSON.parse(require("fs").readFileSync({json.dumps(str(tmp_path / "data.json"))}));
        const found = {{}};
        for (const x of Object.keys(data.opponents)) for (const place of {json.dumps(PLACES)})
          for (const name of ["own", ...Object.keys(data.profiles)])
            found[`${{x}} ${{place}} ${{name}}`] = page.pair(data, 1, x, place, name);
        const points = [[1, 0.5], [2, 0.4], [3, 0.9], [3, 0.8]].map(([uj, miou]) => ({{uj, miou}}));
        found.front = page.front(points);
        console.log(JSON.stringify(found));
    """
    done = subprocess.run(["node", "-e", code], capture_output=True, text=True, check=True)
    found, data = json.loads(done.stdout), page_data(rows, Evidence())
    assert found.pop("front") == [{"uj": 1, "miou": 0.5}, {"uj": 3, "miou": 0.9}]
    for key, pair in found.items():
        x, place, name = key.split()
        expected = repriced(data, x, place, BASELINES[x].profile if name == "own" else name)
        assert (pair is None) == (expected is None), key
        if pair is not None:
            assert [pair["ours"], pair["theirs"]] == pytest.approx(list(expected), rel=1e-9), key


# ---- in a browser ---------------------------------------------------------------------------------------------------
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
AXE = Path(os.environ.get("AXE_CORE", "node_modules/axe-core/axe.min.js"))


@pytest.fixture(scope="module")
def open_page(accounts, rows, tmp_path_factory) -> Callable:
    """``open_page(width, dark)``: the page in a browser without a window; skipped where there is none."""
    webdriver = pytest.importorskip("selenium.webdriver")
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    service = shutil.which("chromedriver")
    if browser is None or service is None:
        pytest.skip("chromium and chromedriver are not installed")
    out = tmp_path_factory.mktemp("page")
    shown = [{**row, "scored": {"clips": 3, "miou": row["miou"]}} for row in rows]
    heat = Heat(by="frame", sites=("a", "b"), means=((0.1, 0.2), (0.0, 3.0)))
    sample = Sample(title="clip 1", pictures=(("frame", PNG), ("mask", PNG)))
    write(shown, accounts, out, Evidence(heat={"runs/snn": heat}, samples=[sample]))
    opened = []

    def start(width: int = 1440, dark: bool = False):
        options = webdriver.ChromeOptions()
        options.binary_location = browser
        for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
            options.add_argument(word)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(service))
        opened.append(driver)
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        driver.get((out / "energy.html").as_uri())
        return driver

    yield start
    for driver in opened:
        driver.quit()


PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8cfc000000301010018dd8db0"
    "0000000049454e44ae426082"
)


def shown(saving: float) -> str:
    """A saving as the page writes it."""
    return f"{1 - saving:.1f} ×" if saving < -1 else f"{'+' if saving >= 0 else '−'}{abs(saving * 100):.1f} %"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_every_switch_gives_the_numbers_of_the_report(open_page, rows):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import Select

    driver = open_page()
    data = page_data(rows, Evidence())

    def fact(name: str) -> str:
        return driver.find_element(By.CSS_SELECTOR, f'[data-fact="{name}"]').text

    for x in BASELINES:
        for place in PLACES:
            Select(driver.find_element(By.ID, "opponent")).select_by_value(x)
            Select(driver.find_element(By.ID, "place")).select_by_value(place)
            report = reported(rows[1], x, place)
            assert fact("saved") == shown(report), (x, place)
            cell = driver.find_element(By.CSS_SELECTOR, f'[data-cell="{place} {x}"]')
            assert cell.text == shown(report) and cell.get_attribute("aria-pressed") == "true"
            assert BASELINES[x].label in driver.find_element(By.ID, "found").text
    Select(driver.find_element(By.ID, "place")).select_by_value("cacheless")
    for name in data["profiles"]:
        Select(driver.find_element(By.ID, "profile")).select_by_value(name)
        expected = repriced(data, list(BASELINES)[-1], "cacheless", name)
        assert fact("saved") == ("no price" if expected is None else shown(1 - expected[0] / expected[1])), name
    assert not [entry for entry in driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
    sent = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    urls = [m["params"]["request"]["url"] for m in sent if m["method"] == "Network.requestWillBeSent"]
    assert all(re.match("(file|data):", url) for url in urls) and urls


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_table_sorts_and_filters_and_charts_follow(open_page, rows):
    from selenium.webdriver.common.by import By

    driver = open_page()

    def click(what: str) -> None:
        """Away from the switches, which stay at the top."""
        element = driver.find_element(By.CSS_SELECTOR, what)
        driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def column(number: int) -> list[str]:
        lines = driver.find_elements(By.CSS_SELECTOR, "#layers tbody tr")
        return [line.find_elements(By.CSS_SELECTOR, "th, td")[number].text for line in lines]

    click('[data-sort="macs"]')
    numbers = [float(v.replace(",", "").replace("–", "0")) for v in column(3)]
    assert numbers == sorted(numbers, reverse=True) and len(numbers) == len(rows[1]["layers"])
    click('[data-sort="macs"]')
    assert driver.find_element(By.CSS_SELECTOR, '[aria-sort="ascending"]').text.startswith("MACs")
    click('[data-sort="name"]')
    assert column(0) == sorted(column(0))
    driver.find_element(By.ID, "filter").send_keys("conv spike")
    assert column(0) == ["body.conv"] and driver.find_element(By.ID, "shown").text.startswith("1 of ")
    parts = driver.find_element(By.CSS_SELECTOR, "#where svg").get_attribute("aria-label")
    click('[value="price"]')
    prices = driver.find_element(By.CSS_SELECTOR, "#where svg").get_attribute("aria-label")
    assert "body.conv" in parts and "fmac" in prices and parts != prices
    assert "mIoU 0.880" in driver.find_element(By.CSS_SELECTOR, "#pareto svg").get_attribute("aria-label")
    assert len(driver.find_elements(By.CSS_SELECTOR, "#heat rect")) == 4
    assert len(driver.find_elements(By.CSS_SELECTOR, ".samples img")) == 2


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("width", [375, 1440])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_fits_and_everybody_can_use_it(open_page, width, dark):
    driver = open_page(width, dark)
    assert driver.execute_script("return document.documentElement.scrollWidth") <= width
    background = driver.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(255, 255, 255)") != dark
    if not AXE.is_file():
        pytest.skip(f"axe-core is not there (AXE_CORE, or {AXE})")
    driver.execute_script(AXE.read_text())
    found = driver.execute_async_script("const done = arguments[arguments.length - 1]; axe.run().then(done);")
    serious = [v for v in found["violations"] if v["impact"] in ("serious", "critical")]
    assert not serious, [(v["id"], v["nodes"][0]["html"]) for v in serious]


def test_the_page_stays_small(rows):
    assert len(html(rows)) < 3_000_000
