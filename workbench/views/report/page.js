"use strict";
// Draws the report's plots from the JSON in the page. Texts of the lab reach the page by textContent, and plotly, which
// reads tags in its labels, by `literal`.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const FRONT = "#1b9e5a", CLOUD = "#9aa5b1", LIMIT = "#c0392b";
  const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f3c8d", "#616e7c"];
  const MANY = 3000;  // from so many points on, they are drawn by WebGL
  const LINES = 2000; // as many designs off the front as parallel coordinates stay legible with
  const config = { responsive: true, displaylogo: false, showSendToCloud: false, plotlyServerURL: "" }; // nothing leaves the page
  const font = { family: "system-ui, sans-serif", size: 13 };

  const literal = (text) =>
    String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/\$/g, "&#36;");
  const found = (selector) => document.querySelector(selector);

  function made(tag, text, parent) {
    const element = document.createElement(tag);
    if (text !== undefined) element.textContent = text;
    if (parent) parent.append(element);
    return element;
  }

  function nothing(section, why) {
    const place = found(`#${section} .plot`);
    place.className = "none";
    place.textContent = why;
  }

  function choice(section, label, options, chosen, changed) {
    const wrap = made("label", `${label} `, found(`#${section} .choices`));
    const select = made("select", undefined, wrap);
    for (const [value, text] of options) made("option", text, select).value = value;
    select.value = chosen;
    select.addEventListener("change", () => changed(select.value));
    return select;
  }

  function tick(section, label, checked, changed) {
    const wrap = made("label", undefined, found(`#${section} .choices`));
    const box = made("input", undefined, wrap);
    box.type = "checkbox";
    box.checked = checked;
    wrap.append(` ${label}`);
    box.addEventListener("change", () => changed(box.checked));
  }

  // What a point has, by key: metrics, axes, step, seq
  const quantities = new Map();
  for (const each of data.metrics) quantities.set(each.key, { ...each, positive: true });
  for (const each of data.axes) {
    if (quantities.has(each.key)) continue;
    const values = each.ordered ? each.codes.map((code) => each.choices[code]) : each.codes;
    const positive = each.ordered && each.choices[0] > 0;
    quantities.set(each.key, { key: each.key, name: each.key, unit: "", values, positive, names: each.ordered ? null : each.choices });
  }
  for (const key of ["step", "seq"])
    if (!quantities.has(key)) quantities.set(key, { key, name: key, unit: "", values: data[key], positive: false });
  const places = data.seq.map((_, place) => place);
  const members = places.filter((place) => data.front[place]);
  const others = places.filter((place) => !data.front[place]);
  const listed = [...quantities.values()].map((each) => [each.key, each.unit ? `${each.name} [${each.unit}]` : each.name]);

  function axis(quantity, log) {
    const title = { text: literal(quantity.unit ? `${quantity.name} [${quantity.unit}]` : quantity.name) };
    if (quantity.names)
      return { title, tickvals: quantity.names.map((_, i) => i), ticktext: quantity.names.map(literal), automargin: true };
    const type = log && quantity.positive ? "log" : "linear";
    return { title, type, tickformat: quantity.unit ? "~s" : "", nticks: 8, automargin: true };
  }

  function said(place) {
    const costs = data.metrics.map((each) => `${each.name} ${each.values[place]} ${each.unit}`);
    const axes = data.axes.map((each) => `${each.key} ${each.choices[each.codes[place]]}`);
    return [`point ${data.seq[place]}`, ...costs, ...axes].map(literal).join("<br>");
  }

  // The designs
  const [first, second] = [data.objectives[0], data.objectives[1] || data.metrics.find((m) => m.key !== data.objectives[0]).key];
  const look = { x: first, y: second, colour: "", log: true, dominated: true };

  function drawPareto() {
    const x = quantities.get(look.x), y = quantities.get(look.y), colour = quantities.get(look.colour);
    const trace = (which, name, marker) => ({
      type: which.length > MANY ? "scattergl" : "scatter",
      mode: "markers",
      name: `${name} (${which.length.toLocaleString("en")})`,
      x: which.map((place) => x.values[place]),
      y: which.map((place) => y.values[place]),
      customdata: which.map((place) => data.seq[place]),
      text: which.length > MANY ? which.map((place) => `point ${data.seq[place]}`) : which.map(said),
      hoverinfo: "text",
      marker: colour
        ? { ...marker, color: which.map((place) => colour.values[place]), coloraxis: "coloraxis" }
        : marker,
    });
    const traces = [];
    if (look.dominated) traces.push(trace(others, "dominated", { color: CLOUD, size: 5, opacity: 0.6 }));
    traces.push(trace(members, "front", { color: FRONT, size: 10, line: { color: "#fff", width: 1 } }));
    const shapes = [];
    const within = (values, bound) => values.some((value) => value <= bound) && values.some((value) => value >= bound);
    for (const target of data.targets) {
      if (!within(quantities.get(target.metric).values, target.bound)) continue;
      const line = { type: "line", line: { color: LIMIT, dash: "dash", width: 1 } };
      if (target.metric === look.x) shapes.push({ ...line, x0: target.bound, x1: target.bound, yref: "paper", y0: 0, y1: 1 });
      if (target.metric === look.y) shapes.push({ ...line, y0: target.bound, y1: target.bound, xref: "paper", x0: 0, x1: 1 });
    }
    const layout = {
      font, shapes, height: 520, hovermode: "closest", margin: { t: 20, r: 20 }, legend: { orientation: "h", y: 1.08 },
      xaxis: axis(x, look.log), yaxis: axis(y, look.log), hoverlabel: { align: "left" },
    };
    if (colour) layout.coloraxis = { colorscale: "Viridis", colorbar: { title: { text: literal(colour.name) } } };
    if (colour && colour.names)
      Object.assign(layout.coloraxis.colorbar, { tickvals: colour.names.map((_, i) => i), ticktext: colour.names.map(literal) });
    return Plotly.react(found("#pareto .plot"), traces, layout, config);
  }

  function drawn(change) {
    return (value) => { change(value); drawPareto(); };
  }

  // A member in full
  const full = new Map(data.members.map((each) => [each.seq, each]));

  function show(seq) {
    const member = full.get(seq), place = found("#detail");
    place.replaceChildren();
    if (!member) return;
    made("h3", `Point ${seq}`, place);
    const table = made("dl", undefined, place);
    for (const [label, text] of [...member.metrics, ...member.design]) {
      made("dt", label, table);
      made("dd", text, table);
    }
    const nests = made("div", undefined, place);
    member.layers.forEach((layer, number) => {
      const more = made("details", undefined, nests);
      more.open = number === 0 && layer.nest !== null;
      made("summary", layer.name, more);
      made("pre", layer.nest === null ? "The simulator tells no mapping of it." : layer.nest, more);
    });
    if (!member.layers.length) made("p", "The lab knows no mapping of it.", nests).className = "none";
    const command = made("p", undefined, place);
    command.className = "command";
    made("code", member.command, command);
    if (chooser) chooser.value = String(seq);
  }

  let chooser = null;
  if (places.length) {
    choice("pareto", "across", listed, look.x, drawn((key) => { look.x = key; }));
    choice("pareto", "up", listed, look.y, drawn((key) => { look.y = key; }));
    choice("pareto", "colour", [["", "front alone"], ...listed], "", drawn((key) => { look.colour = key; }));
    tick("pareto", "logarithmic", true, drawn((on) => { look.log = on; }));
    tick("pareto", "dominated", true, drawn((on) => { look.dominated = on; }));
    const points = data.members.map((each) => [String(each.seq), `point ${each.seq}`]);
    chooser = choice("pareto", "in full", [["", "none"], ...points], "", (seq) => show(Number(seq)));
    drawPareto().then((plot) => plot.on("plotly_click", (event) => show(event.points[0].customdata)));
    if (places.length < data.feasible_in_all)
      made("p", `${places.length.toLocaleString("en")} of ${data.feasible_in_all.toLocaleString("en")} designs are drawn.`,
        found("#pareto")).className = "hint";
  } else nothing("pareto", "No design that can be built was found yet.");

  // Parallel coordinates
  function even(which, most) {
    if (which.length <= most) return which;
    return Array.from({ length: most }, (_, i) => which[Math.floor((i * which.length) / most)]);
  }

  function dimension(metric, which) {
    const values = which.map((place) => metric.values[place]);
    const low = Math.min(...values), high = Math.max(...values);
    const label = literal(metric.unit ? `${metric.name} [${metric.unit}]` : metric.name);
    if (!(low > 0) || high <= low) return { label, values };
    const ticks = Array.from({ length: 5 }, (_, i) => Math.log10(low) + (i / 4) * Math.log10(high / low));
    const texts = ticks.map((tick) => literal(d3si(10 ** tick)));
    return { label, values: values.map(Math.log10), tickvals: ticks, ticktext: texts };
  }

  function d3si(value) {
    const power = Math.max(-6, Math.min(5, Math.floor(Math.log10(value) / 3 + 1e-9)));
    const prefix = ["a", "f", "p", "n", "µ", "m", "", "k", "M", "G", "T", "P"][power + 6];
    return `${Number((value / 10 ** (3 * power)).toPrecision(3))} ${prefix}`.trim();
  }

  function drawParallel(frontAlone) {
    const which = frontAlone ? members : [...even(others, LINES), ...even(members, LINES)];
    const axes = data.axes.map((each) => ({
      label: literal(each.key),
      values: which.map((place) => each.codes[place]),
      range: [0, Math.max(1, each.choices.length - 1)],
      tickvals: each.choices.map((_, i) => i),
      ticktext: each.choices.map(literal),
    }));
    const costs = data.objectives.map((key) => dimension(quantities.get(key), which));
    const trace = {
      type: "parcoords",
      line: { color: which.map((place) => data.front[place]), cmin: 0, cmax: 1, colorscale: [[0, "#c9d1d9"], [1, FRONT]] },
      dimensions: [...axes, ...costs],
      labelangle: -20,
      labelfont: { size: 12 },
      tickfont: { size: 10 },
    };
    Plotly.react(found("#parallel .plot"), [trace], { font, height: 460, margin: { t: 110, l: 70, r: 60, b: 30 } }, config);
  }

  if (places.length) {
    tick("parallel", "the front alone", false, drawParallel);
    drawParallel(false);
  } else nothing("parallel", "No design that can be built was found yet.");

  // Breakdowns
  const costed = data.members.filter((each) => each.energy.length || each.latency.length);

  function drawBreakdown(kind) {
    const bars = new Map();
    for (const member of costed)
      for (const part of kind === "latency" ? member.latency : member.energy) {
        const name = part.operand ? `${part.part} ${part.operand}` : part.part;
        if (!bars.has(name)) bars.set(name, { part: part.part, operand: part.operand || "", values: new Map() });
        bars.get(name).values.set(member.seq, kind === "latency" ? part.cycles : part.energy_j);
      }
    const parts = [...new Set([...bars.values()].map((bar) => bar.part))];
    const shades = { W: 1, I: 0.7, O: 0.45 };
    const traces = [...bars].map(([name, bar]) => ({
      type: "bar",
      name: literal(name),
      legendgroup: literal(bar.part),
      x: costed.map((each) => `#${each.seq}`),
      y: costed.map((each) => bar.values.get(each.seq) || 0),
      hovertemplate: "%{fullData.name}: %{y:.3s}<extra>%{x}</extra>",
      marker: { color: COLOURS[parts.indexOf(bar.part) % COLOURS.length], opacity: shades[bar.operand] || 1 },
    }));
    const title = { text: kind === "latency" ? "latency [cycles]" : "energy [J]" };
    Plotly.react(found("#breakdown .plot"), traces, {
      font, height: 460, barmode: "stack", margin: { t: 20, r: 20 }, bargap: 0.25,
      xaxis: { title: { text: "point" }, type: "category", automargin: true },
      yaxis: { title, tickformat: "~s", automargin: true },
    }, config);
  }

  if (costed.length) {
    choice("breakdown", "of", [["energy", "energy by memory and operand"], ["latency", "latency by cause"]], "energy", drawBreakdown);
    drawBreakdown("energy");
    found("#breakdown .plot").on("plotly_click", (event) => show(Number(event.points[0].x.slice(1))));
  } else nothing("breakdown", "The simulator tells no breakdown of these designs.");

  // Convergence
  const curves = data.curves;
  if (curves.designs.length) {
    const step = (name, values, more) => ({
      type: "scatter", mode: "lines", line: { shape: "hv", ...more.line }, name: literal(name), x: curves.designs, y: values, ...more.where,
    });
    const traces = [step("hypervolume", curves.hypervolume, { line: { color: FRONT }, where: {} })];
    curves.bests.forEach((best, number) => {
      const begun = best.values.find((value) => value !== null && value > 0);
      if (begun === undefined) return;
      const parts = best.values.map((value) => (value === null ? null : (100 * value) / begun));
      traces.push(step(`least ${best.name}`, parts, { line: { color: COLOURS[number % COLOURS.length], dash: "dot" }, where: { yaxis: "y2" } }));
    });
    Plotly.newPlot(found("#convergence .plot"), traces, {
      font, height: 380, margin: { t: 20 }, legend: { orientation: "h", y: 1.12 },
      xaxis: { title: { text: "designs" }, automargin: true },
      yaxis: { title: { text: "hypervolume" }, automargin: true },
      yaxis2: { title: { text: "best so far, % of the first" }, overlaying: "y", side: "right", automargin: true, showgrid: false },
    }, config);
  } else nothing("convergence", "No step has been made yet.");

  if (data.members.length) show(data.members[0].seq);
})();
