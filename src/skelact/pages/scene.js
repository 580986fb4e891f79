// Skeletons in space on a plain canvas: a camera, a floor, bones and joints drawn from far to near.

const FIELD = Math.tan((32 / 2) * Math.PI / 180);

class Camera {
  constructor(recording) {
    this.recording = recording;
    this.flat = recording.coordinates === 2;
    this.reset();
  }

  reset() { this.look(this.flat ? 0 : this.recording.front + 0.42, this.flat ? 0 : 0.14); this.zoom = 1; this.shift = [0, 0]; }

  look(yaw, pitch) { this.yaw = yaw; this.pitch = pitch; }

  turn(yaw, pitch) {
    if (this.flat) return;
    this.yaw += yaw;
    this.pitch = Math.min(Math.max(this.pitch + pitch, -1.5), 1.5);
  }

  closer(factor) { this.zoom = Math.min(Math.max(this.zoom * factor, 0.1), 40); }

  move(x, y) { this.shift[0] += x; this.shift[1] += y; }

  // Set up for a moment and a canvas; afterwards `project` maps places to the canvas.
  aim(target, reach, width, height) {
    const [sy, cy, sp, cp] = [Math.sin(this.yaw), Math.cos(this.yaw), Math.sin(this.pitch), Math.cos(this.pitch)];
    this.right = [cy, 0, -sy];
    this.up = [-sy * sp, cp, -cy * sp];
    this.forward = [-sy * cp, -sp, -cy * cp];
    this.target = target;
    const narrow = Math.min(width / height, 1);
    this.distance = (reach * 1.08) / (FIELD * narrow) / this.zoom;
    this.scale = height / 2 / FIELD;
    this.middle = [width / 2 + this.shift[0], height / 2 + this.shift[1]];
    this.near = this.distance * 0.02;
  }

  project(place) {
    const v = [place[0] - this.target[0], place[1] - this.target[1], place[2] - this.target[2]];
    const dot = (axis) => v[0] * axis[0] + v[1] * axis[1] + v[2] * axis[2];
    const depth = this.distance + dot(this.forward);
    if (depth < this.near) return null;
    const size = this.scale / depth;
    return { x: this.middle[0] + dot(this.right) * size, y: this.middle[1] - dot(this.up) * size, depth, size };
  }
}

class Scene {
  constructor(recording) {
    this.recording = recording;
    this.camera = new Camera(recording);
    this.drawn = [];
  }

  // How many of its unit the box or the people around the middle reach: what has to fit on the canvas.
  frameOn(state) {
    const { box, around, centres } = this.recording;
    if (!state.follow) return { target: box.middle, reach: box.reach };
    const at = Math.round(state.frame) * 3;
    return { target: [centres[at], box.middle[1], centres[at + 2]], reach: around };
  }

  draw(canvas, state, ink) {
    const to = surface(canvas);
    if (!to) return;
    const { pen, width, height } = to, { recording, camera } = this;
    const { target, reach } = this.frameOn(state);
    camera.aim(target, reach, width, height);
    this.drawn = [];
    if (state.floor && recording.floor !== null) this.floor(pen, target, reach, ink);
    const parts = [];
    for (let body = 0; body < recording.bodies; body++) {
      if (state.hidden.has(body)) continue;
      const joints = this.joints(body, state);
      if (!joints) continue;
      if (state.floor && recording.floor !== null) this.shadow(pen, joints);
      if (state.trails) this.trails(pen, body, state);
      this.collect(parts, body, joints, state, ink);
    }
    parts.sort((one, other) => other.depth - one.depth);
    for (const part of parts) part.draw(pen);
  }

  // A body's joints on the canvas; null where nobody is.
  joints(body, state) {
    const { recording, camera } = this, frame = Math.floor(state.moment);
    if (!recording.isPresent(body, frame)) return null;
    return recording.joints.map((name, joint) => {
      const found = recording.at(body, state.moment, joint), on = found && camera.project(found.place);
      if (!on) return null;
      const one = { ...on, ...found, body, joint };
      this.drawn.push(one);
      return one;
    });
  }

  collect(parts, body, joints, state, ink) {
    const { recording } = this, frame = Math.round(state.moment), person = PEOPLE[theme()][body % 6];
    const layer = recording.layers.find((each) => each.key === state.colour), unit = recording.size;
    const thick = { bones: 0.016, sticks: 0.062, balls: 0.028 }[state.look] * unit;
    const radius = { bones: 0.034, sticks: 0.05, balls: 0.092 }[state.look] * unit;
    for (const one of joints) {
      if (!one) continue;
      one.value = layer ? recording.value(layer, body, frame, one.joint) : NaN;
      one.colour = !layer ? person : Number.isNaN(one.value) ? ink.missing : css(heat(one.value / layer.scale));
      one.prime = recording.isPrime(body, frame, one.joint);
      const parent = joints[recording.parents[one.joint]];
      if (parent && parent !== one) parts.push(this.bone(one, parent, thick, person, ink));
      parts.push(this.joint(one, radius, state, ink));
    }
  }

  bone(one, parent, thick, colour, ink) {
    const seen = one.seen && parent.seen;
    const width = Math.max(thick * (one.size + parent.size) / 2, seen ? 1.6 : 1.2);
    return {
      depth: Math.max(one.depth, parent.depth), // behind both of its joints
      draw(pen) {
        pen.lineCap = "round";
        pen.setLineDash(seen ? [] : [3, 5]);
        for (const [stroke, wide] of seen ? [[ink.halo, width + 2.5], [colour, width]] : [[ink.soft, 1.4]]) {
          pen.strokeStyle = stroke; pen.lineWidth = wide;
          pen.beginPath(); pen.moveTo(one.x, one.y); pen.lineTo(parent.x, parent.y); pen.stroke();
        }
        pen.setLineDash([]);
      },
    };
  }

  joint(one, unit, state, ink) {
    const radius = Math.max(unit * one.size, 2.6), chosen = state.chosen.has(one.joint) && state.trails;
    one.radius = radius;
    return {
      depth: one.depth - unit,
      draw(pen) {
        const circle = (wide) => { pen.beginPath(); pen.arc(one.x, one.y, wide, 0, 2 * Math.PI); };
        if (!one.seen) {
          circle(radius); pen.fillStyle = ink.halo; pen.fill();
          pen.setLineDash([2.5, 2.5]); pen.strokeStyle = ink.soft; pen.lineWidth = 1.5; pen.stroke(); pen.setLineDash([]);
          return;
        }
        circle(radius); pen.fillStyle = one.colour; pen.fill();
        if (state.look === "balls") {
          const shade = pen.createRadialGradient(one.x - radius * 0.35, one.y - radius * 0.4, radius * 0.1, one.x, one.y, radius);
          shade.addColorStop(0, "rgba(255,255,255,.55)"); shade.addColorStop(0.45, "rgba(255,255,255,0)"); shade.addColorStop(1, "rgba(0,0,0,.42)");
          pen.fillStyle = shade; pen.fill();
        }
        pen.strokeStyle = ink.ink; pen.lineWidth = chosen ? 2 : 1; pen.stroke();
        if (state.prime && one.prime) {
          circle(radius + 4.5); pen.strokeStyle = ink.halo; pen.lineWidth = 5; pen.stroke();
          pen.strokeStyle = ink.ring; pen.lineWidth = 2.6; pen.stroke();
        }
      },
    };
  }

  trails(pen, body, state) {
    const { recording, camera } = this, last = Math.floor(state.moment), length = Math.round(recording.rate);
    [...state.chosen].forEach((joint, number) => {
      let before = null;
      pen.strokeStyle = THINGS[theme()][number % 6];
      pen.lineCap = "round";
      for (let frame = Math.max(0, last - length); frame <= last; frame++) {
        const place = recording.shown(body, frame, joint), on = place && camera.project(place);
        if (on && before) {
          const age = (last - frame) / length;
          pen.globalAlpha = 1 - 0.9 * age; pen.lineWidth = 3 - 2 * age;
          pen.beginPath(); pen.moveTo(before.x, before.y); pen.lineTo(on.x, on.y); pen.stroke();
        }
        before = on;
      }
      pen.globalAlpha = 1;
    });
  }

  floor(pen, target, reach, ink) {
    const { floor, grid } = this.recording, middle = [0, 2].map((axis) => Math.round(target[axis] / grid) * grid);
    const cells = Math.min(Math.max(Math.ceil((1.6 * reach) / grid), 4), 14), pieces = new Map();
    const piece = (ax, az, bx, bz) => {
      const far = Math.hypot((ax + bx) / 2 - middle[0], (az + bz) / 2 - middle[1]) / (cells * grid);
      const strength = Math.round((1 - far) * 6);
      if (strength < 1) return;
      const from = this.camera.project([ax, floor, az]), to = this.camera.project([bx, floor, bz]);
      if (!from || !to) return;
      if (!pieces.has(strength)) pieces.set(strength, []);
      pieces.get(strength).push([from, to]);
    };
    for (let i = -cells; i <= cells; i++) {
      for (let j = -cells; j < cells; j++) {
        const [x, z, a, b] = [middle[0], middle[1], i * grid, j * grid];
        piece(x + a, z + b, x + a, z + b + grid);
        piece(x + b, z + a, x + b + grid, z + a);
      }
    }
    pen.strokeStyle = ink.grid; pen.lineWidth = 1;
    for (const [strength, lines] of pieces) {
      pen.globalAlpha = strength / 11;
      pen.beginPath();
      for (const [from, to] of lines) { pen.moveTo(from.x, from.y); pen.lineTo(to.x, to.y); }
      pen.stroke();
    }
    pen.globalAlpha = 1;
  }

  shadow(pen, joints) {
    const { recording, camera } = this;
    pen.strokeStyle = "#000"; pen.lineCap = "round"; pen.globalAlpha = theme() === "dark" ? 0.35 : 0.13;
    const flat = joints.map((one) => one && camera.project([one.place[0], recording.floor, one.place[2]]));
    pen.beginPath();
    flat.forEach((one, joint) => {
      const parent = flat[recording.parents[joint]];
      if (!one || !parent) return;
      pen.lineWidth = Math.max(0.07 * recording.size * one.size, 1);
      pen.moveTo(one.x, one.y); pen.lineTo(parent.x, parent.y);
    });
    pen.stroke();
    pen.globalAlpha = 1;
  }

  // The joint under a place on the canvas, the nearest one to the eye.
  find(x, y) {
    const hits = this.drawn.filter((one) => Math.hypot(one.x - x, one.y - y) < Math.max(one.radius + 3, 9));
    return hits.sort((one, other) => one.depth - other.depth)[0] || null;
  }
}
