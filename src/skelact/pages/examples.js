// Recordings as cards that play, and the player's window; `ask` gives what is known of a recording.

const recordings = new Map(), asking = new Map(), shownCards = new Map();
const MOST_KEPT = 300;
let opened = null, openedFrom = [], returnTo = null;

// What a page holds, or its server is asked for: `kind` is small for a card, full for the player.
async function ask(kind, place) {
  if (report.held) {
    const found = report.held[place];
    if (!found) return { problem: "Not in this page; without --out the page shows every recording." };
    return found.problem ? found : { ...report.shared, ...found };
  }
  const answer = await fetch(`${kind}/${place}`);
  if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
  return answer.json();
}

function isHeld(place) { return place >= 0 && (!report.held || Boolean(report.held[place])); }

async function load(place) {
  if (recordings.has(place)) return recordings.get(place);
  if (!asking.has(place)) asking.set(place, fetched(place).finally(() => asking.delete(place)));
  return asking.get(place);  // several cards may show one recording
}

async function fetched(place) {
  let found;
  try { found = pictured(await ask("small", place)); } catch { found = { problem: "Not reached: is the command still running? Reload the page." }; }
  recordings.set(place, found);
  for (const other of recordings.keys()) { if (recordings.size <= MOST_KEPT) break; if (other !== place && ![...shownCards.values()].some((card) => card.place === other)) recordings.delete(other); }
  return found;
}

const inSight = new IntersectionObserver((entries) => {
  for (const entry of entries) if (entry.isIntersecting) { inSight.unobserve(entry.target); const card = shownCards.get(entry.target); if (card) load(card.place).then(() => cardPicture(card)); }
}, { rootMargin: "200px" });

function cardPicture(card, frame = null) {
  const found = recordings.get(card.place);
  if (!found || !card.box.isConnected) return;
  if (found.problem) {
    if (!card.thumb.querySelector(".fault")) card.thumb.append(make("span", { className: "fault", textContent: found.problem }));
  } else if (found.recording) drawSmall(card.canvas, found, frame, ink);
}

// Cards of recordings: [{ place, name, title, lines: [text], wrong }]; `list` is what next and previous go through.
function fillCards(grid, rows) {
  for (const box of grid.children) { shownCards.delete(box); inSight.unobserve(box); }
  const list = rows.map((row) => row.place).filter((place) => isHeld(place));
  grid.replaceChildren(...rows.map((row) => {
    const canvas = make("canvas", { "aria-hidden": "true" }), can = isHeld(row.place);
    const thumb = make("button", { type: "button", className: "thumb", disabled: !can, "aria-label": `Play ${row.name}` }, canvas);
    const words = make("div", { className: "words" }, make("b", { textContent: row.title, title: row.title }), ...row.lines.map((text) => make("span", { textContent: text, title: text })));
    const box = make("li", { className: row.wrong ? "card example wrong" : "card example" }, thumb, words), card = { box, thumb, canvas, place: row.place };
    if (!can) thumb.append(make("span", { className: "fault", textContent: row.place < 0 ? "not in the store" : "not in this page" }));
    else {
      const play = () => { load(row.place); startSmall(card, () => recordings.get(row.place), (frame) => cardPicture(card, frame)); };
      thumb.addEventListener("click", () => openRecording(row.place, list));
      for (const [start, stop] of [["pointerenter", "pointerleave"], ["focus", "blur"]]) { thumb.addEventListener(start, play); thumb.addEventListener(stop, () => stopSmall(card)); }
      shownCards.set(box, card); inSight.observe(box);
    }
    return box;
  }));
}

function redrawCards() { for (const card of shownCards.values()) cardPicture(card); }

async function openRecording(place, list) {
  if (!find("dialog").open) { returnTo = document.activeElement; find("dialog").showModal(); }
  opened = place; openedFrom = list;
  find("before").disabled = list.indexOf(place) <= 0; find("after").disabled = list.indexOf(place) >= list.length - 1;
  find("dialog-title").textContent = nameOf(place); find("player").title = `Player of ${nameOf(place)}`;
  find("judgement").replaceChildren(...judgementsOf(place));
  find("problem").hidden = true; find("player").hidden = false;
  try {
    const data = await ask("full", place);
    if (opened !== place) return;
    if (data.problem) throw new Error(data.problem);
    playIn(find("player"), report.player, data);
  } catch (error) {
    if (opened !== place) return;
    find("player").hidden = true; find("problem").hidden = false; find("problem").textContent = error.message;
  }
}

function dialogControls() {
  const step = (by) => { const next = openedFrom[openedFrom.indexOf(opened) + by]; if (next !== undefined) openRecording(next, openedFrom); };
  find("close").addEventListener("click", () => find("dialog").close());
  find("before").addEventListener("click", () => step(-1));
  find("after").addEventListener("click", () => step(1));
  find("dialog").addEventListener("close", () => { opened = null; find("player").srcdoc = ""; if (returnTo && returnTo.isConnected) returnTo.focus(); });
}
