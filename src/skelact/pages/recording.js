// What the page holds: numbers out of their packing, and positions at any moment, gaps included.

const MISSING = -32768;
const ABSENT = 65535;

function bytes(text) {
  const raw = atob(text), found = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) found[i] = raw.charCodeAt(i);
  return found;
}

class Recording {
  constructor(data) {
    Object.assign(this, data);
    this.raw = new Int16Array(bytes(data.positions.data).buffer);
    this.primeBits = bytes(data.prime);
    this.layers = data.layers.map((layer) => ({
      ...layer,
      values: new Uint16Array(bytes(layer.data).buffer),
      stepOf: layer.step_of ? new Int32Array(bytes(layer.step_of).buffer) : null,
    }));
    this.rate = data.fps || 30;
    this.seenBodies = this.presence();
    this.centres = this.smoothCentres();
  }

  presence() {
    const seen = new Uint8Array(this.bodies * this.frames);
    const V = this.joints.length, C = this.coordinates;
    for (let row = 0; row < seen.length; row++) {
      for (let joint = 0; joint < V && !seen[row]; joint++) {
        if (this.raw[(row * V + joint) * C] !== MISSING) seen[row] = 1;
      }
    }
    return seen;
  }

  isPresent(body, frame) { return this.seenBodies[body * this.frames + frame] === 1; }

  place(body, frame, joint) { return ((body * this.frames + frame) * this.joints.length + joint) * this.coordinates; }

  isSeen(body, frame, joint) { return this.raw[this.place(body, frame, joint)] !== MISSING; }

  // Positions as they were recorded, in their own axes and unit; null where the joint was not seen.
  recorded(body, frame, joint) {
    const at = this.place(body, frame, joint);
    if (this.raw[at] === MISSING) return null;
    const { origin, step } = this.positions;
    return origin.map((start, axis) => start + this.raw[at + axis] * step);
  }

  // The same with x to the right, y up and z to the one who looks.
  shown(body, frame, joint) {
    const found = this.recorded(body, frame, joint);
    return found && this.axes.map(([axis, sign]) => (axis < this.coordinates ? sign * found[axis] : 0));
  }

  // Where a joint is drawn at a moment between two frames, and whether it was seen there.
  at(body, moment, joint) {
    const frame = Math.floor(moment), share = moment - frame;
    const first = this.shown(body, frame, joint);
    if (first && share > 0 && frame + 1 < this.frames) {
      const next = this.shown(body, frame + 1, joint);
      if (next) return { place: first.map((value, axis) => value + share * (next[axis] - value)), seen: true };
    }
    if (first) return { place: first, seen: true };
    const place = this.between(body, frame, joint);
    return place && { place, seen: false };
  }

  // On the straight line between the places where a missing joint was seen before and after.
  between(body, frame, joint) {
    let before = frame, after = frame;
    while (before >= 0 && !this.isSeen(body, before, joint)) before--;
    while (after < this.frames && !this.isSeen(body, after, joint)) after++;
    if (before < 0 && after >= this.frames) return null;
    if (before < 0) return this.shown(body, after, joint);
    if (after >= this.frames) return this.shown(body, before, joint);
    const share = (frame - before) / (after - before);
    const start = this.shown(body, before, joint), end = this.shown(body, after, joint);
    return start.map((value, axis) => value + share * (end[axis] - value));
  }

  isPrime(body, frame, joint) {
    const bit = (body * this.frames + frame) * this.joints.length + joint;
    return (this.primeBits[bit >> 3] >> (bit & 7) & 1) === 1;
  }

  // A layer's value of a joint in a frame; NaN where there is none.
  value(layer, body, frame, joint) {
    const step = layer.stepOf ? layer.stepOf[frame] : frame;
    if (step < 0 || body >= layer.bodies) return NaN;
    const found = layer.values[(body * layer.steps + step) * this.joints.length + joint];
    return found === ABSENT ? NaN : (found / 65534) * layer.largest;
  }

  // The middle of all people in every frame, over about half a second, for the camera that follows.
  smoothCentres() {
    const T = this.frames, found = new Float64Array(T * 3), count = new Float64Array(T);
    for (let frame = 0; frame < T; frame++) {
      for (let body = 0; body < this.bodies; body++) {
        if (!this.isPresent(body, frame)) continue;
        for (let joint = 0; joint < this.joints.length; joint++) {
          const place = this.shown(body, frame, joint);
          if (!place) continue;
          count[frame]++;
          for (let axis = 0; axis < 3; axis++) found[frame * 3 + axis] += place[axis];
        }
      }
    }
    const reach = Math.max(1, Math.round(this.rate / 4)), smooth = new Float64Array(T * 3);
    const sums = [0, 0, 0]; let total = 0;
    const add = (frame, sign) => {
      if (frame < 0 || frame >= T) return;
      total += sign * count[frame];
      for (let axis = 0; axis < 3; axis++) sums[axis] += sign * found[frame * 3 + axis];
    };
    for (let frame = 0; frame < reach; frame++) add(frame, 1);
    for (let frame = 0; frame < T; frame++) {
      add(frame + reach, 1); add(frame - reach - 1, -1);
      for (let axis = 0; axis < 3; axis++) {
        smooth[frame * 3 + axis] = total > 0.5 ? sums[axis] / total : (frame ? smooth[frame * 3 - 3 + axis] : this.box.middle[axis]);
      }
    }
    return smooth;
  }

  time(frame) { return this.fps ? `${(frame / this.fps).toFixed(2)} s` : `frame ${frame}`; }
}
