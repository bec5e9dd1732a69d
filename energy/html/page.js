"use strict";
/* Prices the amounts that the page carries, as `energy.costs` does, and draws what comes out. No request leaves here. */

/* ---- arithmetic: pure functions of the data ---- */
function price(amounts, prices) {
  let pj = 0;
  for (const [key, amount] of Object.entries(amounts)) {
    if (!(key in prices)) return null; // a place that this profile does not price
    pj += amount * prices[key];
  }
  return pj;
}

function together(parts) {
  const total = {};
  for (const amounts of Object.values(parts))
    for (const [key, amount] of Object.entries(amounts)) total[key] = (total[key] || 0) + amount;
  return total;
}

function profileOf(data, opponent, name) {
  return data.profiles[name === "own" ? data.opponents[opponent].profile : name];
}

function table(data, place, profile) { return place === "compute" ? "any" : String(profile.word_bits); }

/* {ours, theirs} in uJ of a frame and the saving, or null where a price is missing. */
function pair(data, run, opponent, place, profileName) {
  const profile = profileOf(data, opponent, profileName), bits = table(data, place, profile);
  const row = data.rows[run], still = row.static ? row.static.uw * row.static.ms * 1e3 : 0;
  const own = row.work.own[place][bits], other = row.work.opponents[opponent][place][bits];
  if (!own || !other) return null;
  const ours = price(together(own), profile.prices), theirs = price(other, profile.prices);
  if (ours === null || theirs === null) return null;
  const uj = [ours, theirs].map((pj) => (pj + still) * 1e-6);
  return { ours: uj[0], theirs: uj[1], saving: 1 - uj[0] / uj[1] };
}

/* Points that no other beats in both: least energy, most mIoU. */
function front(points) {
  return points.filter((p) => !points.some((q) => q !== p && q.uj <= p.uj && q.miou >= p.miou &&
    (q.uj < p.uj || q.miou > p.miou))).sort((a, b) => a.uj - b.uj);
}

if (typeof module !== "undefined") module.exports = { price, together, pair, front };

/* ---- the page ---- */
const percent = (x) => x < -1 ? `${(1 - x).toFixed(1)} \u00d7` :
  (x >= 0 ? "+" : "\u2212") + Math.abs(x * 100).toFixed(1) + " %";
const digits = (x) => (x === null || x === undefined ? "\u2013" : x === 0 ? "0" : Math.abs(x) >= 1000 ?
  Math.round(x).toLocaleString("en") : String(Number(x.toPrecision(3))));

function element(name, attributes = {}, ...children) {
  const svg = ["svg", "g", "rect", "line", "circle", "path", "text", "title"].includes(name);
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function start() {
  const data = JSON.parse(document.getElementById("data").textContent), $ = (id) => document.getElementById(id);
  const runs = data.rows.map((row, i) => i).slice(1), state = { run: runs[0], opponent: "dense_fp32", place: "compute",
    profile: "own", group: "part", sort: "uj", down: true, filter: "" };
  const label = (i) => data.rows[i].run.split(/[\\/]/).pop();
  const fill = (id, options) => { for (const [value, text] of options) $(id).append(element("option", { value }, text)); };
  fill("run", runs.map((i) => [i, label(i)]));
  fill("opponent", Object.entries(data.opponents).map(([x, o]) => [x, o.label]));
  fill("place", [["compute", "computing alone"], ...Object.keys(data.models).map((m) => [m, m.replaceAll("_", " ")])]);
  fill("profile", [["own", "the opponent\u2019s precision"], ...Object.keys(data.profiles).map((p) => [p, p])]);

  function found() {
    const p = pair(data, state.run, state.opponent, state.place, state.profile);
    const place = state.place === "compute" ? "computing alone" : `under ${state.place.replaceAll("_", " ")}`;
    const row = data.rows[state.run], ann = data.rows[0], lost = ann.miou - row.miou;
    $("found").textContent = p === null ? `${state.profile} has no price for what ${state.place} moves` :
      `${label(state.run)} ${p.saving >= 0 ? "saves" : "costs"} ` +
      (p.saving >= 0 ? `${(100 * p.saving).toFixed(1)} % against` : `${(p.ours / p.theirs).toFixed(2)} times`) +
      ` ${data.opponents[state.opponent].label}, ${place}, at ${lost >= 0 ? "a loss" : "a gain"} of ` +
      `${Math.abs(lost).toFixed(3)} mIoU.`;
    const own = pair(data, state.run, state.opponent, "compute", state.profile);
    const turned = own === null ? [] : Object.keys(data.models).filter((m) => {
      const q = pair(data, state.run, state.opponent, m, state.profile);
      return q !== null && (q.saving >= 0) !== (own.saving >= 0);
    });
    $("turned").textContent = turned.length ? `Memory reverses it: the verdict of computing alone turns round under ` +
      `${turned.map((m) => m.replaceAll("_", " ")).join(", ")}.` : "No memory model reverses the verdict of computing alone.";
    $("assumes").textContent = state.place === "compute" ? "Arithmetic of both networks whole, front end included; " +
      "nothing that is moved is paid for." : `Assumes: ${data.models[state.place].says.join("; ")}.`;
    tiles(p, row, lost);
  }

  function tiles(p, row, lost) {
    const facts = [["saved", p ? percent(p.saving) : "no price", p ? (p.saving >= 0 ? "good" : "bad") : ""],
      ["the run, uJ", p ? digits(p.ours) : "\u2013", ""], ["the opponent, uJ", p ? digits(p.theirs) : "\u2013", ""],
      ["mIoU of the run", row.miou === null ? "\u2013" : row.miou.toFixed(3), ""],
      ["mIoU lost", (lost >= 0 ? "" : "\u2212") + Math.abs(lost).toFixed(3), lost > 0.02 ? "bad" : ""],
      ["multiplies fed by spikes", (100 * row.spike_fed_share).toFixed(1) + " %", ""]];
    $("tiles").replaceChildren(...facts.map(([t, v, c]) => element("div", {}, element("dt", {}, t),
      element("dd", { class: c, "data-fact": t }, v))));
  }

  function savings() {
    const head = element("tr", {}, element("th", { scope: "col" }, "memory model"),
      ...Object.values(data.opponents).map((o) => element("th", { scope: "col" }, o.label.replace("the ", ""))));
    const lines = ["compute", ...Object.keys(data.models)].map((place) => element("tr", {},
      element("th", { scope: "row" }, place === "compute" ? "computing alone" : place.replaceAll("_", " ")),
      ...Object.keys(data.opponents).map((x) => {
        const p = pair(data, state.run, x, place, state.profile);
        const text = p === null ? "no price" : percent(p.saving), here = x === state.opponent && place === state.place;
        const button = element("button", { type: "button", "aria-pressed": here, "data-cell": `${place} ${x}`,
          class: p === null ? "" : p.saving >= 0 ? "good" : "bad",
          "aria-label": `${text} against ${data.opponents[x].label}, ${place}` }, text);
        button.addEventListener("click", () => { state.place = place; state.opponent = x; draw();
          document.querySelector(`[data-cell="${place} ${x}"]`).focus(); });
        return element("td", {}, button);
      })));
    $("savings").replaceChildren(element("thead", {}, head), element("tbody", {}, ...lines));
  }

  function pareto() {
    const points = [];
    for (const i of runs) {
      const p = pair(data, i, state.opponent, state.place, state.profile), of = data.opponents[state.opponent].of;
      if (p === null || data.rows[i].miou === null) continue;
      points.push({ name: label(i), uj: p.ours, miou: data.rows[i].miou, ours: true });
      const name = of === "ann" ? label(0) : `${label(i)}, quantised`;
      if (!points.some((q) => q.name === name)) points.push({ name, uj: p.theirs, miou: data.rows[of === "ann" ? 0 : i].miou });
    }
    if (!points.length) { $("pareto").replaceChildren(element("p", {}, "No price for this choice.")); return; }
    const width = Math.max(320, Math.min(760, $("pareto").clientWidth)), height = 300, left = 60, bottom = 46;
    const logs = points.map((p) => Math.log10(p.uj)), ms = points.map((p) => p.miou);
    const span = (v, pad) => { const low = Math.min(...v), high = Math.max(...v), more = Math.max((high - low) * 0.18, pad);
      return [low - more, high + more]; };
    const [x0, x1] = span(logs, 0.12), [y0, y1] = span(ms, 0.02);
    const x = (uj) => left + (Math.log10(uj) - x0) / (x1 - x0) * (width - left - 20);
    const y = (m) => height - bottom - (m - y0) / (y1 - y0) * (height - bottom - 16);
    const best = front(points), told = points.map((p) => `${p.name}: ${digits(p.uj)} uJ, mIoU ${p.miou.toFixed(3)}`).join("; ");
    const svg = element("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Energy against mIoU. ${told}` },
      element("line", { class: "axis", x1: left, x2: width, y1: height - bottom, y2: height - bottom }),
      element("line", { class: "axis", x1: left, x2: left, y1: 0, y2: height - bottom }),
      element("text", { class: "soft", x: width - 8, y: height - 8, "text-anchor": "end" }, "uJ of a frame (logarithmic)"),
      element("text", { class: "soft", x: 6, y: 14 }, "mIoU"),
      element("path", { class: "front", d: best.map((p, i) => `${i ? "L" : "M"}${x(p.uj)} ${y(p.miou)}`).join("") }));
    for (const at of [0.1, 0.5, 0.9]) {
      const m = y0 + at * (y1 - y0), uj = 10 ** (x0 + at * (x1 - x0));
      svg.append(element("text", { class: "soft", x: left - 6, y: y(m) + 4, "text-anchor": "end" }, m.toFixed(3)),
        element("text", { class: "soft", x: x(uj), y: height - bottom + 18, "text-anchor": "middle" }, digits(uj)));
    }
    for (const p of points) {
      const right = x(p.uj) > width * 0.6;
      svg.append(element("circle", { cx: x(p.uj), cy: y(p.miou), r: 7, fill: `var(--${p.ours ? "ours" : "theirs"})` }),
        element("text", { x: x(p.uj) + (right ? -12 : 12), y: y(p.miou) - 10, "text-anchor": right ? "end" : "start" },
          `${p.name}${best.includes(p) ? "" : " (beaten)"}`));
    }
    $("pareto").replaceChildren(svg);
  }

  /* name -> [ours, the ANN's or opponent's] in uJ */
  function groups() {
    const profile = profileOf(data, state.opponent, state.profile), bits = table(data, state.place, profile);
    const own = data.rows[state.run].work.own[state.place][bits];
    const byPrice = (amounts) => Object.fromEntries(Object.entries(amounts).map(([k, v]) =>
      [k, k in profile.prices ? v * profile.prices[k] * 1e-6 : 0]));
    let mine, others, other = data.opponents[state.opponent].label;
    if (state.group === "price") {
      mine = byPrice(together(own));
      others = byPrice(data.rows[state.run].work.opponents[state.opponent][state.place][bits]);
    } else {
      const sum = (parts) => Object.fromEntries(Object.entries(parts).map(([k, v]) => [k, (price(v, profile.prices) || 0) * 1e-6]));
      mine = sum(own); others = sum(data.rows[0].work.own[state.place][bits]); other = "the dense ANN";
    }
    const names = [...new Set([...Object.keys(mine), ...Object.keys(others)])];
    const all = names.map((n) => [n, mine[n] || 0, others[n] || 0]).sort((a, b) => b[1] + b[2] - a[1] - a[2]);
    const rest = all.slice(11).reduce((r, g) => [r[0], r[1] + g[1], r[2] + g[2]], ["all others", 0, 0]);
    return { other, bars: all.length > 12 ? [...all.slice(0, 11), rest] : all };
  }

  const short = (text, room) => text.length > room / 7 ? text.slice(0, Math.floor(room / 7) - 1) + "\u2026" : text;

  function where() {
    const width = Math.max(320, Math.min(760, $("where").clientWidth)), row = 40, top = 46, left = width < 500 ? 128 : 190;
    const { other, bars } = groups();
    const most = Math.max(...bars.flatMap((b) => [b[1], b[2]])) || 1, long = (uj) => uj / most * (width - left - 80);
    const told = bars.map((b) => `${b[0]}: ${digits(b[1])} and ${digits(b[2])}`).join("; ");
    const svg = element("svg", { viewBox: `0 0 ${width} ${top + row * bars.length}`, role: "img",
      "aria-label": `uJ of a frame, the run and ${other}. ${told}` },
      element("rect", { x: 0, y: 4, width: 12, height: 12, fill: "var(--ours)" }),
      element("text", { x: 18, y: 15 }, label(state.run)),
      element("rect", { x: 0, y: 23, width: 12, height: 12, fill: "var(--theirs)" }),
      element("text", { x: 18, y: 34 }, other));
    bars.forEach(([name, ours, theirs], i) => {
      const y = top + i * row;
      svg.append(element("text", { x: left - 8, y: y + 22, "text-anchor": "end" }, short(name.replaceAll("_", " "), left)),
        element("rect", { x: left, y: y + 4, width: long(ours), height: 13, fill: "var(--ours)" }),
        element("text", { class: "soft", x: left + long(ours) + 5, y: y + 15 }, digits(ours)),
        element("rect", { x: left, y: y + 19, width: long(theirs), height: 13, fill: "var(--theirs)" }),
        element("text", { class: "soft", x: left + long(theirs) + 5, y: y + 30 }, digits(theirs)));
    });
    $("where").replaceChildren(svg);
  }

  const COLUMNS = [["name", "node"], ["op", "op"], ["reads", "reads"], ["macs", "MACs"], ["ac_w", "weight adds"],
    ["ac_int", "integer adds"], ["fmac", "fp MACs"], ["uj", "uJ, fp32"], ["rate", "mean count"], ["even", "break-even"]];

  function layers() {
    const words = state.filter.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = data.rows[state.run].layers.map((l) => ({ ...l, even: l.break_even[state.opponent] ?? null }))
      .filter((l) => words.every((w) => `${l.name} ${l.op} ${l.reads}`.toLowerCase().includes(w)));
    rows.sort((a, b) => {
      const [u, v] = [a[state.sort] ?? -1, b[state.sort] ?? -1];
      return (typeof u === "string" || typeof v === "string" ? String(u).localeCompare(String(v)) : u - v) * (state.down ? -1 : 1);
    });
    const head = element("tr", {}, ...COLUMNS.map(([key, title]) => {
      const button = element("button", { type: "button", "data-sort": key }, title);
      button.addEventListener("click", () => { state.down = state.sort === key ? !state.down : !["name", "op", "reads"].includes(key);
        state.sort = key; layers(); document.querySelector(`[data-sort="${key}"]`).focus(); });
      const sorted = state.sort === key ? (state.down ? "descending" : "ascending") : "none";
      return element("th", { scope: "col", "aria-sort": sorted }, button);
    }));
    const lines = rows.map((l) => element("tr", {}, ...COLUMNS.map(([key]) => {
      const dear = key === "rate" && l.even !== null && l.rate > l.even;
      const value = typeof l[key] === "string" ? l[key] : digits(l[key]);
      return element(key === "name" ? "th" : "td", key === "name" ? { scope: "row" } : dear ? { class: "bad" } : {},
        dear ? `${value} (above)` : value);
    })));
    $("layers").replaceChildren(element("thead", {}, head), element("tbody", {}, ...lines));
    $("shown").textContent = `${rows.length} of ${data.rows[state.run].layers.length} nodes`;
  }

  function heat() {
    const found = data.heat[data.rows[state.run].run];
    $("s-heat").hidden = !found;
    if (!found) return;
    const row = 17, left = 290, width = left + 60 * found.means[0].length + 70;
    const most = Math.max(...found.means.flat()) || 1;
    const svg = element("svg", { viewBox: `0 0 ${Math.max(width, 520)} ${34 + row * found.sites.length}`, role: "img",
      "aria-label": `Mean count by site and ${found.by}; most ${digits(most)}` });
    found.means[0].forEach((_, i) => svg.append(element("text", { class: "soft", x: left + 60 * i + 28, y: 22,
      "text-anchor": "middle" }, `${found.by} ${i + 1}`)));
    found.sites.forEach((site, at) => {
      svg.append(element("text", { x: left - 8, y: 44 + row * at, "text-anchor": "end", style: "font-size:11px" },
        site.length > 44 ? "\u2026" + site.slice(-43) : site));
      found.means[at].forEach((mean, i) => svg.append(
        element("rect", { x: left + 60 * i, y: 32 + row * at, width: 58, height: row - 2,
          fill: `rgba(var(--heat), ${0.06 + 0.6 * Math.sqrt(mean / most)})` }, element("title", {}, `${site}: ${digits(mean)}`)),
        element("text", { x: left + 60 * i + 29, y: 44 + row * at, "text-anchor": "middle", style: "font-size:10px" }, digits(mean))));
    });
    $("heat").replaceChildren(element("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "Mean counts" }, svg));
  }

  function draw() {
    for (const key of ["run", "opponent", "place", "profile"]) $(key).value = state[key];
    found(); savings(); pareto(); where(); layers(); heat();
  }
  for (const key of ["run", "opponent", "place", "profile"])
    $(key).addEventListener("change", (e) => { state[key] = key === "run" ? Number(e.target.value) : e.target.value; draw(); });
  for (const radio of document.querySelectorAll("[name=group]"))
    radio.addEventListener("change", (e) => { state.group = e.target.value; where(); });
  window.addEventListener("resize", () => { pareto(); where(); });
  $("filter").addEventListener("input", (e) => { state.filter = e.target.value; layers(); });
  draw();
}

if (typeof document !== "undefined") start();
