import { DARK, LIGHT, make, readable } from "./shared.js";

const at = (id) => document.getElementById(id);
const REST = 250; // ms without a move after which the budget is worked out
const wide = matchMedia("(min-width: 861px)"); // else groups of controls are closed, but for one
const DASHES = ["solid", "dash", "dashdot", "dot"];
const contents = await (await fetch("contents")).json();
const controls = new Map(contents.controls.map((control) => [control.name, control]));
const elements = new Map();
let state = { ...contents.state };
let values = {}; // what the last figures were made with, defaults filled in
let files = [...contents.files];
let last = null;

async function post(path, body) {
  const response = await fetch(path, { method: "POST", body });
  const answer = await response.json();
  if (answer.error) throw new Error(answer.error);
  return answer;
}

// ---- controls ---------------------------------------------------------------

const isFile = (name) => files.includes(name);
const matrix = () => state.matrix ?? contents.problems[state.problem].matrix;
const GENERATED = ["columns", "signed"];

function fits(control) {
  if (isFile(matrix()) && (GENERATED.includes(control.name) || control.generator)) return false;
  return (!control.problems.length || control.problems.includes(state.problem)) && (!control.generator || control.generator === matrix());
}

function choices(name) {
  const problem = contents.problems[state.problem];
  if (name === "problem") return Object.keys(contents.problems);
  if (name === "matrix") return [...problem.matrices, ...files];
  if (name === "circuit") return problem.circuits;
  return controls.get(name).choices;
}

function said(control, value) {
  if (value === null || value === undefined) return control.nothing;
  return control.fraction ? `${readable(100 * value)} %` : readable(value, control.unit);
}

function nearest(stops, value) {
  if (value === null || value === undefined) return Math.max(0, stops.indexOf(null));
  const distance = (stop) => (stop === null ? Infinity : stop > 0 && value > 0 ? Math.abs(Math.log(stop / value)) : stop === value ? 0 : 1e9 + Math.abs(stop - value));
  return stops.reduce((best, stop, k) => (distance(stop) < distance(stops[best]) ? k : best), 0);
}

function build() {
  const groups = new Map();
  for (const control of controls.values()) {
    if (!groups.has(control.group)) groups.set(control.group, make("details", { open: wide.matches || control.group === "Cells" }, make("summary", { textContent: control.group })));
    const id = `control-${control.name}`;
    const label = make("label", { htmlFor: id, textContent: control.label, title: control.help });
    let input;
    if (control.kind === "slider") input = make("input", { type: "range", id, min: 0, max: control.stops.length - 1, step: 1 });
    else if (control.kind === "flag") input = make("input", { type: "checkbox", id });
    else input = make("select", { id });
    const value = make("output", { htmlFor: id });
    const row = control.kind === "slider" ? [label, value, input] : [label, input];
    const place = make("div", { className: "control" }, ...row);
    groups.get(control.group).append(place);
    elements.set(control.name, { place, input, value });
    input.addEventListener(control.kind === "slider" ? "input" : "change", () => changed(control, input));
  }
  at("controls").prepend(...groups.values());
}

// What follows from another choice is left to it: parts of a preset, circuit and matrix of a problem.
function changed(control, input) {
  const { name } = control;
  state[name] = control.kind === "slider" ? control.stops[input.value] : control.kind === "flag" ? input.checked : input.value;
  if (name === "problem") {
    delete state.circuit;
    if (!isFile(state.matrix)) delete state.matrix;
  }
  if (name === "device" || name === "opamp") for (const other of controls.values()) if (other.group === control.group && other.name !== name && other.name !== "seed") delete state[other.name];
  if (name === "problem" || name === "matrix" || name === "circuit") arrange();
  if (control.kind === "slider") tell(control);
  refresh();
}

function tell(control) {
  const { input, value } = elements.get(control.name);
  const shown = control.name in state ? state[control.name] : values[control.name];
  input.setAttribute("aria-valuetext", said(control, shown));
  const clear = make("button", { type: "button", textContent: "×", title: "as preset and defaults say" });
  clear.setAttribute("aria-label", `${control.label}: as preset and defaults say`);
  clear.addEventListener("click", () => { delete state[control.name]; input.focus(); refresh(); });
  value.replaceChildren(said(control, shown), ...(control.name in state ? [clear] : []));
}

function arrange() {
  for (const control of controls.values()) {
    const { place, input } = elements.get(control.name);
    place.hidden = !fits(control);
    if (control.kind === "text") {
      const wanted = state[control.name] ?? values[control.name] ?? (control.name === "matrix" ? matrix() : "");
      const names = choices(control.name);
      input.replaceChildren(...names.map((name) => make("option", { value: name, textContent: name })));
      input.value = names.includes(wanted) ? wanted : names[0];
    } else if (control.kind === "flag") {
      input.checked = Boolean(state[control.name] ?? values[control.name]);
    } else {
      if (document.activeElement !== input || !(control.name in state)) input.value = nearest(control.stops, control.name in state ? state[control.name] : values[control.name]);
      tell(control);
    }
  }
}

async function load(name, content) {
  try {
    const kept = await post(`matrix?${encodeURIComponent(name)}`, content);
    if (!files.includes(kept.matrix)) files.push(kept.matrix);
    state.matrix = kept.matrix;
    refresh();
  } catch (error) {
    trouble(error.message);
  }
}

// ---- questions: one at a time, and the newest next ----------------------------

let asking = false, again = false, resting = null, serial = 0;

async function refresh() {
  clearTimeout(resting);
  document.documentElement.classList.add("waiting");
  again = true;
  if (asking) return;
  asking = true;
  while (again) {
    again = false;
    const number = ++serial;
    try {
      const figures = await post("figures", JSON.stringify(state));
      last = figures;
      values = figures.values;
      trouble("");
      await show(figures);
    } catch (error) {
      trouble(error.message);
    }
    document.documentElement.dataset.drawn = number;
  }
  asking = false;
  resting = setTimeout(rest, REST);
}

async function rest() {
  const failed = !at("trouble").hidden;
  arrange();
  if (failed) { at("text").textContent = ""; return; }
  at("working").textContent = "working …";
  const number = serial;
  try {
    texts = await post("copies", JSON.stringify(state));
    showText();
    const budget = await post("budget", JSON.stringify(state));
    if (number !== serial || asking) return;
    if (budget.superseded) { resting = setTimeout(rest, REST); return; } // by another page
    showBudget(budget);
    document.documentElement.classList.remove("waiting");
    document.documentElement.dataset.rested = number;
  } catch (error) {
    at("budget-caption").textContent = error.message;
    at("budget").replaceChildren();
    document.documentElement.classList.remove("waiting");
  } finally {
    if (number === serial) at("working").textContent = "";
  }
}

function trouble(text) {
  at("trouble").hidden = !text;
  at("trouble").textContent = text;
  at("results").classList.toggle("stale", Boolean(text));
}

// ---- what is shown -------------------------------------------------------------

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const dark = () => document.documentElement.classList.contains("dark");

function figure(name, value, tone = "plain") {
  return make("div", { className: tone }, make("dt", { textContent: name }), make("dd", { textContent: value }));
}

async function show(found) {
  at("title").textContent = `${values.problem} on ${found.circuit}`;
  at("what").textContent = `${found.shape[0]} x ${found.shape[1]} ${matrix()} matrix, ${found.amplifiers} amplifiers, ${found.cells} cells, ${values.fidelity}${found.range === "reference" ? "; range chosen with the ideal answer" : ""}`;
  const error = found.relative_error === null ? `${readable(found.absolute_error, "", 3)} of 0` : `${readable(100 * found.relative_error, "", 3)} %`;
  at("figures").replaceChildren(
    figure("relative error", error),
    figure("settling", found.settled ? readable(found.settling_time, "s") : unsettled(found), found.settled ? "plain" : "bad"),
    figure("power", readable(found.power.total ?? null, "W")),
    figure("energy", readable(found.energy, "J")),
    ...(found.modes ? [figure("damping", found.modes.stable || found.modes.constraint ? readable(found.modes.damping, "", 3) : "unstable", found.modes.stable || found.modes.constraint ? "plain" : "bad")] : []),
  );
  showChip(found.chip);
  at("cautions").hidden = !found.cautions.length;
  at("cautions").replaceChildren(...found.cautions.map((textContent) => make("li", { textContent })));
  showSolution(found);
  bars(at("power"), Object.entries(found.power).filter(([name]) => name !== "total").map(([name, watts]) => [name.replaceAll("_", " "), watts, readable(watts, "W", 3)]));
  showModes(found.modes);
  const drawing = `circuit/${encodeURIComponent(found.circuit)}.svg`;
  if (at("drawing").getAttribute("src") !== drawing) { at("drawing").src = drawing; at("drawing").alt = `Drawing of ${found.circuit}`; }
  await draw(found);
}

const unsettled = ({ waveforms }) => (waveforms ? `> ${readable(waveforms.until, "s", 3)}` : "not settled");

function showChip(chip) {
  const both = ({ time_s, energy_j }) => `${readable(time_s, "s")}, ${readable(energy_j, "J")}`;
  at("chip").textContent = chip ? `Settling and energy are those of the circuit alone. On a chip (technology ${chip.technology}): writing the cells once ${both(chip.writing)}${chip.operation.time_s === null ? "" : `; a right-hand side with converters ${both(chip.operation)}`}.` : "";
}

function showSolution(found) {
  const head = make("tr", {}, ...["", "x", "ideal", "difference"].map((textContent) => make("th", { textContent, scope: "col" })));
  const flat = (value) => (Array.isArray(value) ? `${readable(value[0], "", 4)} + ${readable(value[1], "", 4)}i` : readable(value, "", 4));
  const rows = found.x.slice(0, 16).map((x, k) => {
    const difference = Array.isArray(x) ? "" : readable(x - found.reference[k], "", 2);
    return make("tr", {}, make("th", { textContent: k, scope: "row" }), ...[flat(x), flat(found.reference[k]), difference].map((textContent) => make("td", { textContent })));
  });
  at("x").replaceChildren(make("thead", {}, head), make("tbody", {}, ...rows));
}

function bars(place, rows) {
  const largest = Math.max(...rows.map((row) => Math.abs(row[1])), 1e-300);
  place.replaceChildren(...rows.flatMap(([name, value, text]) => {
    const bar = make("span", { className: value < 0 ? "bar negative" : "bar" });
    bar.style.width = `${(100 * Math.abs(value)) / largest}%`;
    return [make("span", { textContent: name }), make("span", { className: "track" }, bar), make("span", { className: "number", textContent: text })];
  }));
}

function showBudget(budget) {
  const rows = Object.entries(budget.shares).map(([name, share]) => [name.replaceAll("_", " "), share.share, `${(100 * share.share).toFixed(1)} %${share.spread > 0 ? ` ± ${(100 * share.spread).toFixed(1)}` : ""}`]);
  rows.sort((a, b) => b[1] - a[1]);
  if (budget.circuit > 5e-4) rows.push(["circuit", budget.circuit, `${(100 * budget.circuit).toFixed(1)} %`]);
  rows.push(["unexplained", budget.unexplained, `${(100 * budget.unexplained).toFixed(1)} %`]);
  bars(at("budget"), rows);
  const spread = budget.spread > 0 ? ` ± ${readable(100 * budget.spread, "", 2)}` : "";
  const draws = budget.seeds > 1 ? `rms of ${budget.seeds} draws of cells and amplifiers` : "nothing is drawn";
  at("budget-caption").textContent = [`At rest: ${readable(100 * budget.relative_error, "", 3)}${spread} %, ${draws}.`, ...budget.cautions].join(" ");
}

// Eigenvalues in the complex plane, both axes in the same unit.
function showModes(modes) {
  if (!modes) { at("plane").replaceChildren(); at("modes-caption").textContent = "The equations know no modes of this circuit."; return; }
  const [width, height, left, right, top, bottom] = [460, 210, 20, 20, 14, 34];
  const reach = Math.max(...modes.rate.map((rate) => -rate), 1e-300), over = Math.max(0, ...modes.rate);
  const span = Math.max(...modes.frequency.map((hertz) => 2 * Math.PI * Math.abs(hertz)), 0.05 * reach) * 1.15;
  const x = (rate) => left + ((rate + reach * 1.05) / (reach * 1.1 + over)) * (width - left - right);
  const y = (omega) => top + (0.5 - omega / (2 * span)) * (height - top - bottom);
  const ns = "http://www.w3.org/2000/svg";
  const part = (tag, attributes, text = "") => { const element = document.createElementNS(ns, tag); for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value); element.textContent = text; return element; };
  const svg = part("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Eigenvalues in the complex plane" });
  const soft = colour("--soft"), line = colour("--line");
  svg.append(part("line", { x1: left, x2: width - right, y1: y(0), y2: y(0), stroke: line }), part("line", { x1: x(0), x2: x(0), y1: top, y2: height - bottom, stroke: soft, "stroke-dasharray": "4 3" }));
  modes.rate.forEach((rate, k) => svg.append(part("circle", { cx: x(rate), cy: y(2 * Math.PI * modes.frequency[k]), r: 4, fill: rate < 0 ? colour("--accent") : colour("--bad"), "fill-opacity": 0.7 })));
  svg.append(part("text", { x: left, y: height - 10 }, `decay from ${readable(reach, "/s", 3)}`), part("text", { x: width - right, y: height - 10, "text-anchor": "end" }, "to 0 (dashed: stable left of it)"), part("text", { x: left, y: top }, `oscillation up to ${readable(span / 1.15 / 2 / Math.PI, "Hz", 3)}`));
  at("plane").replaceChildren(svg);
  const held = modes.constraint ? " With every output active; at the constraint, some modes are not there." : "";
  at("modes-caption").textContent = `Slowest mode ${readable(modes.slowest, "s", 3)}, damping ${readable(modes.damping, "", 3)} (1: no ringing).${held}`;
}

function scaled(largest) {
  const power = Math.max(-18, Math.min(0, Math.floor(Math.log10(largest || 1) / 3) * 3));
  return [10 ** -power, { 0: "", "-3": "m", "-6": "µ", "-9": "n", "-12": "p", "-15": "f", "-18": "a" }[power]];
}

async function draw(found) {
  const shown = found.waveforms, plot = at("plot");
  if (!shown) { window.Plotly.purge(plot); at("caption").textContent = `The ${values.fidelity} fidelity has no waveforms.`; return; }
  const [toTime, time] = scaled(shown.until), [toVolts, volts] = scaled(Math.max(...shown.voltages.flat().map(Math.abs)));
  const colours = dark() ? DARK : LIGHT, ink = colour("--ink"), soft = colour("--soft"), line = colour("--line");
  const x = shown.time.map((seconds) => seconds * toTime);
  const traces = shown.voltages.map((voltage, k) => ({
    x, y: voltage.map((value) => value * toVolts), name: shown.names[k], mode: "lines", hovertemplate: `%{y:.4g} ${volts}V at %{x:.4g} ${time}s`,
    line: { color: colours[k % colours.length], dash: DASHES[Math.floor(k / colours.length) % DASHES.length], width: 1.8, simplify: false }, // plotly would leave out points: polygons
  }));
  const shapes = (found.settled ? shown.final : []).map((value, k) => ({ type: "rect", xref: "paper", x0: 0, x1: 1, y0: (value - shown.band) * toVolts, y1: (value + shown.band) * toVolts, fillcolor: colours[k % colours.length], opacity: 0.15, line: { width: 0 }, layer: "below" }));
  if (found.settled && found.settling_time > 0) shapes.push({ type: "line", x0: found.settling_time * toTime, x1: found.settling_time * toTime, yref: "paper", y0: 0, y1: 1, line: { color: soft, dash: "dash", width: 1.2 } });
  const axis = { gridcolor: line, linecolor: soft, zeroline: false, automargin: false, ticks: "outside", tickcolor: line, tickfont: { color: soft } };
  await window.Plotly.react(plot, traces, {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { family: getComputedStyle(document.body).fontFamily, size: 12.5, color: ink },
    margin: { l: 58, r: 14, t: 10, b: 46 }, hovermode: "closest", shapes, showlegend: false,
    xaxis: { ...axis, title: { text: `time after the input step (${time}s)` }, range: [0, shown.until * toTime] }, yaxis: { ...axis, title: { text: `amplifier output (${volts}V)` } },
    hoverlabel: { bgcolor: colour("--card"), bordercolor: soft, font: { color: ink } },
  }, { responsive: true, displayModeBar: false });
  const swatch = (k) => { const mark = make("span", { className: "swatch" }); mark.style.borderTop = `3px ${["solid", "dashed", "dotted", "dotted"][Math.floor(k / colours.length) % 4]} ${colours[k % colours.length]}`; return mark; };
  at("legend").replaceChildren(...shown.names.map((name, k) => make("span", {}, swatch(k), name))); // plotly's own is laid out anew with each move
  const more = shown.of > shown.names.length ? ` ${shown.names.length} of ${shown.of} outputs.` : "";
  at("caption").textContent = `${found.settled ? `Bands: final value ± ${readable(100 * values.settle_tolerance, "", 3)} % of the largest. Dashed: settled.` : `It did not come to rest within the ${readable(shown.until, "s", 3)} that it was followed: this is what there is.`}${more}`;
  plot.setAttribute("aria-label", `Waveforms of ${shown.names.length} outputs. ${found.settled ? `Settled after ${readable(found.settling_time, "s")}.` : "Not settled."}`);
}

// ---- copies ----------------------------------------------------------------------

let texts = {};
const form = () => document.querySelector("input[name=form]:checked").value;

function showText() {
  at("text").textContent = texts[form()] ?? "";
  at("copied").textContent = "";
}

async function copy() {
  try {
    await navigator.clipboard.writeText(at("text").textContent);
    at("copied").textContent = "Copied.";
  } catch {
    getSelection().selectAllChildren(at("text"));
    at("copied").textContent = document.execCommand("copy") ? "Copied." : "Selected: press Ctrl+C.";
  }
}

// ---- start -----------------------------------------------------------------------

function theme(isDark) {
  document.documentElement.classList.toggle("dark", isDark);
  at("theme").textContent = isDark ? "Light" : "Dark";
  if (last) show(last);
}

const preference = matchMedia("(prefers-color-scheme: dark)");
theme(preference.matches);
preference.addEventListener("change", (event) => theme(event.matches));
at("theme").addEventListener("click", () => theme(!dark()));
at("controls").addEventListener("submit", (event) => event.preventDefault());
at("file").addEventListener("change", async () => { const file = at("file").files[0]; if (file) await load(file.name, await file.arrayBuffer()); });
at("take").addEventListener("click", () => load("matrix.csv", at("numbers").value.trim().split("\n").map((row) => row.trim().split(/[\s,;]+/).join(",")).join("\n") + "\n"));
document.querySelectorAll("input[name=form]").forEach((input) => input.addEventListener("change", showText));
at("copy-text").addEventListener("click", copy);
// A circuit of another package has no drawing.
at("drawing").addEventListener("error", () => { at("drawn").hidden = true; });
at("drawing").addEventListener("load", () => { at("drawn").hidden = false; });
build();
arrange();
await refresh();
arrange();
document.documentElement.dataset.ready = "yes";
