const data = JSON.parse(document.getElementById("data").textContent);
const columns = new Map(data.columns.map((column) => [column.name, column]));
const failed = new Set(data.failed);
const count = data.keys.length;
const byKey = new Map(data.keys.map((key, index) => [key, index]));
const MOST_MARKERS = 2000;
const MOST_METRICS = 7;

const SYMBOLS = ["circle", "square", "triangle-up", "diamond", "triangle-down", "pentagon", "x"];
const DASHES = ["solid", "dash", "dashdot", "dot"];

// ---- numbers ----------------------------------------------------------------

const shown = (name, index) => readable(data.values[name][index], columns.get(name).unit);

function quantile(sorted, fraction) {
  const place = (sorted.length - 1) * fraction;
  const low = Math.floor(place);
  return sorted[low] + (place - low) * ((sorted[low + 1] ?? sorted[low]) - sorted[low]);
}

function growth(x, y) {
  const used = x.map((value, k) => [Math.log(value), Math.log(y[k])]).filter((pair) => pair.every(Number.isFinite));
  if (new Set(used.map((pair) => pair[0])).size < 3) return null;
  const n = used.length;
  const mean = (k) => used.reduce((sum, pair) => sum + pair[k], 0) / n;
  const [mx, my] = [mean(0), mean(1)];
  const sum = (f) => used.reduce((total, pair) => total + f(pair[0] - mx, pair[1] - my), 0);
  const [xx, xy, yy] = [sum((a) => a * a), sum((a, b) => a * b), sum((a, b) => b * b)];
  const exponent = xy / xx;
  return { exponent, error: Math.sqrt(Math.max(0, yy - exponent * xy) / (n - 2) / xx) };
}

// ---- what is drawn ----------------------------------------------------------

// Points with no value have no place on an axis, but a curve or a panel of their own.
function groups(indices, name, placed = false) {
  if (!name) return [[null, indices]];
  const values = data.values[name];
  const found = new Map();
  for (const index of indices) {
    const value = values[index];
    if (value === null && placed) continue;
    if (!found.has(value)) found.set(value, []);
    found.get(value).push(index);
  }
  const order = columns.get(name).order;
  const rank = new Map(order.map((value, k) => [value, k]));
  return [...found].sort((a, b) => (rank.get(a[0]) ?? 1e9) - (rank.get(b[0]) ?? 1e9) || a[0] - b[0]);
}

const drawable = (name) => {
  const values = data.values[name];
  return [...Array(count).keys()].filter((k) => typeof values[k] !== "string" && values[k] !== null && !failed.has(k));
};

function isLog(choice, indices) {
  if (choice.scale !== "auto" && choice.scale) return choice.scale === "logarithmic";
  const values = indices.map((k) => Number(data.values[choice.y][k]));
  const low = values.reduce((a, b) => Math.min(a, b), Infinity);
  const high = values.reduce((a, b) => Math.max(a, b), -Infinity);
  const over = choice.kind === "line" && choice.x && columns.get(choice.x).scale === "log";
  return low > 0 && high > (over ? 2 : 30) * low;
}

function spread(name) {
  const values = drawable(name).map((k) => Number(data.values[name][k]));
  const low = values.reduce((a, b) => Math.min(a, b), Infinity);
  return low > 0 && values.some((value) => value > 30 * low) ? "log" : "linear";
}

// A logarithmic axis that begins with zero is drawn over its exponents, with zero one step before.
function placing(column) {
  if (!column.numeric) return { place: (value) => readable(value), axis: { type: "category", categoryorder: "array", categoryarray: column.order.map((v) => readable(v)) } };
  const order = column.order.filter((value) => value !== null);
  const ticks = order.length && order.length <= 10 ? order : null;
  const text = ticks?.map((value) => readable(value, column.unit, 3));
  if (column.scale === "symlog") {
    const positive = order.filter((value) => value > 0);
    const [first, last] = [Math.log10(positive[0]), Math.log10(positive.at(-1))];
    const place = (value) => (value > 0 ? Math.log10(value) : first - (last - first) / (positive.length - 1));
    const at = ticks ?? [0, ...positive.filter((_, k) => k % Math.ceil(positive.length / 8) === 0)];
    return { place, axis: { type: "linear", tickvals: at.map(place), ticktext: at.map((v) => readable(v, column.unit, 3)) } };
  }
  const scale = column.role === "metric" ? spread(column.name) : column.scale;
  const axis = { type: scale === "log" ? "log" : "linear" };
  if (ticks) Object.assign(axis, { tickvals: ticks, ticktext: text });
  else Object.assign(axis, { exponentformat: "SI", ticksuffix: column.unit });
  return { place: (value) => value, axis };
}

const valueAxis = (column, log) => ({
  type: log ? "log" : "linear", exponentformat: column.unit ? "SI" : "power", showexponent: "all",
  ticksuffix: column.unit ? column.unit : "", title: { text: column.label },
});

function about(index, y) {
  const lines = [`<b>${columns.get(y).label}: ${shown(y, index)}</b>`];
  for (const column of data.columns) if (column.leading) lines.push(`${column.label}: ${shown(column.name, index)}`);
  lines.push(`key ${data.keys[index].slice(0, 12)} – click for the command`);
  return lines.join("<br>");
}

const thin = (list, most) => (list.length <= most ? list : list.filter((_, k) => Math.floor((k * most) / list.length) !== Math.floor(((k - 1) * most) / list.length)));

function lineTraces(choice, members, looks, log, most) {
  const traces = [];
  const values = data.values[choice.y];
  const { place } = placing(columns.get(choice.x));
  const over = columns.get(choice.x);
  for (const [value, indices] of groups(members, choice.by)) {
    const look = looks.get(value);
    const name = choice.by ? readable(value, columns.get(choice.by).unit) : columns.get(choice.y).label;
    const at = groups(indices, choice.x, true).map(([x, own]) => {
      const sorted = own.map((k) => Number(values[k])).sort((a, b) => a - b);
      return { x, n: own.length, low: quantile(sorted, 0.25), median: quantile(sorted, 0.5), high: quantile(sorted, 0.75) };
    });
    const scattered = over.role === "metric";
    const repeated = !scattered && at.some((item) => item.n > 1);
    const fit = log && over.scale === "log" ? growth(at.map((item) => item.x), at.map((item) => item.median)) : null;
    const legend = fit ? `${name}  ∝ ${over.label}<sup>${fit.exponent.toFixed(2)} ± ${fit.error.toFixed(2)}</sup>` : name;
    const x = at.map((item) => place(item.x));
    if (repeated && over.numeric) {
      traces.push({
        x: [...x, ...x.slice().reverse()], y: [...at.map((item) => item.high), ...at.map((item) => item.low).reverse()],
        fill: "toself", fillcolor: look.color + "2b", line: { width: 0 }, mode: "lines", hoverinfo: "skip",
        legendgroup: name, showlegend: false, type: "scatter",
      });
    }
    const few = thin(indices.filter((k) => data.values[choice.x][k] !== null), most);
    traces.push({
      x: few.map((k) => place(data.values[choice.x][k])), y: few.map((k) => Number(values[k])), mode: "markers", type: "scatter",
      marker: { color: look.color, symbol: repeated ? "circle" : look.symbol, size: repeated ? 5 : 8, opacity: repeated ? 0.5 : 1 },
      text: few.map((k) => about(k, choice.y)), hovertemplate: "%{text}<extra></extra>", customdata: few,
      legendgroup: name, showlegend: scattered, name: scattered ? name : undefined,
    });
    if (scattered) continue;
    traces.push({
      x, y: at.map((item) => item.median), type: "scatter", name: legend, legendgroup: name,
      mode: over.numeric ? (repeated ? "lines+markers" : "lines") : "markers",
      line: { color: look.color, width: 2, dash: look.dash }, marker: { color: look.color, symbol: look.symbol, size: 9, line: { width: 1, color: "rgba(255,255,255,.7)" } },
      hoverinfo: repeated ? undefined : "skip",
      text: at.map((item) => `<b>median ${readable(item.median, columns.get(choice.y).unit)}</b> of ${item.n} points<br>quartiles ${readable(item.low, columns.get(choice.y).unit)} to ${readable(item.high, columns.get(choice.y).unit)}<br>${over.label}: ${readable(item.x, over.unit)}`),
      hovertemplate: repeated ? `%{text}<extra>${name}</extra>` : undefined,
    });
  }
  return traces;
}

function heatTraces(choice, members, limits, log) {
  const [across, up] = [columns.get(choice.x), columns.get(choice.by)];
  const unit = columns.get(choice.y).unit;
  const rows = groups(members, choice.by);
  const median = rows.map(([, own]) => new Map(groups(own, choice.x, true).map(([x, at]) => [x, quantile(at.map((k) => Number(data.values[choice.y][k])).sort((a, b) => a - b), 0.5)])));
  const xs = across.order.filter((value) => value !== null), ys = up.order;
  const at = new Map(rows.map(([value], k) => [value, median[k]]));
  const z = ys.map((y) => xs.map((x) => at.get(y)?.get(x) ?? null));
  const text = z.map((row) => row.map((value) => (value === null ? "" : readable(value, unit, 2))));
  const scaled = log ? z.map((row) => row.map((value) => (value > 0 ? Math.log10(value) : null))) : z;
  const [low, high] = log ? limits.map(Math.log10) : limits;
  const ticks = log ? [...Array(Math.floor(high) - Math.ceil(low) + 1).keys()].map((k) => k + Math.ceil(low)) : null;
  return [{
    type: "heatmap", x: xs.map((v) => readable(v, across.unit)), y: ys.map((v) => readable(v, up.unit)), z: scaled, text, colorscale: "Cividis",
    zmin: low, zmax: high, texttemplate: xs.length * ys.length <= 150 ? "%{text}" : "", xgap: 1, ygap: 1,
    hovertemplate: `${across.label} %{x}, ${up.label} %{y}<br><b>median %{text}</b><extra></extra>`, hoverongaps: false,
    colorbar: { thickness: 12, ...(ticks && ticks.length > 1 ? { tickvals: ticks, ticktext: ticks.map((t) => readable(10 ** t, unit)) } : log ? { tickvals: [low, high], ticktext: [low, high].map((t) => readable(10 ** t, unit, 2)) } : { exponentformat: "SI", ticksuffix: unit }) },
  }];
}

function ecdfTraces(choice, members, looks, most) {
  return groups(members, choice.by).map(([value, indices]) => {
    const look = looks.get(value);
    const sorted = thin(indices.slice().sort((a, b) => data.values[choice.y][a] - data.values[choice.y][b]), most);
    return {
      x: sorted.map((k) => Number(data.values[choice.y][k])), y: sorted.map((_, k) => (k + 1) / sorted.length), type: "scatter", mode: "lines",
      name: choice.by ? readable(value, columns.get(choice.by).unit) : columns.get(choice.y).label, line: { shape: "hv", color: look.color, dash: look.dash, width: 2 },
      text: sorted.map((k) => about(k, choice.y)), customdata: sorted, hovertemplate: "%{text}<extra></extra>",
    };
  });
}

function drawn(choice) {
  const indices = drawable(choice.y);
  const log = isLog(choice, indices);
  const panels = groups(indices, choice.panel);
  const values = choice.by ? columns.get(choice.by).order : [null];
  const palette = document.documentElement.classList.contains("dark") ? DARK : LIGHT;
  const looks = new Map(values.map((value, k) => [value, { color: palette[k % palette.length], symbol: SYMBOLS[k % SYMBOLS.length], dash: DASHES[k % DASHES.length] }]));
  const most = Math.max(50, Math.floor(MOST_MARKERS / Math.max(1, panels.length) / Math.max(1, values.length)));
  const numbers = indices.map((k) => Number(data.values[choice.y][k])).filter((value) => !log || value > 0);
  const limits = [numbers.reduce((a, b) => Math.min(a, b), Infinity), numbers.reduce((a, b) => Math.max(a, b), -Infinity)];
  let fewer = false;
  const made = panels.map(([value, members]) => {
    const kept = log ? members.filter((k) => data.values[choice.y][k] > 0) : members;
    if (choice.kind === "line") fewer ||= groups(kept, choice.by).some(([, own]) => own.length > most);
    const traces = choice.kind === "heat" ? heatTraces(choice, kept, limits, log) : choice.kind === "ecdf" ? ecdfTraces(choice, kept, looks, most) : lineTraces(choice, kept, looks, log, most);
    return { value, traces, axes: frame(choice, log, limits) };
  });
  return { panels: made, indices, log, fewer, limits };
}

function frame(choice, log, [low, high]) {
  const y = columns.get(choice.y);
  if (choice.kind === "ecdf") return { x: valueAxis(y, log), y: { title: { text: "fraction of the points" }, range: [0, 1.03] } };
  const x = columns.get(choice.x);
  const below = { ...placing(x).axis, title: { text: x.label } };
  if (choice.kind === "heat") return { x: { type: "category", title: { text: x.label } }, y: { type: "category", title: { text: columns.get(choice.by).label } } };
  const margin = log ? Math.log10(high / low) * 0.06 + 0.02 : (high - low) * 0.06 || Math.abs(high) * 0.1 || 1;
  const dtick = log ? (high > 2e3 * low ? 1 : "D2") : undefined;
  const range = log ? [Math.log10(low) - margin, Math.log10(high) + margin] : [low - margin, high + margin];
  return { x: below, y: { ...valueAxis(y, log), dtick, range } };
}

// ---- words ------------------------------------------------------------------

function words(choice) {
  const y = columns.get(choice.y).label;
  if (choice.kind === "ecdf") return `Distribution of ${y}${choice.by ? ` by ${columns.get(choice.by).label}` : ""}`;
  const title = `${y} against ${columns.get(choice.x).label}`;
  if (choice.kind === "heat") return `${title} and ${columns.get(choice.by).label}`;
  return title;
}

function caption(choice, found) {
  const missing = count - found.indices.length - failed.size;
  const parts = [`${found.indices.length.toLocaleString("en")} of ${count.toLocaleString("en")} points`];
  if (failed.size) parts.push(`${failed.size} failed`);
  const unplaced = choice.x ? found.indices.filter((k) => data.values[choice.x][k] === null).length : 0;
  if (unplaced) parts.push(`${unplaced} with no ${columns.get(choice.x).label}`);
  if (missing) parts.push(`${missing} without a value${/settling|energy/.test(choice.y) ? " (not settled)" : ""}`);
  const seen = new Set([choice.x, choice.by, choice.panel].filter(Boolean));
  const over = data.columns.filter((column) => column.leading && !seen.has(column.name) && !follows(column.name, [...seen])).map((column) => `${column.label} (${column.order.length})`);
  let text = parts.join("; ") + ".";
  const together = choice.kind === "ecdf" || columns.get(choice.x).role === "metric";
  if (over.length) text += together ? ` Taken together: ${over.join(", ")}.` : ` Median${choice.kind === "line" ? " and quartiles" : ""} over ${over.join(", ")}.`;
  if (found.fewer) text += " Not every single point is drawn; medians are of all.";
  if (choice.kind === "line" && found.log && columns.get(choice.x).scale === "log") text += " Exponents: least squares of the logarithms of the medians, ± standard error.";
  return text;
}

const followed = new Map();
function follows(name, others) {
  const id = [name, ...others].join();
  if (!followed.has(id)) {
    const seen = new Map();
    followed.set(id, others.length > 0 && data.keys.every((_, k) => {
      const place = others.map((other) => data.values[other][k]).join("\u0000");
      if (!seen.has(place)) seen.set(place, data.values[name][k]);
      return seen.get(place) === data.values[name][k];
    }));
  }
  return followed.get(id);
}

function alternative(choice, found, panel) {
  const unit = columns.get(choice.y).unit;
  const where = choice.panel ? `, ${columns.get(choice.panel).label} ${readable(panel.value, columns.get(choice.panel).unit)}` : "";
  const fits = panel.traces.filter((trace) => trace.name && trace.showlegend !== false).map((trace) => trace.name.replace(/<\/?sup>/g, " "));
  return `Plot: ${words(choice)}${where}. Values from ${readable(found.limits[0], unit, 3)} to ${readable(found.limits[1], unit, 3)}. ${fits.join("; ")}`;
}

// ---- plots on the page ------------------------------------------------------

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// The legend stands below the axis: a row a curve where each has its fit, else several in a row.
function legendHeight(plot, traces, choice) {
  const names = traces.filter((trace) => trace.name && trace.showlegend !== false).map((trace) => trace.name.replace(/<[^>]*>/g, ""));
  if (choice.kind === "heat" || !(choice.by || names.some((name) => name.includes("∝")))) return 0;
  const across = names.some((name) => name.includes("∝")) ? 1 : Math.max(1, Math.floor(plot.clientWidth / (Math.max(...names.map((name) => name.length)) * 7 + 60)));
  return 21 * Math.ceil(names.length / across) + 8;
}

function layout(plot, traces, axes, choice) {
  const fits = traces.some((trace) => trace.name?.includes("∝"));
  const below = legendHeight(plot, traces, choice);
  plot.style.height = `${330 + below}px`;
  const ink = colour("--ink"), line = colour("--line"), soft = colour("--soft");
  const common = { gridcolor: line, linecolor: soft, zeroline: false, automargin: true, ticks: "outside", tickcolor: line, tickfont: { color: soft } };
  return {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { family: getComputedStyle(document.body).fontFamily, size: 12.5, color: ink },
    margin: { l: 58, r: 14, t: 26, b: 50 + below }, hovermode: "closest", dragmode: "zoom",
    hoverlabel: { bgcolor: colour("--card"), bordercolor: soft, font: { color: ink, size: 12.5 }, align: "left" },
    xaxis: { ...common, ...axes.x, showgrid: choice.kind !== "heat" }, yaxis: { ...common, ...axes.y, showgrid: choice.kind !== "heat" },
    showlegend: below > 0,
    legend: { orientation: fits ? "v" : "h", x: 0, y: 0, yref: "container", yanchor: "bottom", font: { size: 12 }, bgcolor: "rgba(0,0,0,0)" },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: soft, activecolor: colour("--accent") },
  };
}

const OPTIONS = {
  responsive: true, displaylogo: false, doubleClickDelay: 500, displayModeBar: matchMedia("(hover: hover)").matches ? "hover" : true, modeBarButtons: [["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d", "toImage"]],
  toImageButtonOptions: { format: "svg", filename: "sweep" },
};

const live = new Set();
const waiting = new IntersectionObserver((entries) => {
  for (const entry of entries) if (entry.isIntersecting) { waiting.unobserve(entry.target); entry.target.draw(); }
}, { rootMargin: "400px" });

function clear(container) {
  container.querySelectorAll(".plot").forEach((plot) => { live.delete(plot); window.Plotly.purge(plot); });
}

function place(container, choice) {
  clear(container);
  const found = drawn(choice);
  const panels = make("div", { className: "panels" });
  const figure = make("figure", {}, make("h3", { textContent: words(choice).replace(/^./, (c) => c.toUpperCase()) }), panels, make("figcaption", { textContent: caption(choice, found) }));
  if (!found.indices.length) panels.append(make("p", { className: "hint", textContent: "No point has a value to draw." }));
  found.panels.forEach((panel, k) => {
    const plot = make("div", { className: "plot" });
    plot.setAttribute("role", "img");
    plot.setAttribute("aria-label", alternative(choice, found, panel));
    plot.draw = () => {
      const now = live.has(plot) ? drawn(choice).panels[k] : panel;
      window.Plotly.react(plot, now.traces, layout(plot, now.traces, now.axes, choice), OPTIONS);
      if (!live.has(plot)) plot.on("plotly_click", (event) => { const index = event.points[0].customdata; if (Number.isInteger(index)) select(index); });
      live.add(plot);
    };
    const title = choice.panel ? [make("h4", { textContent: columns.get(choice.panel).numeric ? `${columns.get(choice.panel).label} ${readable(panel.value, columns.get(choice.panel).unit)}` : readable(panel.value) })] : [];
    panels.append(make("div", { className: "panel" }, ...title, plot));
    waiting.observe(plot);
  });
  container.replaceChildren(figure);
}

const redraw = () => live.forEach((plot) => plot.draw());

// ---- explorer ---------------------------------------------------------------

function explorer() {
  const form = document.getElementById("explorer");
  const parameters = data.columns.filter((column) => column.role === "parameter");
  const start = { ...(data.plots[0] ?? { kind: "line" }), kind: "line", scale: "auto" };
  const choices = {
    y: data.columns.filter((column) => column.role === "metric").map((column) => [column.name, column.label]),
    x: data.columns.map((column) => [column.name, column.label]),
    by: [["", "nothing"], ...parameters.map((column) => [column.name, column.label])],
    panel: [["", "one panel"], ...parameters.filter((column) => column.order.length <= 16).map((column) => [column.name, column.label])],
    kind: [["line", "lines"], ["heat", "heat map"], ["ecdf", "distribution"]],
    scale: [["auto", "by the values"], ["logarithmic", "logarithmic"], ["linear", "linear"]],
  };
  const names = { y: "show", x: "against", by: "a curve for each", panel: "a panel for each", kind: "as", scale: "scale" };
  for (const [name, options] of Object.entries(choices)) {
    const select = make("select", { name }, ...options.map(([value, textContent]) => make("option", { value, textContent, selected: (start[name] ?? "") === value })));
    form.append(make("label", {}, names[name], select));
  }
  const show = () => {
    form.elements.x.disabled = form.elements.kind.value === "ecdf";
    const choice = Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, value || null]));
    choice.x ??= null;
    const explored = document.getElementById("explored");
    if (choice.kind === "heat" && (!choice.by || columns.get(choice.x).role !== "parameter")) {
      clear(explored);
      explored.replaceChildren(make("p", { className: "notice", textContent: "A heat map takes two parameters: one to show against, one for the curves." }));
    } else place(explored, choice);
  };
  form.addEventListener("change", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  if (choices.y.length && choices.x.length) show();
}

// ---- one point --------------------------------------------------------------

const aside = document.getElementById("point");
let table = null, chosen = null, origin = null;

function select(index) {
  chosen = index;
  origin = document.activeElement;
  document.getElementById("point-title").textContent = `Point ${data.keys[index].slice(0, 12)}`;
  document.getElementById("command").textContent = data.commands[index];
  document.getElementById("copied").textContent = "";
  const error = document.getElementById("error");
  error.hidden = !(index in data.errors);
  error.textContent = data.errors[index] ?? "";
  const facts = [["status", failed.has(index) ? "failed" : "done"], ...data.columns.map((column) => [column.label, shown(column.name, index)]), ["key", data.keys[index]]];
  document.getElementById("facts").replaceChildren(...facts.map(([name, value]) => make("div", {}, make("dt", { textContent: name }), make("dd", { textContent: value }))));
  aside.hidden = false;
  aside.scrollTop = 0;
  mark();
}

function mark() {
  document.querySelectorAll("#table tbody tr.chosen").forEach((row) => row.classList.remove("chosen"));
  if (chosen === null || aside.hidden) return;
  document.querySelector(`#table tbody [data-key="${data.keys[chosen]}"]`)?.closest("tr").classList.add("chosen");
}

function close() {
  aside.hidden = true;
  mark();
  origin?.focus?.({ preventScroll: true });
}

async function copy() {
  const text = document.getElementById("command").textContent;
  const said = document.getElementById("copied");
  try {
    await navigator.clipboard.writeText(text);
    said.textContent = "Copied.";
  } catch {
    getSelection().selectAllChildren(document.getElementById("command"));
    said.textContent = document.execCommand("copy") ? "Copied." : "Selected: press Ctrl+C.";
  }
}

document.getElementById("close").addEventListener("click", close);
document.getElementById("copy").addEventListener("click", copy);
document.addEventListener("keydown", (event) => { if (event.key === "Escape" && !aside.hidden) close(); });
document.addEventListener("click", (event) => {
  const key = event.target.closest?.("[data-key]")?.dataset.key ?? event.target.closest?.("#table tbody tr")?.querySelector("[data-key]")?.dataset.key;
  if (key !== undefined && byKey.has(key)) select(byKey.get(key));
});

// ---- table ------------------------------------------------------------------

function fill(DataTable) {
  const escaped = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
  const definitions = [
    { title: "key", render: (index, type) => (type === "display" ? `<button type="button" class="key" data-key="${data.keys[index]}">${data.keys[index].slice(0, 8)}</button>` : data.keys[index]) },
    { title: "status", render: (index, type) => (failed.has(index) ? (type === "display" ? '<span class="failed">failed</span>' : "failed") : "done") },
    ...data.columns.map((column, k) => ({
      title: column.label, className: column.numeric ? "dt-right" : "", type: column.numeric ? "num" : undefined,
      visible: column.role === "parameter" ? column.leading : k < data.columns.filter((other) => other.role === "parameter").length + MOST_METRICS,
      render: (index, type) => {
        const value = data.values[column.name][index];
        if (type === "sort" || type === "type") return value === null ? (column.numeric ? -Infinity : "") : typeof value === "boolean" ? Number(value) : value;
        if (type === "export") return value ?? "";
        return escaped(readable(value, column.unit));
      },
    })),
  ];
  definitions.forEach((definition) => { const render = definition.render; definition.data = null; definition.render = (row, type) => render(row[0], type); });
  table = new DataTable("#table", {
    data: data.keys.map((_, index) => [index]), columns: definitions, deferRender: true, autoWidth: false, pageLength: 25, lengthMenu: [10, 25, 100, 500], order: [],
    layout: { topStart: { buttons: [{ extend: "colvis", text: "Columns" }, { extend: "csv", text: "CSV", filename: "points", exportOptions: { orthogonal: "export" } }] }, topEnd: { search: { placeholder: "failed, ginv, 100 MHz …" } }, bottomStart: ["info", "pageLength"], bottomEnd: { paging: { buttons: 5, firstLast: false } } },
    language: { search: "Search", lengthMenu: "_MENU_ a page", info: "_START_ to _END_ of _TOTAL_ points", infoFiltered: "(of _MAX_)", infoEmpty: "no points", zeroRecords: "No point matches." },
    drawCallback: mark,
  });
}

// ---- theme, libraries, start --------------------------------------------------

const preference = matchMedia("(prefers-color-scheme: dark)");
const button = document.getElementById("theme");

function theme(dark) {
  document.documentElement.classList.toggle("dark", dark);
  button.textContent = dark ? "Light" : "Dark";
  redraw();
}

async function library(name) {
  const packed = document.getElementById(`library-${name}`);
  const bytes = Uint8Array.from(atob(packed.textContent), (c) => c.charCodeAt(0));
  const text = await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).blob();
  packed.remove();
  return URL.createObjectURL(text.slice(0, text.size, "text/javascript"));
}

async function start() {
  theme(preference.matches);
  preference.addEventListener("change", (event) => theme(event.matches));
  button.addEventListener("click", () => theme(!document.documentElement.classList.contains("dark")));
  let before = false;
  addEventListener("beforeprint", () => { before = document.documentElement.classList.contains("dark"); theme(false); document.querySelectorAll(".plot").forEach((plot) => plot.draw()); });
  addEventListener("afterprint", () => theme(before));
  const [plotly, datatables] = await Promise.all([library("plotly"), library("datatables")]);
  await new Promise((resolve, reject) => document.head.append(make("script", { src: plotly, onload: resolve, onerror: () => reject(new Error("the plots' script did not load")) })));
  for (const choice of data.plots) {
    const container = make("div");
    document.getElementById("figures").append(container);
    place(container, choice);
  }
  explorer();
  fill((await import(datatables)).default);
  document.documentElement.dataset.ready = "yes";
}

start().catch((error) => {
  const trouble = document.getElementById("trouble");
  trouble.hidden = false;
  trouble.textContent = `This page could not draw its plots and table: ${error.message}. It needs a browser of 2023 or later.`;
  console.error(error);
});
