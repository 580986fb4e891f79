// The features of test sequences on a plane: a point is a recording, and plays when it is pressed.

const SHAPES = 4, MOST_COLOURED = 6 * SHAPES, MARGIN = 16;
const plane = { at: 0, chosen: null, near: null, drawn: [] };

function mapNow() { return report.maps.runs[plane.at]; }

// What a point is coloured by, and whether it stands out.
function look(number) {
  const label = report.maps.labels[number], by = find("map-colour").value;
  const lit = !plane.chosen || plane.chosen.has(label);
  if (by === "class") return { thing: report.maps.shown.indexOf(label), lit, strong: lit };
  const method = report.methods[Number(by)], place = method.test.placeOf.get(report.maps.sequences[number]);
  const wrong = place !== undefined && method.judged.said[place] !== method.test.labels[place];
  return { wrong, unknown: place === undefined, lit, strong: wrong && lit };
}

function drawMap() {
  const canvas = find("map"), width = canvas.clientWidth;
  if (!width || !report.maps) return;
  const high = Math.min(Math.max(width * 0.72, 300), 620), { pen } = surface(canvas, high), points = mapNow().points, by = find("map-colour").value;
  const scale = Math.min(width, high) - 2 * MARGIN, left = (width - scale) / 2, top = (high - scale) / 2, radius = points.length > 4000 ? 6 : points.length > 800 ? 8 : 11;
  const many = report.maps.shown.length > MOST_COLOURED;
  plane.drawn = report.maps.sequences.map((_, number) => ({ number, x: left + points[2 * number] * scale, y: top + (1 - points[2 * number + 1]) * scale, ...look(number) }));
  for (const strong of [false, true]) {
    for (const point of plane.drawn) {
      if (Boolean(point.strong) !== strong) continue;
      const coloured = by === "class" && !many;
      pen.globalAlpha = point.lit ? 0.92 : 0.16;
      pen.fillStyle = coloured ? THINGS[theme()][point.thing % 6] : by === "class" ? (plane.chosen && point.lit ? ink.accent : ink.soft) : point.wrong ? ink.ring : ink.grid;
      shape(pen, point.x, point.y, radius / 2, coloured ? Math.floor(point.thing / 6) : point.wrong ? 1 : 0);
    }
  }
  pen.globalAlpha = 1;
  if (plane.near !== null) {
    const point = plane.drawn[plane.near];
    for (const [colour, wide] of [[ink.panel, 5], [ink.ink, 2.5]]) { pen.strokeStyle = colour; pen.lineWidth = wide; pen.beginPath(); pen.arc(point.x, point.y, radius * 0.5 + 4, 0, 7); pen.stroke(); }
  }
}

function shape(pen, x, y, radius, kind) {
  pen.beginPath();
  if (kind === 0) pen.arc(x, y, radius, 0, 7);
  else if (kind === 1) { const r = radius * 1.25; pen.moveTo(x, y - r); pen.lineTo(x + r, y + r * 0.8); pen.lineTo(x - r, y + r * 0.8); }
  else if (kind === 2) pen.rect(x - radius * 0.9, y - radius * 0.9, radius * 1.8, radius * 1.8);
  else { const r = radius * 1.35; pen.moveTo(x, y - r); pen.lineTo(x + r, y); pen.lineTo(x, y + r); pen.lineTo(x - r, y); }
  pen.fill();
}

function mapText(number) {
  const place = report.maps.sequences[number], label = report.maps.labels[number], by = find("map-colour").value;
  const lines = [report.names[place], label < 0 ? "no class" : report.classes[label]];
  if (by !== "class") {
    const method = report.methods[Number(by)], own = method.test.placeOf.get(place);
    if (own !== undefined) lines.push(`said: ${method.classes[method.judged.said[own]]}, ${sure(method.judged, own)}`);
  }
  return lines;
}

function point(number) {
  plane.near = number;
  const tip = find("map-tip"), canvas = find("map");
  tip.hidden = number === null;
  if (number !== null) {
    const { x, y } = plane.drawn[number];
    tip.textContent = mapText(number).join("\n");
    tip.style.left = `${Math.max(4, Math.min(x + 14, canvas.clientWidth - tip.offsetWidth - 6))}px`; tip.style.top = `${Math.max(4, y - tip.offsetHeight - 10)}px`;
    find("map-said").textContent = mapText(number).join(", ");
  }
  drawMap();
}

// The nearest lit point to a place on the canvas, not farther than `far`.
function nearest(x, y, far) {
  let best = null, least = far * far;
  for (const each of plane.drawn) {
    if (!each.lit) continue;
    const gap = (each.x - x) ** 2 + (each.y - y) ** 2;
    if (gap <= least) { least = gap; best = each.number; }
  }
  return best;
}

// The lit point that an arrow key goes to: near, and in its direction.
function towards(dx, dy) {
  const from = plane.drawn[plane.near];
  let best = null, least = Infinity;
  for (const each of plane.drawn) {
    const along = (each.x - from.x) * dx + (each.y - from.y) * dy, across = Math.abs((each.x - from.x) * dy + (each.y - from.y) * dx);
    if (!each.lit || each.number === plane.near || along <= 0.01) continue;
    const cost = along + 3 * across;
    if (cost < least) { least = cost; best = each.number; }
  }
  return best;
}

function playPoint(number) {
  const list = plane.drawn.filter((each) => each.lit).map((each) => report.maps.sequences[each.number]).filter(isHeld);
  openRecording(report.maps.sequences[number], list);
}

function mapLegend() {
  const by = find("map-colour").value, { shown } = report.maps, counts = new Map(), many = shown.length > MOST_COLOURED;
  for (const label of report.maps.labels) counts.set(label, (counts.get(label) || 0) + 1);
  find("map-legend").replaceChildren(...shown.map((label, thing) => {
    const mark = make("canvas", { className: "shape", width: 32, height: 32, "aria-hidden": "true" }), pen = mark.getContext("2d");
    pen.fillStyle = by === "class" && !many ? THINGS[theme()][thing % 6] : ink.soft;
    shape(pen, 16, 16, 10, by === "class" && !many ? Math.floor(thing / 6) : 0);
    const name = label < 0 ? "no class" : report.classes[label];
    const button = make("button", { type: "button", "aria-pressed": String(Boolean(plane.chosen && plane.chosen.has(label))) }, mark, make("span", { textContent: name, title: name }), make("span", { className: "number", textContent: String(counts.get(label)) }));
    button.addEventListener("click", () => {
      const chosen = plane.chosen || new Set();
      if (!chosen.delete(label)) chosen.add(label);
      plane.chosen = chosen.size ? chosen : null; plane.near = null; find("map-tip").hidden = true;
      button.setAttribute("aria-pressed", String(chosen.has(label)));
      find("map-all").hidden = !plane.chosen;
      drawMap();
    });
    return make("li", {}, button);
  }));
  find("map-all").hidden = !plane.chosen;
}

function chooseMap(at) {
  plane.at = at; plane.near = null; find("map-tip").hidden = true;
  find("map-about").textContent = `${report.maps.about} ${mapNow().about}. Neighbours mean something; the sizes of groups and the space between them do not.`;
  drawMap();
}

function mapControls() {
  find("map-section").hidden = !report.maps;
  if (!report.maps) return;
  const { maps } = report, canvas = find("map");
  for (const each of maps.runs) each.points = new Float32Array(bytes(each.places).buffer);
  maps.shown = [...new Set(maps.labels)].sort((one, other) => one - other);
  find("map-run").replaceChildren(...maps.runs.map((each, at) => option(at, each.run)));
  find("map-run").hidden = maps.runs.length < 2;
  const known = new Set(maps.sequences);
  const judging = report.methods.map((method, number) => ({ method, number })).filter(({ method }) => method.judged && method.test.places.some((place) => known.has(place)));
  find("map-colour").replaceChildren(option("class", "classes"), ...judging.map(({ method, number }) => option(number, `wrong by ${method.table}: ${method.label}`)));
  find("map-run").addEventListener("change", (event) => chooseMap(Number(event.target.value)));
  find("map-colour").addEventListener("change", () => { mapLegend(); drawMap(); });
  find("map-all").addEventListener("click", () => { plane.chosen = null; mapLegend(); drawMap(); });
  canvas.addEventListener("pointermove", (event) => { const box = canvas.getBoundingClientRect(), hit = nearest(event.clientX - box.left, event.clientY - box.top, 14); if (hit !== plane.near) point(hit); });
  canvas.addEventListener("pointerleave", () => { if (document.activeElement !== canvas) point(null); });
  canvas.addEventListener("click", (event) => { const box = canvas.getBoundingClientRect(), hit = nearest(event.clientX - box.left, event.clientY - box.top, 14); if (hit !== null) { point(hit); playPoint(hit); } });
  canvas.addEventListener("blur", () => { if (!find("dialog").open) point(null); });
  canvas.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (way) {
      const next = plane.near === null ? nearest(canvas.clientWidth / 2, canvas.clientHeight / 2, 1e6) : towards(...way);
      if (next !== null) point(next);
    } else if ((event.key === "Enter" || event.key === " ") && plane.near !== null) playPoint(plane.near);
    else return;
    event.preventDefault();
  });
  mapLegend();
  chooseMap(0);
}
