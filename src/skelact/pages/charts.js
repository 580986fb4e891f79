// What goes by time: the map of joints, the curves of chosen ones, the classes. All share one axis.

const AXIS = 20;

// Ticks at whole steps of 1, 2 or 5, few enough to be read.
function ticks(end, most) {
  const rough = end / Math.max(most, 1), ten = 10 ** Math.floor(Math.log10(rough || 1));
  const step = [1, 2, 5, 10].map((each) => each * ten).find((each) => each >= rough) || ten;
  return Array.from({ length: Math.floor(end / step + 1e-9) + 1 }, (_, i) => ({ at: i * step, digits: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) }));
}

function timeAxis(pen, width, top, recording, ink) {
  const inSeconds = recording.fps, end = inSeconds ? recording.frames / recording.fps : recording.frames;
  pen.fillStyle = ink.soft; pen.strokeStyle = ink.line; pen.font = "11px system-ui, sans-serif"; pen.textBaseline = "top";
  const unit = inSeconds ? " s" : "";
  for (const { at, digits } of ticks(end, Math.floor(width / 70))) {
    const x = (at / end) * width;
    pen.fillRect(Math.min(x, width - 1), top, 1, 4);
    const text = at.toFixed(digits) + (at === 0 && !inSeconds ? "" : unit);
    pen.textAlign = x < 12 ? "left" : x > width - 18 ? "right" : "center";
    pen.fillText(text, x, top + 6);
  }
}

// Columns of a chart: one a frame, or where there are more frames than dots, one for several.
function columns(frames, width) {
  const num = Math.max(1, Math.min(frames, Math.floor(width)));
  return Array.from({ length: num }, (_, i) => [Math.floor((i * frames) / num), Math.max(Math.floor(((i + 1) * frames) / num), Math.floor((i * frames) / num) + 1)]);
}

// The largest value in every column, so that no peak is lost; NaN where no frame has one.
function pooled(recording, layer, body, joint, spans) {
  return spans.map(([from, to]) => {
    let most = NaN;
    for (let frame = from; frame < to; frame++) {
      const value = recording.value(layer, body, frame, joint);
      if (!(value <= most) && !Number.isNaN(value)) most = value;
    }
    return most;
  });
}

class Charts {
  constructor(recording) { this.recording = recording; this.kept = new Map(); this.numColumns = 0; }

  rows(layer, body, width) {
    const spans = columns(this.recording.frames, width), key = `${layer.key}/${body}/${spans.length}`;
    if (!this.kept.has(key)) {
      if (this.kept.size > 8) this.kept.clear();
      const values = this.recording.joints.map((_, joint) => pooled(this.recording, layer, body, joint, spans));
      const prime = this.recording.joints.map((_, joint) => spans.map(([from, to]) => {
        for (let frame = from; frame < to; frame++) if (this.recording.isPrime(body, frame, joint)) return true;
        return false;
      }));
      this.kept.set(key, { values, prime, num: spans.length });
    }
    return this.kept.get(key);
  }

  map(canvas, state, row, ink) {
    const { recording } = this, order = recording.order, height = order.length * row;
    const to = surface(canvas, height + AXIS);
    if (!to) return;
    const { pen, width, ratio } = to, layer = recording.layers.find((each) => each.key === state.layer);
    const { values, prime, num } = this.rows(layer, state.person, width * ratio);
    this.numColumns = num;
    const image = new ImageData(num, order.length), missing = canvas.ownerDocument.createElement("canvas");
    order.forEach((joint, line) => values[joint].forEach((value, column) => {
      if (!Number.isNaN(value)) image.data.set([...heat(value / layer.scale), 255], (line * num + column) * 4);
    }));
    missing.width = num; missing.height = order.length;
    missing.getContext("2d").putImageData(image, 0, 0);
    pen.fillStyle = ink.missing; pen.fillRect(0, 0, width, height);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(missing, 0, 0, width, height);
    pen.fillStyle = ink.panel;
    for (let line = 1; line < order.length; line++) {
      const together = recording.parents[order[line]] === order[line - 1];
      pen.fillRect(0, line * row - (together ? 0.5 : 1.5), width, together ? 1 : 3);
    }
    if (state.prime) order.forEach((joint, line) => this.underline(pen, prime[joint], (line + 1) * row, width, ink));
    timeAxis(pen, width, height, recording, ink);
  }

  // A line under the columns in which a joint is prime, stretch by stretch.
  underline(pen, is, bottom, width, ink) {
    for (let from = 0; from < is.length; from++) {
      if (!is[from]) continue;
      let to = from;
      while (to < is.length && is[to]) to++;
      const left = (from / is.length) * width, wide = Math.max(((to - from) / is.length) * width, 1);
      pen.fillStyle = ink.panel; pen.fillRect(left, bottom - 5.5, wide, 5);
      pen.fillStyle = ink.ring; pen.fillRect(left, bottom - 4, wide, 3);
      from = to;
    }
  }

  curves(canvas, state, ink) {
    const to = surface(canvas, 170 + AXIS);
    if (!to) return;
    const { recording } = this, { pen, width } = to, layer = recording.layers.find((each) => each.key === state.layer);
    const { values, num } = this.rows(layer, state.person, width);
    const chosen = [...state.chosen];
    const most = Math.max(...chosen.flatMap((joint) => values[joint].filter((value) => !Number.isNaN(value))), layer.scale * 0.2, 1e-9);
    this.frame(pen, width, 170, most, ink, layer.format);
    chosen.forEach((joint, number) => this.line(pen, values[joint].map((value, i) => [((i + 0.5) / num) * width, 170 - (value / most) * 160]), number, 2));
    timeAxis(pen, width, 170, recording, ink);
  }

  // A number every so often up the side, and lines across.
  frame(pen, width, height, most, ink, format) {
    pen.fillStyle = ink.stage; pen.fillRect(0, 0, width, height);
    pen.font = "11px system-ui, sans-serif"; pen.textAlign = "left"; pen.textBaseline = "bottom";
    for (const { at, digits } of ticks(most, 4)) {
      const y = height - (at / most) * (height - 10);
      pen.fillStyle = ink.line; pen.fillRect(0, y, width, 1);
      if (at) { pen.fillStyle = ink.soft; pen.fillText(format === "share" ? `${Math.round(at * 100)} %` : at.toFixed(digits), 4, y < 14 ? y + 14 : y - 1); }
    }
  }

  line(pen, points, number, wide) {
    pen.strokeStyle = THINGS[theme()][number % 6]; pen.lineWidth = wide; pen.lineJoin = "round"; pen.setLineDash(DASHES[number % 6]);
    pen.beginPath();
    let down = false;
    for (const [x, y] of points) {
      if (Number.isNaN(y)) { down = false; continue; }
      if (down) pen.lineTo(x, y); else pen.moveTo(x, y);
      down = true;
    }
    pen.stroke(); pen.setLineDash([]);
  }

  decision(canvas, decision, shown, ink) {
    const strip = decision.stretches.length ? 18 : 0, to = surface(canvas, 130 + strip + AXIS);
    if (!to) return;
    const { pen, width } = to, T = this.recording.frames;
    this.frame(pen, width, 130, 1, ink, "share");
    shown.forEach((place, number) => {
      const points = decision.middles.map((middle, window) => [((middle + 0.5) / T) * width, 130 - decision.shares[window][place] * 120]);
      if (points.length === 1) points.splice(0, 1, [0, points[0][1]], [width, points[0][1]]);
      this.line(pen, points, number, 2);
    });
    for (const [from, end, share] of decision.stretches) {
      pen.fillStyle = css(heat(share));
      pen.fillRect((from / T) * width, 134, ((end - from) / T) * width - 1, 14);
    }
    timeAxis(pen, width, 130 + strip, this.recording, ink);
  }
}
