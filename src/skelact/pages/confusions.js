// Which classes are taken for which: a matrix, the pairs by how often, and recordings of the pair that is chosen.

const MOST_PAIRS = 400, FEW = 14, MOST_EXAMPLES = 70, CONFIDENT = 14;
const confusions = { method: null, pair: null, all: false, shown: [], cell: 0, left: 0 };

function methodNow() { return report.methods[confusions.method]; }

function percent(share) { return share >= 0.9995 || share <= 0 ? `${Math.round(100 * share)} %` : share > 0.995 ? "> 99 %" : `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`; }

function sure(judged, place) {
  const value = judged.confidence[place];
  return judged.is_share ? percent(value) : value > 1e30 ? "alone" : `ahead by ${short(value)}`;
}

// Every pair of classes with a mistake, and how many sequences of its true class there are.
function pairsOf(method) {
  const pairs = [];
  method.confusion.forEach((row, own) => {
    const of = row.reduce((sum, count) => sum + count, 0);
    row.forEach((count, said) => { if (count && said !== own) pairs.push({ own, said, count, of }); });
  });
  return pairs.sort((one, other) => other.count - one.count || other.count / other.of - one.count / one.of);
}

function cardOf(method, place) {
  const { judged, test } = method, own = test.labels[place], said = judged.said[place], wrong = own !== said;
  return { place: test.places[place], name: test.names[place], title: method.classes[own], wrong, lines: [wrong ? `taken for ${method.classes[said]}` : "told right", `${sure(judged, place)} · ${test.names[place]}`] };
}

function fillPairs() {
  const method = methodNow(), chosen = find("pair-class").value, found = pairsOf(method).filter(({ own, said }) => chosen === "" || own === Number(chosen) || said === Number(chosen));
  const seeds = method.seeds, most = found.length ? found[0].count : 1;
  find("pairs").replaceChildren(...found.slice(0, MOST_PAIRS).map(({ own, said, count, of }) => {
    const text = `${method.classes[own]} → ${method.classes[said]}`, bar = make("i", { "aria-hidden": "true" });
    bar.style.width = `${(100 * count) / most}%`;
    const button = make("button", { type: "button", className: "pair-row", "aria-pressed": String(isPair(own, said)), "aria-label": `${method.classes[own]} taken for ${method.classes[said]}: ${count} of ${of}` },
      make("span", { textContent: text, title: text }), make("span", { className: "number", textContent: `${seeds > 1 ? (count / seeds).toFixed(1) : count} of ${of / seeds}` }), make("span", { className: "track" }, bar));
    button.dataset.pair = `${own}/${said}`;
    button.addEventListener("click", () => choosePair(own, said));
    return make("li", {}, button);
  }));
  const more = found.length > MOST_PAIRS ? `; the first ${MOST_PAIRS} are listed` : "", mean = seeds > 1 ? ` Means of ${seeds} seeds.` : "";
  find("pairs-about").textContent = found.length ? `${found.length.toLocaleString("en")} pairs of classes are mistaken, most often on top${more}.${mean}` : "No class is taken for another.";
}

function isPair(own, said) { return confusions.pair !== null && confusions.pair[0] === own && confusions.pair[1] === said; }

function choosePair(own, said, focus = false) {
  confusions.pair = [own, said]; confusions.all = false;
  for (const button of find("pairs").querySelectorAll("button")) button.setAttribute("aria-pressed", String(button.dataset.pair === `${own}/${said}`));
  if (focus) find("pairs").querySelector(`[data-pair="${own}/${said}"]`)?.scrollIntoView({ block: "nearest" });
  fillExamples();
  drawMatrix();
}

function fillExamples() {
  const method = methodNow(), { pair } = confusions, { judged } = method;
  find("pair-title").hidden = !pair; find("pair-more").hidden = true;
  find("pair-title").textContent = pair ? (pair[0] === pair[1] ? `${method.classes[pair[0]]}, told right` : `${method.classes[pair[0]]}, taken for ${method.classes[pair[1]]}`) : "";
  let rows = [];
  if (pair && judged) {
    const own = [...judged.said.keys()].filter((place) => method.test.labels[place] === pair[0] && judged.said[place] === pair[1]);
    own.sort((one, other) => isHeld(method.test.places[other]) - isHeld(method.test.places[one]) || judged.confidence[other] - judged.confidence[one]);
    rows = own.slice(0, confusions.all ? MOST_EXAMPLES : FEW).map((place) => cardOf(method, place));
    const seed = method.seeds > 1 ? " of the first seed" : "";
    find("pair-about").textContent = own.length > rows.length ? `${rows.length} of ${own.length} recordings${seed}, the most confident first.` : `${own.length} ${own.length === 1 ? "recording" : "recordings"}${seed}.`;
    find("pair-more").hidden = confusions.all || own.length <= rows.length;
  } else find("pair-about").textContent = judged ? "" : "The result kept no class scores, so there is nothing to tell which recordings these are.";
  fillCards(find("pair-examples"), rows);
}

function fillConfident() {
  const method = methodNow(), { judged } = method;
  find("confident").hidden = !judged;
  if (!judged) return;
  const order = [...judged.said.keys()].sort((one, other) => judged.confidence[other] - judged.confidence[one]), right = (place) => judged.said[place] === method.test.labels[place];
  fillCards(find("surely-wrong"), order.filter((place) => !right(place)).slice(0, CONFIDENT).map((place) => cardOf(method, place)));
  fillCards(find("surely-right"), order.filter(right).slice(0, CONFIDENT).map((place) => cardOf(method, place)));
  const kind = judged.is_share ? "The share of its probability, or of its neighbours' votes, that the class it names has." : "By how much the score of the class it names is ahead of the next.";
  find("confident-about").textContent = `${method.label}, ${method.table}. ${kind}`;
}

function drawMatrix() {
  const canvas = find("matrix"), method = methodNow(), { shown } = confusions, num = shown.length, room = canvas.clientWidth;
  if (!room) return;
  const named = num <= 60, left = named ? Math.min(150, room * 0.34) : 0, cell = Math.max(Math.min((room - left) / num, 44), 1), size = cell * num;
  const below = named && cell >= 8 ? 84 : 2, to = surface(canvas, Math.ceil(size) + below);
  Object.assign(confusions, { cell, left });
  const { pen } = to, font = `${Math.min(12, Math.max(cell - 1, 7))}px system-ui, sans-serif`;
  pen.font = font; pen.textBaseline = "middle";
  shown.forEach((own, line) => {
    const row = method.confusion[own], of = row.reduce((sum, count) => sum + count, 0);
    if (named && cell >= 8) {
      pen.fillStyle = confusions.pair && confusions.pair[0] === own ? ink.ink : ink.soft; pen.textAlign = "right";
      pen.fillText(fitted(pen, method.classes[own], left - 8), left - 6, (line + 0.5) * cell);
    }
    shown.forEach((said, column) => {
      const count = row[said], share = of ? count / of : NaN, gap = cell >= 6 ? 1 : 0;
      pen.fillStyle = Number.isNaN(share) ? ink.missing : count ? css(heat(0.08 + 0.92 * share)) : ink.stage;
      pen.fillRect(left + column * cell, line * cell, cell - gap, cell - gap);
      if (cell >= 22 && count) {
        pen.fillStyle = share > 0.55 ? "#000" : "#fff"; pen.textAlign = "center"; pen.font = `${cell >= 28 ? 11.5 : 9.5}px system-ui, sans-serif`;
        pen.fillText(String(Math.round(100 * share)), left + (column + 0.5) * cell, (line + 0.52) * cell);
        pen.font = font;
      }
    });
    if (named && cell >= 8) {
      // its column, slanted where there is room for that
      const slant = cell >= 18 ? Math.PI / 4 : Math.PI / 2;
      pen.fillStyle = confusions.pair && confusions.pair[1] === own ? ink.ink : ink.soft; pen.textAlign = "right";
      pen.save(); pen.translate(left + (line + 0.5) * cell, size + 6); pen.rotate(-slant);
      pen.fillText(fitted(pen, method.classes[own], 74 / Math.sin(slant)), 0, 0); pen.restore();
    }
  });
  if (confusions.pair) {
    const [line, column] = confusions.pair.map((label) => shown.indexOf(label));
    pen.strokeStyle = ink.ring; pen.lineWidth = 2.5;
    pen.strokeRect(left + column * cell - 0.5, line * cell - 0.5, cell, cell);
  }
}

function fitted(pen, text, width) {
  if (pen.measureText(text).width <= width) return text;
  let cut = text;
  while (cut && pen.measureText(`${cut}…`).width > width) cut = cut.slice(0, -1);
  return `${cut}…`;
}

function matrixPointer() {
  const canvas = find("matrix"), tip = find("matrix-tip");
  const at = (event) => {
    const box = canvas.getBoundingClientRect(), { shown, left, cell } = confusions;
    const said = shown[Math.floor((event.clientX - box.left - left) / cell)], own = shown[Math.floor((event.clientY - box.top) / cell)];
    return own !== undefined && said !== undefined ? [own, said, event.clientX - box.left, event.clientY - box.top, box.width] : null;
  };
  canvas.addEventListener("pointermove", (event) => {
    const hit = at(event), method = methodNow();
    tip.hidden = !hit;
    if (!hit) return;
    const [own, said, x, y, width] = hit, of = method.confusion[own].reduce((sum, count) => sum + count, 0);
    tip.textContent = `${method.classes[own]}\n${own === said ? "told right" : `taken for ${method.classes[said]}`}: ${method.confusion[own][said]} of ${of}`;
    tip.style.left = `${Math.max(4, Math.min(x + 14, width - tip.offsetWidth - 6))}px`; tip.style.top = `${Math.max(4, y - tip.offsetHeight - 10)}px`;
  });
  canvas.addEventListener("pointerleave", () => { tip.hidden = true; });
  canvas.addEventListener("click", (event) => { const hit = at(event); if (hit && methodNow().confusion[hit[0]][hit[1]]) choosePair(hit[0], hit[1], true); });
}

function chooseMethod(number) {
  confusions.method = number;
  const method = methodNow();
  for (const select of document.querySelectorAll(".method")) select.value = number;
  // of the classes those that occur, or that something was taken for
  confusions.shown = [...method.classes.keys()].filter((label) => method.confusion.some((row, own) => row[label] || (own === label && row.some((count) => count))));
  find("pair-class").replaceChildren(option("", "all classes"), ...confusions.shown.map((label) => option(label, method.classes[label])));
  const [first] = pairsOf(method);
  confusions.pair = first ? [first.own, first.said] : null; confusions.all = false;
  fillPairs(); fillExamples(); fillConfident(); drawMatrix();
}

// The methods that tell what they take for what, with a choice among them in every place that shows one.
function confusionControls() {
  const telling = report.methods.map((method, number) => ({ method, number })).filter(({ method }) => method.classes);
  for (const id of ["confusion-section", "confident"]) find(id).hidden = !telling.length;
  if (!telling.length) return;
  for (const select of document.querySelectorAll(".method")) {
    select.replaceChildren(...telling.map(({ method, number }) => option(number, `${method.table}: ${method.label}`)));
    select.addEventListener("change", (event) => chooseMethod(Number(event.target.value)));
  }
  find("pair-class").addEventListener("change", fillPairs);
  find("pair-more").addEventListener("click", () => { confusions.all = true; fillExamples(); });
  matrixPointer();
  chooseMethod(telling[0].number);
}
