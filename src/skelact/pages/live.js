// A run while it trains: what its folder says is asked for again and again.

const page = JSON.parse(find("data").textContent);
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const EVERY = 2000, ROW = 18;
let ink = {}, chosenTheme = null, charts = [], names = "", state = null, lost = false;

const WORDS = {
  running: () => `Training: ${state.epochs_done} of ${state.epochs} epochs`,
  stopped: () => `Stopped after ${state.epochs_done} of ${state.epochs} epochs`,
  finished: () => `Finished: ${state.epochs} epochs`,
  damaged: () => "Damaged",
};

function show() {
  const running = state.state === "running", left = state.seconds_left;
  find("state").textContent = WORDS[state.state]();
  find("left").textContent = running && left !== null ? `${duration(left)} left, until ${new Date(Date.now() + 1000 * left).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })}` : "";
  find("progress").max = Math.max(state.epochs, 1); find("progress").value = state.epochs_done;
  find("facts").replaceChildren(...terms([["method", state.method], ...(state.clips_per_second ? [["clips a second", Math.round(state.clips_per_second).toLocaleString("en")]] : [])]));
  find("said").textContent = { running: state.curves.epochs.length ? "" : "No epoch is done yet.", stopped: "The same command with --resume goes on as if nothing had been:", finished: "What it found:", damaged: state.remark }[state.state];
  find("resume").hidden = !state.command; find("resume").textContent = state.command;
  find("stopping").hidden = !running || state.cannot_stop !== ""; find("why").textContent = running && state.cannot_stop ? `No stop button: ${state.cannot_stop}.` : "";
  if (!running) ask(false);
  curves(); masks();
}

function curves() {
  const runs = [{ name: page.run, number: 0, curves: state.curves }], found = curveNames(runs);
  find("curves-section").hidden = !state.curves.epochs.length;
  if (found.join() !== names) {
    names = found.join();
    charts = found.map((name) => new Curve(name, runs));
    find("curves").replaceChildren(...charts.map((chart) => chart.box));
  }
  for (const chart of charts) { chart.runs = runs; chart.measure(); chart.draw(ink); }
}

function masks() {
  find("masks-section").hidden = !state.masks;
  if (!state.masks) return;
  const { shares, order, joints, about, epoch } = state.masks, canvas = find("hidden");
  find("epoch").textContent = epoch; find("masks-about").textContent = about;
  find("rows").replaceChildren(...order.map((joint) => make("span", { textContent: joints[joint] })));
  const to = surface(canvas, order.length * ROW);
  const means = joints.map((_, joint) => shares.reduce((sum, row) => sum + row[joint], 0) / shares.length);
  const ranked = [...means.keys()].sort((one, other) => means[other] - means[one]), said = (joint) => `${joints[joint]} ${Math.round(100 * means[joint])} %`;
  canvas.setAttribute("aria-label", `How often each joint is hidden at each time step; most: ${ranked.slice(0, 3).map(said).join(", ")}; least: ${ranked.slice(-3).map(said).join(", ")}`);
  if (to) {
    const wide = to.width / shares.length;
    order.forEach((joint, line) => shares.forEach((row, step) => { to.pen.fillStyle = css(heat(row[joint])); to.pen.fillRect(step * wide, line * ROW, wide - 1, ROW - 1); }));
  }
  if (page.pose) drawBody(find("body"), page.pose, means, 1, ink);
}

function ask(open) {
  find("stop").hidden = open; find("sure").hidden = !open;
}

// What is done is asked for with the token of this page, which no other page knows.
async function stop() {
  ask(false);
  let told;
  try {
    const answer = await fetch("stop", { method: "POST", headers: { "X-Skelact-Token": page.token } });
    told = answer.ok ? (await answer.json()).told : `the server answers ${answer.status}`;
  } catch { told = "the server is not reached"; }
  note(told);
}

function note(text) {
  find("notes").hidden = !text;
  find("notes").replaceChildren(...(text ? [make("li", { textContent: text })] : []));
}

async function look() {
  try {
    const answer = await fetch("state");
    if (!answer.ok) throw new Error(String(answer.status));
    state = await answer.json();
    if (lost) { lost = false; note(page.remark); }
    show();
  } catch {
    lost = true;
    note("Not reached: the command that shows this page has ended. The run does not depend on it.");
  }
  setTimeout(look, document.hidden ? 5 * EVERY : EVERY);
}

function setTheme() {
  const is = chosenTheme || (dark.matches ? "dark" : "light");
  document.documentElement.dataset.theme = is;
  find("theme").setAttribute("aria-pressed", String(is === "dark"));
  ink = inks();
  if (state) { curves(); masks(); }
}

find("title").textContent = page.run;
note(page.remark);
heatBar(find("bar"));
setTheme();
find("theme").addEventListener("click", () => { chosenTheme = theme() === "dark" ? "light" : "dark"; setTheme(); });
dark.addEventListener("change", setTheme);
find("stop").addEventListener("click", () => { ask(true); find("really").focus(); });
find("cancel").addEventListener("click", () => { ask(false); find("stop").focus(); });
find("really").addEventListener("click", stop);
window.addEventListener("resize", () => { if (state) { curves(); masks(); } });
look();

// What tests and the curious may ask.
window.skelact = { page, get state() { return state; } };
