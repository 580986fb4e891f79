// The page of a store: filters, a list of cards of which only those in sight are made, marks, and the player.

const store = JSON.parse(find("data").textContent);
const everything = store.names.map((_, place) => place);
const KEPT = 150, AT_ONCE = 4, AROUND = 2, KEY = `skelact-browse:${store.hash}`;
const dark = window.matchMedia("(prefers-color-scheme: dark)");
let ink = {}, chosenTheme = null, shown = everything, opened = null;
const cards = new Map(), recordings = new Map(), waiting = new Set();
let asking = 0;

// Marks by the recordings' names; a browser that keeps nothing says so.
const marks = { bad: new Set(), labels: new Map() };

function loadMarks() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) || "{}"), known = new Set(store.names);
    for (const name of kept.bad || []) if (known.has(name)) marks.bad.add(name);
    for (const [name, label] of kept.labels || []) if (known.has(name) && store.classes.includes(label)) marks.labels.set(name, label);
  } catch { find("not-kept").hidden = false; }
}

function keepMarks() {
  try { localStorage.setItem(KEY, JSON.stringify({ bad: [...marks.bad], labels: [...marks.labels] })); } catch { find("not-kept").hidden = false; }
}

function className(place) {
  const label = store.labels[place];
  return marks.labels.get(store.names[place]) || (label < 0 ? "no class" : store.classes[label]);
}

function isBad(place) { return marks.bad.has(store.names[place]); }

function setBad(places, bad) {
  for (const place of places) bad ? marks.bad.add(store.names[place]) : marks.bad.delete(store.names[place]);
  marked();
}

function relabel(place, label) {
  const own = store.labels[place] < 0 ? null : store.classes[store.labels[place]];
  if (!label || label === own) marks.labels.delete(store.names[place]);
  else marks.labels.set(store.names[place], label);
  marked();
}

// What follows a mark: cards, counts, and the lists that can be saved. Filters wait for their next change.
function marked() {
  keepMarks();
  for (const [place, card] of cards) dress(card, place);
  if (opened !== null) find("bad").setAttribute("aria-pressed", String(isBad(opened)));
  count();
}

function count() {
  const few = (number, one, many) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
  find("count").textContent = shown.length === everything.length ? few(shown.length, "recording", "recordings") : `${shown.length.toLocaleString("en")} of ${few(everything.length, "recording", "recordings")}`;
  find("marks").textContent = `${few(marks.bad.size, "recording is", "recordings are")} bad, ${few(marks.labels.size, "has another class", "have another class")}.`;
  const all = shown.length > 0 && shown.every(isBad), button = find("mark-shown");
  button.textContent = shown.length === everything.length ? "Mark those shown as bad" : all ? `Take the mark from the ${shown.length} shown` : `Mark the ${shown.length} shown as bad`;
  button.disabled = !shown.length || shown.length === everything.length;
  find("save-bad").disabled = !marks.bad.size; find("save-labels").disabled = !marks.labels.size;
}

// Filters: each has an element and tells whether a recording passes.
const filters = [];

function field(name, element, passes, box = find("fields")) {
  element.setAttribute("aria-label", name);
  element.addEventListener(element.tagName === "SELECT" ? "change" : "input", filter);
  box.append(make("label", { className: "field" }, make("span", { textContent: name }), element));
  filters.push({ element, passes: (place) => element.value === "" || passes(place, element.value) });
  return element;
}

function choices(name, rows, passes) {
  const select = make("select", {}, option("", "all"), ...rows.map(([value, text]) => option(value, text)));
  return field(name, select, passes);
}

function number(name, box, settings, passes) {
  return field(name, make("input", { type: "number", min: 0, ...settings }), (place, value) => passes(place, Number(value)), box);
}

function makeFilters() {
  field("Name", make("input", { type: "search", spellcheck: false }), (place, text) => store.names[place].toLowerCase().includes(text.toLowerCase()));
  const used = [...new Set(store.labels)].filter((label) => label >= 0).sort((one, other) => one - other);
  choices("Class", used.map((label) => [store.classes[label], store.classes[label]]), (place, value) => className(place) === value);
  const kinds = Object.entries(store.kinds).map(([kind, text]) => [kind, store.odd.filter((each) => each.some(([own]) => own === kind)).length, text]);
  const any = store.odd.filter((each) => each.length).length;
  choices("Odd", [["any", `anything odd (${any})`], ...kinds.map(([kind, many, text]) => [kind, `${text} (${many})`]), ["none", "nothing odd"]],
    (place, value) => (value === "none" ? !store.odd[place].length : store.odd[place].some(([kind]) => value === "any" || kind === value)));
  choices("Marks", [["bad", "bad"], ["class", "another class"], ["none", "no mark"]], (place, value) => {
    const other = marks.labels.has(store.names[place]);
    return value === "bad" ? isBad(place) : value === "class" ? other : !isBad(place) && !other;
  });
  for (const each of store.attributes) {
    choices(each.name, each.values.map((value, at) => [String(value), each.shown[at]]), (place, value) => each.column[place] === Number(value));
  }
  if (store.sides.length) {
    const rows = store.sides.flatMap((each, at) => [[`${at}/1`, `${each.name}: training`], [`${at}/2`, `${each.name}: test`]]);
    choices("Split", rows, (place, value) => { const [at, side] = value.split("/").map(Number); return store.sides[at].column[place] === side; });
  }
  const people = [...new Set(store.bodies)].sort((one, other) => one - other);
  if (people.length > 1) choices("People", people.map((many) => [String(many), String(many)]), (place, value) => store.bodies[place] === Number(value));
  const pair = make("div", { className: "pair" });
  find("fields").append(pair);
  number("Frames from", pair, { step: 1 }, (place, value) => store.frames[place] >= value);
  number("Frames to", pair, { step: 1 }, (place, value) => store.frames[place] <= value);
  if (store.missing.some((share) => share > 0)) number("Missing from, %", find("fields"), { max: 100, step: 1 }, (place, value) => 100 * store.missing[place] >= value);
}

const ORDERS = {
  "the store's order": null,
  name: (one, other) => store.names[one].localeCompare(store.names[other], "en", { numeric: true }),
  class: (one, other) => className(one).localeCompare(className(other), "en"),
  "most frames": (one, other) => store.frames[other] - store.frames[one],
  "fewest frames": (one, other) => store.frames[one] - store.frames[other],
  "most missing": (one, other) => store.missing[other] - store.missing[one],
  "most that is odd": (one, other) => store.odd[other].length - store.odd[one].length,
};

function filter() {
  const order = ORDERS[find("sort").value], active = filters.filter((each) => each.element.value !== "");
  shown = everything.filter((place) => active.every((each) => each.passes(place)));
  if (order) shown = [...shown].sort((one, other) => order(one, other) || one - other);
  find("filter-count").textContent = active.length ? `${active.length} active` : "";
  find("none").hidden = shown.length > 0;
  for (const card of cards.values()) card.remove();
  cards.clear(); small.key = null;
  count(); lay();
}

function reset() {
  for (const each of filters) each.element.value = "";
  filter();
}

// The list: as high as all its rows, with the cards of those in sight.
const ROW = 252;
let spaceBefore = -1, spaceAfter = -1;

function lay() {
  const grid = find("grid"), style = getComputedStyle(grid), gap = parseFloat(style.rowGap) || 0, high = ROW + gap;
  const columns = Math.max(1, style.gridTemplateColumns.split(" ").length), rows = Math.ceil(shown.length / columns);
  const top = -grid.getBoundingClientRect().top;
  const first = Math.min(Math.max(0, Math.floor(top / high) - AROUND), Math.max(0, rows - 1));
  const last = Math.min(rows, Math.max(first + 1, Math.ceil((top + window.innerHeight) / high) + AROUND));
  const wanted = shown.slice(first * columns, last * columns), kept = new Set(wanted), focused = document.activeElement;
  const space = [first * high, Math.max(0, rows - last) * high];
  if (space[0] !== spaceBefore || space[1] !== spaceAfter) {
    [spaceBefore, spaceAfter] = space;
    grid.style.setProperty("padding-top", `${spaceBefore}px`); grid.style.setProperty("padding-bottom", `${spaceAfter}px`);
  }
  for (const [place, card] of cards) {
    if (!kept.has(place)) { if (card.contains(focused)) find("grid").focus({ preventScroll: true }); card.remove(); cards.delete(place); waiting.delete(place); }
  }
  let after = null;
  for (let at = wanted.length - 1; at >= 0; at--) {
    const place = wanted[at];
    if (!cards.has(place)) cards.set(place, makeCard(place, first * columns + at));
    const card = cards.get(place);
    if (card.parentElement !== grid || card.nextElementSibling !== after) grid.insertBefore(card, after);
    after = card;
  }
  for (const place of wanted) want(place);
}

function makeCard(place, at) {
  const canvas = make("canvas", { "aria-hidden": "true" }), name = store.names[place], odd = store.odd[place];
  const thumb = make("button", { type: "button", className: "thumb", "aria-label": `Play ${name}` }, canvas);
  const bad = make("button", { type: "button", className: "bad", textContent: "Bad", "aria-label": `Bad: ${name}` });
  const tags = odd.map(([kind]) => store.kinds[kind]).join(", "), missing = store.missing[place] >= 0.005 ? `${Math.round(100 * store.missing[place])} % missing` : "";
  const foot = [tags, missing].filter((text) => text).join(", ");
  const words = make("div", { className: "words" }, make("b"), make("span", { textContent: name, title: name }));
  const card = make("li", { className: "card", "aria-setsize": String(shown.length), "aria-posinset": String(at + 1) }, thumb, words,
    make("div", { className: "foot" }, make("span", { className: "tag", textContent: foot || `${store.frames[place]} frames`, title: odd.map(([kind, text]) => `${store.kinds[kind]}: ${text}`).join("\n") || `${store.frames[place]} frames` }), bad));
  card.querySelector(".tag").classList.toggle("odd", foot !== "");
  thumb.addEventListener("click", () => open(place));
  bad.addEventListener("click", () => setBad([place], !isBad(place)));
  card.addEventListener("pointerenter", () => start(place));
  card.addEventListener("pointerleave", () => stop(place));
  thumb.addEventListener("focus", () => start(place));
  thumb.addEventListener("blur", () => stop(place));
  dress(card, place);
  return card;
}

function dress(card, place) {
  card.classList.toggle("is-bad", isBad(place));
  card.querySelector(".bad").setAttribute("aria-pressed", String(isBad(place)));
  const label = card.querySelector("b"), other = marks.labels.has(store.names[place]);
  label.textContent = className(place) + (other ? " (was " + (store.labels[place] < 0 ? "no class" : store.classes[store.labels[place]]) + ")" : "");
  label.title = label.textContent;
}

// Recordings: out of the page, or asked of the server a few at a time; so many are kept as were looked at last.
async function ask(kind, place) {
  if (store.held) return store.held[place];
  const answer = await fetch(`${kind}/${place}`);
  if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
  return answer.json();
}

function want(place) {
  if (recordings.has(place)) {
    const found = recordings.get(place);
    recordings.delete(place); recordings.set(place, found);
    picture(place);
  } else { waiting.add(place); work(); }
}

async function work() {
  if (asking >= AT_ONCE || !waiting.size) return;
  const [place] = waiting;
  waiting.delete(place);
  asking++;
  try {
    const data = await ask("small", place);
    recordings.set(place, pictured(data));
    while (recordings.size > KEPT) recordings.delete(recordings.keys().next().value);
    picture(place);
  } catch { recordings.set(place, { problem: "Not reached: is the command still running? Reload the page." }); picture(place); }
  asking--;
  work();
}

function picture(place, frame = null) {
  const card = cards.get(place), found = recordings.get(place);
  if (!card || !found) return;
  const thumb = card.querySelector(".thumb");
  if (found.problem) {
    if (!thumb.querySelector(".fault")) thumb.append(make("span", { className: "fault", textContent: found.problem }));
    return;
  }
  drawSmall(thumb.querySelector("canvas"), found, frame, ink);
}

function start(place) { startSmall(place, () => recordings.get(place), (frame) => picture(place, frame)); }

function stop(place) { stopSmall(place); }

async function open(place) {
  const dialog = find("dialog"), name = store.names[place];
  opened = place;
  find("dialog-title").textContent = name;
  find("player").title = `Player of ${name}`;
  find("odd").textContent = store.odd[place].map(([kind, text]) => `${store.kinds[kind]}: ${text}`).join("; ");
  find("bad").setAttribute("aria-pressed", String(isBad(place)));
  const own = store.labels[place] < 0 ? "" : store.classes[store.labels[place]];
  find("relabel").replaceChildren(...(own ? [] : [option("", "no class")]), ...store.classes.map((each) => option(each, each)));
  find("relabel").value = marks.labels.get(name) || own;
  const at = shown.indexOf(place);
  find("before").disabled = at <= 0; find("after").disabled = at < 0 || at >= shown.length - 1;
  if (!dialog.open) dialog.showModal();
  find("problem").hidden = true; find("player").hidden = false;
  try {
    const data = await ask("full", place);
    if (opened !== place) return;
    if (data.problem) throw new Error(data.problem);
    playIn(find("player"), store.player, data);
  } catch (error) {
    if (opened !== place) return;
    find("player").hidden = true; find("problem").hidden = false; find("problem").textContent = `${error.message}`;
  }
}

function step(by) {
  const next = shown[shown.indexOf(opened) + by];
  if (next !== undefined) open(next);
}

function closed() {
  const place = opened;
  opened = null;
  find("player").srcdoc = "";
  const card = cards.get(place);
  if (card) card.querySelector(".thumb").focus(); else find("sort").focus();
}

// Lists as CSV.
function csv(rows) {
  const quoted = (value) => (/[",\r\n]/.test(value) || value !== value.trim() ? `"${value.replaceAll('"', '""')}"` : value);
  return rows.map((row) => `${row.map(quoted).join(",")}\n`).join("");
}

function badList() {
  const rows = everything.filter(isBad).map((place) => [store.names[place], className(place), store.odd[place].map(([kind, text]) => `${store.kinds[kind]}: ${text}`).join("; ")]);
  return csv([["name", "class", "odd"], ...rows]);
}

function labelList() {
  const rows = everything.filter((place) => store.labels[place] >= 0 || marks.labels.has(store.names[place]));
  return csv([["file", "label"], ...rows.map((place) => [store.names[place], className(place)])]);
}

function save(name, text) {
  const link = make("a", { href: URL.createObjectURL(new Blob([text], { type: "text/csv" })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

function setTheme() {
  const is = chosenTheme || (dark.matches ? "dark" : "light");
  document.documentElement.dataset.theme = is;
  find("theme").setAttribute("aria-pressed", String(is === "dark"));
  ink = inks();
  for (const place of cards.keys()) picture(place);
}

function controls() {
  find("sort").replaceChildren(...Object.keys(ORDERS).map((name) => option(name, name)));
  find("sort").addEventListener("change", filter);
  find("reset").addEventListener("click", reset);
  find("none-reset").addEventListener("click", reset);
  find("mark-shown").addEventListener("click", () => setBad(shown, !shown.every(isBad)));
  find("save-bad").addEventListener("click", () => save("without.csv", badList()));
  find("save-labels").addEventListener("click", () => save("manifest.csv", labelList()));
  find("theme").addEventListener("click", () => { chosenTheme = theme() === "dark" ? "light" : "dark"; setTheme(); });
  find("close").addEventListener("click", () => find("dialog").close());
  find("dialog").addEventListener("close", closed);
  find("before").addEventListener("click", () => step(-1));
  find("after").addEventListener("click", () => step(1));
  find("bad").addEventListener("click", () => setBad([opened], !isBad(opened)));
  find("relabel").addEventListener("change", (event) => relabel(opened, event.target.value));
  if (window.innerWidth <= 760) find("filters").open = find("marking").open = false;
  find("grid").tabIndex = -1;
  let asked = false;
  const again = () => { if (!asked) { asked = true; requestAnimationFrame(() => { asked = false; lay(); }); } };
  window.addEventListener("scroll", again, { passive: true });
  new ResizeObserver(again).observe(document.body);
  window.addEventListener("resize", again);
  dark.addEventListener("change", setTheme);
}

find("title").textContent = store.title;
find("facts").replaceChildren(...terms(store.facts));
loadMarks();
makeFilters();
controls();
setTheme();
filter();

// What tests and the curious may ask.
window.skelact = {
  store, marks, badList, labelList, recordings, cards, open, reset,
  get shown() { return shown.map((place) => store.names[place]); },
  get playing() { return small.key; },
};
