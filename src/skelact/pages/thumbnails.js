// Recordings in a page of many: small pictures, of which one plays at a time, and the player in a frame.

const SMALL = { look: "sticks", colour: "none", prime: false, trails: false, floor: false, follow: true, hidden: new Set(), chosen: new Set() };
const small = { key: null, look: null, draw: null, clock: 0, before: 0, due: false };

// The middle frame, or the nearest to it that shows somebody.
function firstPicture(recording) {
  const middle = Math.floor(recording.frames / 2), there = (frame) => Array.from({ length: recording.bodies }, (_, body) => body).some((body) => recording.isPresent(body, frame));
  for (let far = 0; far < recording.frames; far++) {
    for (const frame of [middle + far, middle - far]) if (frame >= 0 && frame < recording.frames && there(frame)) return frame;
  }
  return 0;
}

function drawSmall(canvas, { recording, scene }, frame, ink) {
  const at = frame === null ? firstPicture(recording) : frame;
  scene.draw(canvas, { ...SMALL, frame: at, moment: at }, ink);
}

// What a recording's small picture is made of, or why there is none.
function pictured(data) {
  if (data.problem || data.empty) return { problem: data.problem || data.emptyText };
  const recording = new Recording({ ...data, layers: [] });
  return { recording, scene: new Scene(recording) };
}

// `look` gives what is pictured as soon as it is there, `draw` draws a frame of it, of null the still picture.
function startSmall(key, look, draw) {
  if (small.key === key) return;
  if (small.key !== null) small.draw(null);
  Object.assign(small, { key, look, draw, clock: 0, before: performance.now() });
  if (!small.due) { small.due = true; requestAnimationFrame(tickSmall); }
}

function stopSmall(key) {
  if (small.key !== key) return;
  small.key = null;
  small.draw(null);
}

function tickSmall(now) {
  small.due = false;
  if (small.key === null) return;
  const found = small.look();
  if (found && found.recording) {
    small.clock += Math.min((now - small.before) / 1000, 0.25) * found.recording.rate;
    small.draw(Math.floor(small.clock) % found.recording.frames);
  }
  small.before = now; small.due = true;
  requestAnimationFrame(tickSmall);
}

// The player is its own page, in a frame that reaches nothing around it.
function playIn(frame, page, data) {
  const text = JSON.stringify(data).replace(/[<>&]/g, (sign) => `\\u00${sign.charCodeAt(0).toString(16)}`);
  frame.srcdoc = page.replace("{{data}}", () => text);
}
