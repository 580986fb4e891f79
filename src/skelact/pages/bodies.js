// A usual pose whose joints have the colours of numbers, as prime joints by class.

// `values` has a number a joint, null for a joint without one; `scale` is the number with the last colour.
function drawBody(canvas, pose, values, scale, ink, marked = []) {
  if (!pose.recording) { pose.recording = new Recording({ ...pose, layers: [] }); pose.scene = new Scene(pose.recording); if (!pose.scene.camera.flat) pose.scene.camera.look(pose.recording.front, 0.04); }
  const coded = Uint16Array.from(values, (value) => (value === null ? ABSENT : Math.round(Math.min(value / scale, 1) * 65534)));
  pose.recording.layers = [{ key: "own", values: coded, stepOf: null, bodies: 1, steps: 1, largest: scale, scale }];
  pose.recording.primeBits = new Uint8Array((values.length >> 3) + 1);
  for (const joint of marked) pose.recording.primeBits[joint >> 3] |= 1 << (joint & 7);
  pose.scene.draw(canvas, { ...SMALL, look: "balls", colour: "own", prime: marked.length > 0, follow: false, frame: 0, moment: 0 }, ink);
}

// The joints with the largest numbers, the largest first.
function largest(values, most) {
  return [...values.keys()].filter((joint) => values[joint] !== null).sort((one, other) => values[other] - values[one]).slice(0, most);
}

function heatBar(canvas) {
  const pen = canvas.getContext("2d");
  for (let x = 0; x < canvas.width; x++) { pen.fillStyle = css(heat(x / (canvas.width - 1))); pen.fillRect(x, 0, 1, canvas.height); }
}
