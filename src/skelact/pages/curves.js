// Curves of a training log: a small chart for every number, the runs in it over each other.

const NAMES = {
  loss: "Loss", grad_norm: "Gradient norm", lr: "Learning rate", clips_per_second: "Clips a second", seconds: "Seconds an epoch", peak_memory_gib: "Most memory, GiB",
  matmul_share: "Share of the processor's peak", embedding_variance: "Variance of embeddings (0: collapsed)", alignment: "Alignment (distance to the positive)",
  uniformity: "Uniformity (0: collapsed)", effective_rank: "Effective rank (1: collapsed)", bank_age: "Age of the memory bank, batches", bank_oldest: "Oldest in the bank, batches",
  bandwidth_min: "Smallest bandwidth", bandwidth_mean: "Mean bandwidth", bandwidth_max: "Largest bandwidth",
};
const SPEED = ["clips_per_second", "seconds", "peak_memory_gib", "matmul_share"];
const HIGH = 132, LEFT = 46;

function curveName(name) { return NAMES[name] || name.replaceAll("_", " "); }

function short(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  return size === 0 ? "0" : size >= 1e5 || size < 1e-3 ? value.toExponential(1) : String(Number(value.toPrecision(3)));
}

function duration(seconds) {
  const minutes = Math.round(seconds / 60);
  return minutes >= 60 ? `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")}` : minutes ? `${minutes} min` : `${Math.round(seconds)} s`;
}

class Curve {
  // Runs: [{ name, curves: { epochs, values }, number }]; `number` decides colour and dashes.
  constructor(name, runs) {
    this.name = name; this.runs = runs; this.at = null;
    this.canvas = make("canvas", { tabIndex: 0, role: "slider" });
    this.tip = make("p", { className: "tip", hidden: true });
    this.box = make("div", { className: "curve" }, make("h3", { textContent: curveName(name) }), make("div", { className: "plot" }, this.canvas, this.tip));
    this.canvas.addEventListener("pointermove", (event) => this.look(event.clientX - this.canvas.getBoundingClientRect().left));
    this.canvas.addEventListener("pointerleave", () => { this.at = null; this.draw(this.ink); });
    this.canvas.addEventListener("blur", () => { this.at = null; this.draw(this.ink); });
    this.canvas.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1, Home: -1e9, End: 1e9 }[event.key];
      if (!by) return;
      event.preventDefault();
      this.at = Math.min(Math.max((this.at ?? this.last) + by * (event.shiftKey ? 10 : 1), 1), this.last);
      this.draw(this.ink);
    });
    this.measure();
  }

  measure() {
    this.last = Math.max(1, ...this.runs.map(({ curves }) => curves.epochs.at(-1) || 1));
    const values = this.runs.flatMap(({ curves }) => curves.values[this.name] || []).filter((value) => value !== null);
    // the first epochs of a loss would hide all others
    const sorted = [...values].sort((one, other) => one - other), most = sorted.at(-1) ?? 1, usual = sorted[Math.floor(0.98 * (sorted.length - 1))] ?? 1;
    this.low = Math.min(0, sorted[0] ?? 0);
    if (sorted.length && sorted[0] > 0 && sorted[0] > 0.6 * usual) this.low = sorted[0] - 0.15 * (usual - sorted[0] || sorted[0]);
    this.high = usual > 0 && most > 2 * usual ? 1.3 * usual : most;
    if (!(this.high > this.low)) this.high = this.low + (Math.abs(this.low) || 1);
    this.canvas.setAttribute("aria-valuemin", 1); this.canvas.setAttribute("aria-valuemax", this.last);
    this.label();
  }

  label() {
    const at = this.at ?? this.last, said = this.runs.map((run) => `${run.name} ${short(this.value(run, at))}`).join(", ");
    this.canvas.setAttribute("aria-label", `${curveName(this.name)} by epoch`);
    this.canvas.setAttribute("aria-valuenow", at); this.canvas.setAttribute("aria-valuetext", `epoch ${at}: ${said}`);
  }

  // A run's value at an epoch, or at the nearest before it that has one.
  value({ curves }, epoch) {
    const values = curves.values[this.name] || [];
    for (let i = curves.epochs.length - 1; i >= 0; i--) if (curves.epochs[i] <= epoch && values[i] !== null && values[i] !== undefined) return values[i];
    return null;
  }

  x(epoch, width) { return LEFT + ((epoch - 0.5) / this.last) * (width - LEFT); }

  y(value) { return 6 + (HIGH - 12) * (1 - (value - this.low) / (this.high - this.low)); }

  draw(ink) {
    this.ink = ink;
    const to = surface(this.canvas, HIGH + AXIS);
    if (!to) return;
    const { pen, width } = to;
    pen.fillStyle = ink.stage; pen.fillRect(LEFT, 0, width - LEFT, HIGH);
    pen.font = "11px system-ui, sans-serif"; pen.textBaseline = "middle";
    for (const value of this.levels()) {
      pen.fillStyle = ink.line; pen.fillRect(LEFT, this.y(value), width - LEFT, 1);
      pen.fillStyle = ink.soft; pen.textAlign = "right"; pen.fillText(short(value), LEFT - 5, this.y(value));
    }
    pen.textBaseline = "top";
    for (const { at } of ticks(this.last, Math.floor((width - LEFT) / 60))) {
      if (!at) continue;
      const x = this.x(at, width);
      pen.fillStyle = ink.soft; pen.textAlign = x > width - 14 ? "right" : "center"; pen.fillText(String(at), Math.min(x, width), HIGH + 6);
    }
    pen.save(); pen.beginPath(); pen.rect(LEFT, 0, width - LEFT, HIGH); pen.clip();
    for (const run of this.runs) this.line(pen, run, width);
    if (this.at !== null) { pen.fillStyle = ink.ink; pen.fillRect(this.x(this.at, width) - 0.5, 0, 1, HIGH); }
    pen.restore();
    this.tell(width);
  }

  line(pen, run, width) {
    const { epochs, values } = run.curves, points = (values[this.name] || []).map((value, i) => [epochs[i], value]).filter(([, value]) => value !== null);
    const colour = THINGS[theme()][run.number % 6];
    pen.strokeStyle = pen.fillStyle = colour; pen.lineWidth = 2; pen.lineJoin = "round"; pen.setLineDash(DASHES[run.number % 6]);
    pen.beginPath();
    points.forEach(([epoch, value], i) => (i ? pen.lineTo(this.x(epoch, width), this.y(value)) : pen.moveTo(this.x(epoch, width), this.y(value))));
    pen.stroke(); pen.setLineDash([]);
    if (points.length === 1) { pen.beginPath(); pen.arc(this.x(points[0][0], width), this.y(points[0][1]), 3, 0, 7); pen.fill(); }
  }

  levels() {
    const span = this.high - this.low, ten = 10 ** Math.floor(Math.log10(span / 3)), step = [1, 2, 5, 10].map((each) => each * ten).find((each) => span / each <= 4.2) || ten;
    const first = Math.ceil(this.low / step - 1e-9);
    return Array.from({ length: 6 }, (_, i) => (first + i) * step).filter((value) => value <= this.high + 1e-12 && this.y(value) > 5);
  }

  look(x) {
    const width = this.canvas.clientWidth;
    this.at = Math.min(Math.max(Math.round(((x - LEFT) / Math.max(width - LEFT, 1)) * this.last + 0.5), 1), this.last);
    this.draw(this.ink);
  }

  tell(width) {
    this.label();
    this.tip.hidden = this.at === null;
    if (this.at === null) return;
    const rows = this.runs.length === 1 ? [short(this.value(this.runs[0], this.at))] : this.runs.map((run) => `${run.name}: ${short(this.value(run, this.at))}`);
    this.tip.textContent = [`epoch ${this.at}`, ...rows].join("\n");
    const x = this.x(this.at, width), wide = this.tip.offsetWidth;
    this.tip.style.left = `${x + 10 + wide > width ? Math.max(0, x - wide - 10) : x + 10}px`;
    this.tip.style.top = "6px";
  }
}

// Charts of all numbers that any run has, those that say most first.
function curveNames(runs) {
  const first = ["loss", "embedding_variance", "effective_rank", "uniformity", "alignment", "bandwidth_mean"], found = [...new Set(runs.flatMap(({ curves }) => Object.keys(curves.values)))];
  const rank = (name) => { const place = first.indexOf(name); return place >= 0 ? place : name.includes("knn") ? first.length : first.length + 1 + Object.keys(NAMES).indexOf(name); };
  return found.sort((one, other) => rank(one) - rank(other));
}
