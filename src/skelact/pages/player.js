// The player: one state, its controls, and what is drawn again when it changes.

const recording = new Recording(JSON.parse(find("data").textContent));
const scene = new Scene(recording);
const charts = new Charts(recording);
const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const state = {
  frame: 0, moment: 0, clock: 0, playing: false, speed: 1, loop: true, look: "sticks", colour: recording.layers.length ? recording.layers[0].key : "none",
  layer: recording.layers.length ? recording.layers[0].key : null, person: recording.person, prime: true, trails: false, floor: true, follow: recording.wanders,
  hidden: new Set(), chosen: new Set(recording.ranked.slice(0, 4)),
};
let ink = {}, wanted = new Set(), due = false, before = 0, chosenTheme = null, shownClasses = [];

function redraw(...parts) {
  parts.forEach((part) => wanted.add(part));
  if (!due) { due = true; requestAnimationFrame(draw); }
}

function draw(now) {
  due = false;
  if (state.playing) advance(now);
  if (wanted.has("scene") && !recording.empty) scene.draw(find("stage"), state, ink);
  if (!recording.empty && state.layer) {
    if (wanted.has("map")) { charts.map(find("map"), state, rowHeight(), ink); legend(); }
    if (wanted.has("curves")) charts.curves(find("curves"), state, ink);
  }
  if (wanted.has("decision") && recording.decision) charts.decision(find("decision"), recording.decision, shownClasses, ink);
  wanted = new Set();
  cursors();
  if (state.playing) redraw("scene");
}

function advance(now) {
  const passed = Math.min((now - before) / 1000, 0.25), last = recording.frames - 1;
  before = now;
  let clock = state.clock + passed * recording.rate * state.speed;
  if (clock > last) {
    if (state.loop && last > 0) clock %= last + 1;
    else { clock = last; pause(); }
  }
  state.clock = clock;
  const shown = Math.min(clock, last), frame = Math.floor(shown);
  state.moment = calm.matches ? frame : shown;
  if (frame !== state.frame) { state.frame = frame; tell(); }
}

function seek(frame) {
  state.frame = state.moment = state.clock = Math.min(Math.max(Math.round(frame), 0), recording.frames - 1);
  before = performance.now();
  tell();
  redraw("scene");
}

function play() {
  if (recording.empty || recording.frames < 2) return;
  if (!state.loop && state.frame === recording.frames - 1) seek(0);
  state.playing = true; before = performance.now();
  playing();
  redraw("scene");
}

function pause() {
  state.playing = false; state.moment = state.clock = state.frame;
  playing();
  redraw("scene");
}

function playing() {
  find("play").setAttribute("aria-label", state.playing ? "Pause" : "Play");
  find("play-icon").setAttribute("d", state.playing ? "M7 5h4v14H7zM13 5h4v14h-4z" : "M8 5v14l11-7z");
  find("big-play").hidden = true;
}

// What follows the frame: readout, slider, list of prime joints, values beside the curves.
function tell() {
  const { frame } = state, text = `${frame + 1} / ${recording.frames}`;
  find("readout").textContent = recording.fps ? `${text} · ${recording.time(frame)}` : `frame ${text}`;
  const scrub = find("scrub"), spoken = `frame ${frame + 1} of ${recording.frames}${recording.fps ? `, ${recording.time(frame)}` : ""}`;
  scrub.value = frame; scrub.setAttribute("aria-valuetext", spoken);
  if (recording.empty) return;
  const map = find("map");
  map.setAttribute("aria-valuenow", frame); map.setAttribute("aria-valuetext", spoken);
  const lines = [];
  for (let body = 0; body < recording.bodies; body++) {
    if (!recording.isPresent(body, frame) || state.hidden.has(body)) continue;
    const names = recording.joints.filter((_, joint) => recording.isPrime(body, frame, joint));
    const who = recording.bodies > 1 ? `Person ${body + 1}, prime` : "Prime";
    lines.push({ few: !names.length, line: make("span", {}, make("b", { textContent: `${who}: ` }), names.join(", ") || "none") });
  }
  if (recording.bodies > 3) lines.sort((one, other) => one.few - other.few); // there is room for three
  find("now").replaceChildren(...(lines.length ? lines.slice(0, 3).map((each) => each.line) : ["Nobody is seen in this frame."]));
  values(); classesNow();
}

function cursors() {
  const share = (Math.floor(state.moment) + 0.5) / recording.frames;
  for (const cursor of document.querySelectorAll(".cursor")) {
    cursor.style.transform = `translateX(${share * cursor.parentElement.clientWidth}px)`;
  }
}

function rowHeight() { return window.innerWidth <= 760 ? (recording.joints.length > 40 ? 16 : 22) : recording.joints.length > 40 ? 13 : 18; }

function layerNow() { return recording.layers.find((each) => each.key === state.layer); }

function written(value, layer) {
  if (Number.isNaN(value)) return "–";
  return layer.format === "share" ? `${Math.round(100 * value)} %` : value.toPrecision(2);
}

function legend() {
  const layer = layerNow(), bar = find("legend-bar"), pen = bar.getContext("2d");
  for (let x = 0; x < bar.width; x++) { pen.fillStyle = css(heat(x / (bar.width - 1))); pen.fillRect(x, 0, 1, bar.height); }
  find("legend-low").textContent = layer.format === "share" ? "0 %" : "0";
  find("legend-high").textContent = `${layer.largest > layer.scale * 1.001 ? "≥ " : ""}${written(layer.scale, layer)}`;
  find("map-about").textContent = layer.about;
  find("curves-about").textContent = `${layer.label}, of the joints whose names are pressed above`;
}

function rows() {
  const box = find("rows");
  box.style.setProperty("--row", `${rowHeight()}px`);
  box.replaceChildren(...recording.order.map((joint) => {
    const number = [...state.chosen].indexOf(joint);
    const button = make("button", { type: "button", textContent: recording.joints[joint], title: recording.joints[joint], "aria-pressed": String(number >= 0) });
    button.style.setProperty("--mark", number >= 0 ? THINGS[theme()][number % 6] : "transparent");
    button.dataset.joint = joint;
    button.addEventListener("click", () => choose(joint));
    return button;
  }));
}

function choose(joint) {
  if (!state.chosen.delete(joint)) state.chosen.add(joint);
  const focused = document.activeElement && document.activeElement.dataset.joint;
  rows(); keys(); values();
  if (focused !== undefined) document.querySelector(`#rows [data-joint="${focused}"]`)?.focus();
  redraw("scene", "curves");
}

function keys() {
  find("keys").replaceChildren(...[...state.chosen].map((joint, number) =>
    make("li", {}, swatch(number), make("span", { textContent: recording.joints[joint], title: recording.joints[joint] }), make("span", { className: "value" }))));
  if (!state.chosen.size) find("keys").replaceChildren(make("li", { textContent: "none chosen" }));
}

function values() {
  const layer = layerNow();
  if (!layer) return;
  [...state.chosen].forEach((joint, number) => {
    const cell = find("keys").children[number].querySelector(".value");
    if (cell) cell.textContent = written(recording.value(layer, state.person, state.frame, joint), layer);
  });
}

// The classes of the window whose middle is nearest, the most likely first.
function classesNow() {
  const { decision } = recording;
  if (!decision) return;
  const gaps = decision.middles.map((middle) => Math.abs(middle - state.frame)), window = gaps.indexOf(Math.min(...gaps));
  find("classes").replaceChildren(...shownClasses.map((place, number) => {
    const share = decision.shares[window][place];
    return make("li", {}, swatch(number), make("span", { textContent: decision.classes[place], title: decision.classes[place] }), make("span", { textContent: `${Math.round(100 * share)} %` }));
  }));
}

function setTheme() {
  const is = chosenTheme || (dark.matches ? "dark" : "light");
  document.documentElement.dataset.theme = is;
  find("theme").setAttribute("aria-pressed", String(is === "dark"));
  ink = inks();
  if (!recording.empty) { rows(); keys(); values(); people(); }
  classesNow();
  redraw("scene", "map", "curves", "decision");
}

function people() {
  const box = find("people");
  box.hidden = recording.bodies < 2;
  box.replaceChildren(make("legend", { textContent: "People" }), ...Array.from({ length: recording.bodies }, (_, body) => {
    const check = make("input", { type: "checkbox", checked: !state.hidden.has(body) }), mark = make("span", { className: "swatch" });
    mark.style.background = PEOPLE[theme()][body % 6];
    check.addEventListener("change", () => { if (!state.hidden.delete(body)) state.hidden.add(body); tell(); redraw("scene"); });
    return make("label", {}, check, mark, `person ${body + 1}`);
  }));
}

// Pointers on the skeleton: one turns (in the plane: moves), two move and bring nearer.
function pointers() {
  const canvas = find("stage"), { camera } = scene, held = new Map();
  let pressed = null;
  const changed = () => redraw("scene");
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    held.set(event.pointerId, [event.clientX, event.clientY]);
    pressed = [event.clientX, event.clientY];
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!held.has(event.pointerId)) { hover(event); return; }
    const old = held.get(event.pointerId), dx = event.clientX - old[0], dy = event.clientY - old[1];
    const other = [...held].find(([id]) => id !== event.pointerId);
    if (other) {
      const gap = (point) => Math.hypot(point[0] - other[1][0], point[1] - other[1][1]);
      camera.closer(gap([event.clientX, event.clientY]) / Math.max(gap(old), 1));
      camera.move(dx / 2, dy / 2);
    } else if (event.shiftKey || event.buttons === 4 || camera.flat) camera.move(dx, dy);
    else camera.turn(-dx * 0.008, dy * 0.008);
    held.set(event.pointerId, [event.clientX, event.clientY]);
    changed();
  });
  const release = (event) => {
    held.delete(event.pointerId);
    if (event.type === "pointerup" && pressed && Math.hypot(event.clientX - pressed[0], event.clientY - pressed[1]) < 4) {
      const box = canvas.getBoundingClientRect(), hit = scene.find(event.clientX - box.left, event.clientY - box.top);
      if (hit) choose(hit.joint);
    }
    pressed = null;
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("pointerleave", () => { find("tip").hidden = true; near(null); });
  canvas.addEventListener("wheel", (event) => {
    if (document.activeElement !== canvas && !event.ctrlKey) return;
    event.preventDefault();
    camera.closer(Math.exp(-event.deltaY * 0.0015));
    changed();
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (way && event.shiftKey) camera.move(-20 * way[0], -20 * way[1]);
    else if (way && !camera.flat) camera.turn(0.12 * way[0], -0.12 * way[1]);
    else if (way) camera.move(-20 * way[0], -20 * way[1]);
    else if (event.key === "+" || event.key === "=") camera.closer(1.15);
    else if (event.key === "-") camera.closer(1 / 1.15);
    else if (event.key === "r" || event.key === "R") camera.reset();
    else return;
    event.preventDefault(); event.stopPropagation();
    changed();
  });
}

function near(joint) {
  for (const button of find("rows").children) button.classList.toggle("near", joint !== null && Number(button.dataset.joint) === joint);
}

function hover(event) {
  const box = find("stage").getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
  const hit = scene.find(x, y), tip = find("tip"), layer = recording.layers.find((each) => each.key === state.colour);
  tip.hidden = !hit; near(hit ? hit.joint : null);
  if (!hit) return;
  const lines = [recording.joints[hit.joint] + (recording.bodies > 1 ? ` of person ${hit.body + 1}` : "")];
  if (!hit.seen) lines.push("not seen in this frame");
  else if (layer) lines.push(`${layer.label.toLowerCase()}: ${written(hit.value, layer)}${hit.prime ? ", prime" : ""}`);
  placeTip(tip, lines, x, y, box);
}

function placeTip(tip, lines, x, y, box) {
  tip.textContent = lines.join("\n");
  tip.style.left = `${Math.max(4, Math.min(x + 14, box.width - tip.offsetWidth - 6))}px`;
  tip.style.top = `${Math.max(4, y - tip.offsetHeight - 10)}px`;
}

// A press or a drag on a chart goes to that moment.
function seeking(plot, canvas) {
  const go = (event) => {
    const box = canvas.getBoundingClientRect();
    seek(Math.floor(((event.clientX - box.left) / box.width) * recording.frames));
  };
  canvas.addEventListener("pointerdown", (event) => { canvas.setPointerCapture(event.pointerId); go(event); });
  canvas.addEventListener("pointermove", (event) => { if (event.buttons) go(event); });
}

function mapHover() {
  const canvas = find("map"), plot = find("map-plot"), tip = make("p", { className: "tip", hidden: true });
  plot.append(tip);
  canvas.addEventListener("pointermove", (event) => {
    const box = canvas.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top, line = Math.floor(y / rowHeight());
    const joint = recording.order[line], frame = Math.min(Math.floor((x / box.width) * recording.frames), recording.frames - 1);
    tip.hidden = joint === undefined; near(joint === undefined ? null : joint);
    if (joint === undefined) return;
    const value = recording.value(layerNow(), state.person, frame, joint);
    const lines = [`${recording.joints[joint]}, ${recording.time(frame)}`, recording.isSeen(state.person, frame, joint) ? written(value, layerNow()) : "not seen"];
    if (recording.isPrime(state.person, frame, joint)) lines.push("prime");
    placeTip(tip, lines, x, y, box);
  });
  canvas.addEventListener("pointerleave", () => { tip.hidden = true; near(null); });
}

function controls() {
  find("play").addEventListener("click", () => (state.playing ? pause() : play()));
  find("big-play").addEventListener("click", () => { play(); find("play").focus(); });
  find("back").addEventListener("click", () => { pause(); seek(state.frame - 1); });
  find("forward").addEventListener("click", () => { pause(); seek(state.frame + 1); });
  find("scrub").addEventListener("input", (event) => seek(Number(event.target.value)));
  find("loop").addEventListener("click", (event) => { state.loop = !state.loop; event.currentTarget.setAttribute("aria-pressed", String(state.loop)); });
  find("speed").addEventListener("change", (event) => { state.speed = Number(event.target.value); });
  find("look").addEventListener("change", (event) => { state.look = event.target.value; redraw("scene"); });
  find("colour").addEventListener("change", (event) => { state.colour = event.target.value; redraw("scene"); });
  find("layer").addEventListener("change", (event) => { state.layer = event.target.value; redraw("map", "curves"); values(); });
  find("person").addEventListener("change", (event) => { state.person = Number(event.target.value); redraw("map", "curves"); values(); });
  for (const name of ["prime", "trails", "floor", "follow"]) {
    find(name).addEventListener("change", (event) => { state[name] = event.target.checked; redraw("scene", "map"); });
  }
  for (const button of document.querySelectorAll("[data-view]")) {
    button.addEventListener("click", () => {
      const { camera } = scene, front = recording.front;
      camera.reset();
      if (button.dataset.view === "front") camera.look(front, 0.04);
      if (button.dataset.view === "side") camera.look(front + Math.PI / 2, 0.04);
      if (button.dataset.view === "top") camera.look(front, 1.5);
      redraw("scene");
    });
  }
  find("theme").addEventListener("click", () => { chosenTheme = theme() === "dark" ? "light" : "dark"; setTheme(); });
  document.addEventListener("keydown", (event) => {
    const on = event.target, types = on instanceof HTMLSelectElement || (on instanceof HTMLInputElement && on.id !== "scrub");
    if (types || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === " " && !(on instanceof HTMLButtonElement) && on.tagName !== "SUMMARY") state.playing ? pause() : play();
    else if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      pause(); seek(state.frame + (event.key === "ArrowLeft" ? -1 : 1) * (event.shiftKey ? 10 : 1));
    } else if (event.key === "Home") seek(0);
    else if (event.key === "End") seek(recording.frames - 1);
    else return;
    event.preventDefault();
  });
}

// What does not change: texts, choices, and which parts of the page there are.
function fill() {
  find("title").textContent = recording.title;
  find("facts").replaceChildren(...terms(recording.facts));
  find("notes").hidden = !recording.notes.length;
  find("notes").replaceChildren(...recording.notes.map((note) => make("li", { textContent: note })));
  find("precision").textContent = recording.precision;
  find("scrub").max = Math.max(recording.frames - 1, 0);
  const nothing = recording.empty;
  find("empty").hidden = !nothing; find("empty").textContent = recording.emptyText || "";
  for (const id of ["map-panel", "curves-panel"]) find(id).hidden = nothing;
  find("big-play").hidden = nothing || recording.frames < 2;
  if (nothing) {
    for (const element of document.querySelectorAll(".settings, .transport, .now")) element.hidden = true;
    find("stage").hidden = true; find("scale").hidden = true;
    return;
  }
  find("scale").textContent = recording.scaleText;
  find("now").style.setProperty("--people", Math.min(recording.bodies, 3));
  find("stage").setAttribute("aria-label", `Skeleton of ${recording.bodies > 1 ? `${recording.bodies} people` : "one person"}; arrow keys turn it, plus and minus bring it nearer`);
  find("colour").replaceChildren(...recording.layers.map((layer) => option(layer.key, layer.label.toLowerCase())), option("none", "person"));
  find("layer").replaceChildren(...recording.layers.map((layer) => option(layer.key, layer.label)));
  find("layer").hidden = recording.layers.length < 2;
  find("person").replaceChildren(...Array.from({ length: recording.bodies }, (_, body) => option(body, `person ${body + 1}`)));
  find("person").hidden = recording.bodies < 2; find("person").value = state.person;
  find("map").setAttribute("aria-valuemin", 0); find("map").setAttribute("aria-valuemax", recording.frames - 1);
  find("floor-label").hidden = recording.floor === null; find("follow").checked = state.follow;
  for (const button of document.querySelectorAll("[data-view]")) button.hidden = recording.coordinates === 2 && button.dataset.view !== "reset";
  if (recording.decision) {
    const { decision } = recording, peaks = decision.classes.map((_, place) => Math.max(...decision.shares.map((row) => row[place])));
    shownClasses = decision.shown || [...peaks.keys()].sort((one, other) => peaks[other] - peaks[one]).slice(0, 5);
    find("decision-panel").hidden = false;
    find("decision-about").textContent = decision.about;
    find("carries").replaceChildren(...decision.words.map((textContent) => make("li", { textContent })));
    find("carries-about").textContent = decision.stretchesAbout;
  }
}

fill();
setTheme();
controls();
if (!recording.empty) {
  pointers(); mapHover();
  for (const name of ["map", "curves", "decision"]) seeking(find(`${name}-plot`), find(name));
}
tell();
dark.addEventListener("change", setTheme);
let widthBefore = 0;
new ResizeObserver(() => {
  const resized = document.body.clientWidth !== widthBefore;
  widthBefore = document.body.clientWidth;
  if (resized && !recording.empty) rows();
  if (resized) redraw("scene", "map", "curves", "decision");
}).observe(document.body);
new ResizeObserver(() => redraw("scene")).observe(find("stage-box"));
let themeBefore = null;
window.addEventListener("beforeprint", () => { themeBefore = chosenTheme; chosenTheme = "light"; setTheme(); draw(performance.now()); });
window.addEventListener("afterprint", () => { chosenTheme = themeBefore; setTheme(); });

// What tests and the curious may ask; positions are as recorded, in their own axes and unit.
window.skelact = {
  recording, state, seek, play, pause,
  get joints() {
    return scene.drawn.map((one) => ({ body: one.body, joint: one.joint, seen: one.seen, x: one.x, y: one.y, colour: one.colour, prime: one.prime,
      position: recording.recorded(one.body, Math.floor(state.moment), one.joint) }));
  },
  get camera() { const { yaw, pitch, zoom, shift } = scene.camera; return { yaw, pitch, zoom, shift: [...shift] }; },
  get columns() { return charts.numColumns; },
};
