// Files that are dropped or chosen are sent one after the other; whatever comes back is shown as text.

const data = JSON.parse(document.getElementById("data").textContent);
const find = (id) => document.getElementById(id);

function add(parent, kind, text, name) {
  const made = document.createElement(kind);
  if (text !== undefined) made.textContent = text;
  if (name) made.className = name;
  parent.append(made);
  return made;
}

function guesses(parent, answer) {
  if (answer.unfamiliar) add(parent, "p", "Unfamiliar: like none of the classes. The nearest:", "warn");
  for (const guess of answer.top) {
    const row = add(parent, "div", undefined, "guess"), bar = document.createElement("meter");
    add(row, "span", guess.label);
    bar.value = guess.probability;
    bar.setAttribute("aria-label", guess.label);
    row.append(bar);
    add(row, "span", `${Math.round(100 * guess.probability)} %`);
  }
}

function show(name, found) {
  for (const one of found.recordings) {
    const box = add(find("answers"), "section", undefined, "answer");
    add(box, "h2", one.file === one.recording || found.recordings.length === 1 ? name : `${name}: ${one.recording}`);
    guesses(box, one);
    if (one.prime_joints.length) add(box, "p", `Prime joints: ${one.prime_joints.map((each) => each.joint).join(", ")}`, "soft");
    if (one.people.length > 1) one.people.forEach((person, number) => {
      add(box, "p", `Person ${number + 1}`, "soft");
      guesses(box, person);
    });
  }
  for (const note of found.notes) add(find("answers"), "p", `${name}: ${note}`, "soft");
  for (const problem of found.problems) add(find("answers"), "p", problem, "warn");
}

async function ask(file) {
  const headers = { "Content-Type": "application/octet-stream" };
  if (data.token) headers.Authorization = `Bearer ${find("token").value}`;
  try {
    const reply = await fetch(`predict?file=${encodeURIComponent(file.name)}`, { method: "POST", body: file, headers });
    const found = await reply.json();
    if (reply.ok) show(file.name, found);
    else add(find("answers"), "p", `${file.name}: ${found.reason}`, "warn");
  } catch {
    add(find("answers"), "p", `${file.name}: the service does not answer`, "warn");
  }
}

async function askAll(files) {
  let done = 0;
  for (const file of files) {
    find("state").textContent = `Recognising ${++done} of ${files.length} ...`;
    await ask(file);
  }
  find("state").textContent = "";
}

find("classes").textContent = `Classes: ${data.classes.join(", ")}`;
find("token-line").hidden = !data.token;
find("file").addEventListener("change", (event) => {
  const files = [...event.target.files];
  event.target.value = "";  // so that the same file can be asked about again once it is mended
  askAll(files);
});
for (const kind of ["dragover", "dragleave", "drop"]) {
  find("drop").addEventListener(kind, (event) => {
    event.preventDefault();
    find("drop").classList.toggle("over", kind === "dragover");
    if (kind === "drop") askAll([...event.dataTransfer.files]);
  });
}
