// The page of runs: what they found, section by section. A section that has nothing to show is not there.

const report = JSON.parse(find("data").textContent);
const dark = window.matchMedia("(prefers-color-scheme: dark)");
let ink = {}, chosenTheme = null, charts = [];

for (const test of Object.values(report.tests)) test.placeOf = new Map(test.places.map((place, number) => [place, number]).filter(([place]) => place >= 0));
for (const method of report.methods) {
  if (!method.judged) continue;
  method.test = report.tests[method.judged.test];
  method.judged.said = new Uint32Array(bytes(method.judged.said).buffer);
  method.judged.confidence = new Float32Array(bytes(method.judged.confidence).buffer);
}

function nameOf(place) { return report.names[place] || `recording ${place}`; }

// What each method said of a recording, for the player's window.
function judgementsOf(place) {
  const label = report.labels[place], lines = [make("span", {}, make("b", { textContent: label >= 0 ? report.classes[label] : "no class" }))];
  for (const { method } of order(report.methods.map((method) => ({ method })).filter(({ method }) => method.judged))) {
    const at = method.test.placeOf.get(place);
    if (at === undefined || lines.length > 9) continue;
    const said = method.judged.said[at], wrong = said !== method.test.labels[at];
    lines.push(make("span", { className: wrong ? "wrong" : "right", textContent: `${wrong ? "✗" : "✓"} ${method.table}, ${method.label}: ${method.classes[said]}, ${sure(method.judged, at)}` }));
  }
  return lines;
}

// The method that is looked at first.
function order(rows) { return [...rows].sort((one, other) => (other.method === methodOrNull()) - (one.method === methodOrNull())); }

function methodOrNull() { return confusions.method === null ? null : methodNow(); }

function cell(text, settings = {}) { return make("td", { textContent: text, ...settings }); }

function table(head, rows, words = 1) {
  return make("div", { className: "scrolls", tabIndex: 0, role: "group", "aria-label": head.join(", ") }, make("table", {}, make("thead", {}, make("tr", {}, ...head.map((text, column) => make("th", { textContent: text, scope: "col", className: column < words ? "" : "number" })))), make("tbody", {}, ...rows.map((row) => make("tr", {}, ...row)))));
}

function runTable() {
  const rows = report.runs.map((run, number) => [
    make("td", {}, swatch(number), make("span", { textContent: run.name })), cell(run.method), cell(run.state), cell(run.epochs ? `${run.epochs_done} of ${run.epochs}` : "–", { className: "number" }),
    cell(run.clips_per_second ? Math.round(run.clips_per_second).toLocaleString("en") : "–", { className: "number" }), cell(run.seconds ? duration(run.seconds) : "–", { className: "number" }),
  ]);
  find("runs").replaceChildren(table(["run", "method", "state", "epochs", "clips a second", "trained for"], rows, 3));
}

function interval([mean, half]) { return half === null ? mean.toFixed(1) : `${mean.toFixed(1)} ± ${half.toFixed(1)}`; }

function pText(p) { return p === null ? "no scores" : p < 1e-4 ? "< 0.0001" : p.toPrecision(2); }

// A mark at a mean with its interval as a line, on a scale that all rows of a table share.
function mark([mean, half], low, high) {
  const box = make("span", { className: "mark", "aria-hidden": "true" }), dot = make("i", {}), place = (value) => Math.min(Math.max((value - low) / (high - low), 0), 1);
  if (half !== null) { const line = make("b", {}); line.style.left = `${100 * place(mean - half)}%`; line.style.width = `${100 * (place(mean + half) - place(mean - half))}%`; box.append(line); }
  dot.style.left = `${100 * place(mean)}%`;
  box.append(dot);
  return box;
}

function results() {
  find("results-section").hidden = !report.tables.length;
  find("results").replaceChildren(...report.tables.map((each) => {
    const firsts = each.rows.map((row) => row.cells[0]).filter((found) => found), ends = firsts.flatMap(([mean, half]) => [mean - (half || 0), mean + (half || 0)]);
    const low = Math.max(0, Math.min(...ends) - 4), high = Math.min(100, Math.max(...ends) + 4);
    const best = Math.max(...firsts.map(([mean]) => mean));
    const rows = each.rows.map((row) => [cell(report.methods[row.method].label), cell(String(row.seeds), { className: "number" }), ...row.cells.map((found, column) => {
      const made = cell(found ? interval(found) : "–", { className: "number" });
      if (!column && found && each.rows.length > 1 && found[0] === best) made.classList.add("best");
      return made;
    }), make("td", { className: "mark-cell" }, row.cells[0] ? mark(row.cells[0], low, high) : "")]);
    const made = make("article", { className: "result" }, make("h3", { textContent: each.title }), table(["method", "seeds", ...each.measures, `${Math.round(low)} – ${Math.round(high)} %`], rows));
    if (each.comparisons.length) {
      const tests = each.comparisons.map((found) => [cell(`${report.methods[found.first].label} − ${report.methods[found.second].label}`), cell(`${found.difference >= 0 ? "+" : "−"}${interval([Math.abs(found.difference), found.half_width])}`, { className: "number" }), cell(pText(found.p), { className: found.p !== null && found.p < 0.05 ? "number best" : "number" })]);
      made.append(make("details", { open: each.comparisons.length <= 3 }, make("summary", { textContent: `Differences, points, and p (McNemar's test, sequence by sequence)` }), table(["first − second", "difference", "p"], tests)));
    }
    return made;
  }));
}

function learning() {
  const runs = report.runs.map((run, number) => ({ ...run, number })).filter((run) => run.curves.epochs.length);
  find("curves-section").hidden = !runs.length;
  if (!runs.length) return;
  charts = curveNames(runs).map((name) => new Curve(name, runs));
  const isSpeed = (chart) => SPEED.includes(chart.name);
  find("curves").replaceChildren(...charts.filter((chart) => !isSpeed(chart)).map((chart) => chart.box));
  find("speed-curves").replaceChildren(...charts.filter(isSpeed).map((chart) => chart.box));
  find("speed").hidden = !charts.some(isSpeed);
  find("speed").addEventListener("toggle", redraw);
  const thinned = runs.filter((run) => run.curves.every > 1);
  find("curves-about").textContent = `By epochs done; arrow keys read a curve off.${thinned.length ? ` Of long runs one epoch in ${Math.max(...thinned.map((run) => run.curves.every))} is drawn.` : ""}`;
}

function legends() {
  find("curves-legend").replaceChildren(...(report.runs.length > 1 ? report.runs.map((run, number) => make("li", {}, swatch(number), make("span", { textContent: run.name }))) : []));
}

// Class by class: two methods' difference, or of one method its accuracy.
function classTable(at) {
  const { first, second, rows } = report.differences[at], most = Math.max(...rows.map((row) => Math.abs(row.difference)), 1);
  const names = [report.methods[first].label, report.methods[second].label];
  find("classes-about").textContent = `${report.methods[first].table}. To the right: ${names[0]} is better; to the left: ${names[1]}. p: McNemar's exact test on the class's sequences, adjusted for all classes (Holm).`;
  const sorted = [...rows].sort((one, other) => other.difference - one.difference);
  find("classes").replaceChildren(table(["class", "sequences", "first", "second", "difference", "second | first", "p"], sorted.map((row) => {
    const bar = make("span", { className: "difference", "aria-hidden": "true" }), fill = make("i", {}), share = (50 * Math.abs(row.difference)) / most;
    fill.style.width = `${share}%`; fill.style.left = row.difference >= 0 ? "50%" : `${50 - share}%`;
    fill.className = row.p !== null && row.p < 0.05 ? "clear" : "";
    bar.append(fill);
    return [cell(row.name), cell(String(row.num), { className: "number" }), cell(row.first.toFixed(1), { className: "number" }), cell(row.second.toFixed(1), { className: "number" }), cell(`${row.difference > 0 ? "+" : row.difference < 0 ? "−" : ""}${Math.abs(row.difference).toFixed(1)}`, { className: "number" }), make("td", { className: "bar-cell" }, bar), cell(row.p === null ? "–" : row.p > 0.995 ? "1" : pText(row.p), { className: "number" })];
  })));
}

function differences() {
  find("classes-section").hidden = !report.differences.length;
  if (!report.differences.length) return;
  find("compared").replaceChildren(...report.differences.map(({ first, second }, at) => option(at, `${report.methods[first].table}: ${report.methods[first].label} against ${report.methods[second].label}`)));
  find("compared").addEventListener("change", (event) => classTable(Number(event.target.value)));
  classTable(0);
}

let bodies = [];

function primeSet(at) {
  const { sets, pose } = report.prime, set = sets[at], scale = Math.ceil(10 * Math.max(...set.means.flat().filter((value) => value !== null), 0.1)) / 10;
  find("prime-about").textContent = `The mean prime mask of the class's test recordings; ${set.about}. Ringed: the three most prime joints.`;
  find("prime-high").textContent = scale.toFixed(1);
  bodies = set.classes.map((name, place) => {
    const top = largest(set.means[place], 3), said = top.map((joint) => `${report.prime.joints[joint]} ${set.means[place][joint].toFixed(2)}`).join(", ");
    const canvas = make("canvas", { role: "img", "aria-label": `${name}: most prime are ${said}` });
    const box = make("li", { className: "body" }, make("div", { className: "body-box" }, canvas), make("b", { textContent: name, title: name }), make("span", { textContent: said, title: said }));
    return { box, draw: () => drawBody(canvas, pose, set.means[place], scale, ink, top) };
  });
  find("bodies").replaceChildren(...bodies.map((body) => body.box));
  for (const body of bodies) body.draw();
}

function prime() {
  find("prime-section").hidden = !report.prime;
  if (!report.prime) return;
  find("prime-set").replaceChildren(...report.prime.sets.map((set, at) => option(at, set.name)));
  find("prime-set").hidden = report.prime.sets.length < 2;
  find("prime-set").addEventListener("change", (event) => primeSet(Number(event.target.value)));
  heatBar(find("prime-bar"));
  primeSet(0);
}

function bars(rows, most, start = null) {
  return make("ul", { className: "bars" }, ...rows.map(([name, ...values]) => make("li", {}, make("span", { textContent: name, title: name }), make("span", { className: "tracks" }, ...values.map((value, number) => {
    const track = make("span", { className: "track" }), fill = make("i", { className: number ? "second" : "" });
    fill.style.width = `${(100 * value) / most}%`;
    track.append(fill);
    if (start !== null) { const line = make("b", {}); line.style.left = `${(100 * start) / most}%`; track.append(line); }
    return track;
  })), make("span", { className: "number", textContent: values.map((value) => (Number.isInteger(value) ? value.toLocaleString("en") : value.toFixed(3))).join(" / ") }))));
}

function bandwidths() {
  const runs = report.runs.filter((run) => run.bandwidths);
  find("bandwidth-section").hidden = !runs.length;
  find("bandwidths").replaceChildren(...runs.map((run) => {
    const { joints, values, start } = run.bandwidths, most = Math.max(...values, start) * 1.05;
    return make("article", {}, make("h3", { textContent: run.name }), bars(joints.map((name, place) => [name, values[place]]), most, start));
  }));
}

function account() {
  find("data-section").hidden = !report.account;
  if (!report.account) return;
  find("account").replaceChildren(...terms(report.account.rows));
  const { classes } = report.account;
  find("counts-about").hidden = !classes.length;
  find("counts").replaceChildren(bars(classes, Math.max(1, ...classes.flatMap(([, train, test]) => [train, test]))));
}

function configuration() {
  const runs = report.runs.filter((run) => Object.keys(run.config).length), keys = [...new Set(runs.flatMap((run) => Object.keys(run.config)))];
  const isOther = (key) => runs.some((run) => (run.config[key] ?? "–") !== (runs[0].config[key] ?? "–")), head = ["setting", ...runs.map((run) => run.name)];
  const rows = (wanted) => wanted.map((key) => [cell(key), ...runs.map((run) => cell(run.config[key] ?? "–", { className: "setting" }))]);
  const others = keys.filter(isOther), same = keys.filter((key) => !isOther(key));
  find("configuration-section").hidden = !runs.length;
  find("configuration").replaceChildren(...(runs.length > 1 ? [make("h3", { textContent: others.length ? "Where they differ" : "They differ in nothing" }), ...(others.length ? [table(head, rows(others), head.length)] : [])] : []),
    make("details", { open: runs.length === 1 && same.length < 20 }, make("summary", { textContent: runs.length > 1 ? `What is the same in all: ${same.length} settings` : `All ${same.length} settings` }), table(["setting", "value"], same.map((key) => [cell(key), cell(runs[0].config[key], { className: "setting" })]), 2)));
  find("environment").replaceChildren(...report.runs.filter((run) => run.environment.length).map((run) => make("article", {}, make("h3", { textContent: run.name }), make("dl", { className: "facts" }, ...terms(run.environment)))));
  find("commands").textContent = [...new Set(report.runs.flatMap((run) => run.commands)), report.command].join("\n");
}

function navigation() {
  const shown = [...document.querySelectorAll("main > section[id]")].filter((section) => !section.hidden);
  find("nav").replaceChildren(...shown.map((section) => make("a", { href: `#${section.id}`, textContent: section.querySelector("h2").textContent })));
}

function redraw() { for (const chart of charts) chart.draw(ink); if (methodOrNull()) drawMatrix(); drawMap(); for (const body of bodies) body.draw(); redrawCards(); }

function setTheme() {
  const is = chosenTheme || (dark.matches ? "dark" : "light");
  document.documentElement.dataset.theme = is;
  find("theme").setAttribute("aria-pressed", String(is === "dark"));
  ink = inks();
  runTable(); legends();
  if (report.maps) mapLegend();
  redraw();
}

document.documentElement.dataset.theme = dark.matches ? "dark" : "light";
ink = inks();
find("title").textContent = report.title;
find("facts").replaceChildren(...terms(report.facts));
find("notes").hidden = !report.notes.length;
find("notes").replaceChildren(...report.notes.map((note) => make("li", { textContent: note })));
results(); learning(); differences(); prime(); bandwidths(); account(); configuration();
confusionControls();
mapControls();
dialogControls();
setTheme();
navigation();
find("theme").addEventListener("click", () => { chosenTheme = theme() === "dark" ? "light" : "dark"; setTheme(); });
dark.addEventListener("change", setTheme);
let widthBefore = document.body.clientWidth;
new ResizeObserver(() => { if (document.body.clientWidth !== widthBefore) { widthBefore = document.body.clientWidth; redraw(); } }).observe(document.body);
let themeBefore = null;
window.addEventListener("beforeprint", () => { themeBefore = chosenTheme; chosenTheme = "light"; setTheme(); });
window.addEventListener("afterprint", () => { chosenTheme = themeBefore; setTheme(); });

// What tests and the curious may ask.
window.skelact = {
  report, confusions, plane, recordings, open: openRecording,
  get points() { return plane.drawn.map(({ number, x, y }) => ({ x, y, place: report.maps.sequences[number], name: nameOf(report.maps.sequences[number]) })); },
  get opened() { return opened; },
};
