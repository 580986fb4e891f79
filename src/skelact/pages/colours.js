// Colours that colour-blind readers tell apart: viridis for numbers, Okabe and Ito's for things.

const VIRIDIS = ["#440154", "#481a6c", "#472f7d", "#414487", "#39568c", "#31688e", "#2a788e", "#23888e", "#1f988b",
  "#22a884", "#35b779", "#54c568", "#7ad151", "#a5db36", "#d2e21b", "#fde725"].map((text) => [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16)));
const PEOPLE = { light: ["#0072b2", "#a3508a", "#007a5a", "#b26a00", "#3a3f47", "#2e86b8"], dark: ["#56b4e9", "#e79cc4", "#2fc79b", "#f0b63a", "#e0e3e8", "#8fc8f2"] };
const THINGS = { light: ["#0072b2", "#c24a00", "#007a5a", "#a3508a", "#8a6d00", "#4b5563"], dark: ["#56b4e9", "#ff9a4d", "#2fc79b", "#e79cc4", "#f0e442", "#c3cad6"] };
const DASHES = [[], [7, 3], [2, 3], [9, 3, 2, 3], [4, 4], [12, 4]];

// A number from 0 to 1 as [red, green, blue].
function heat(share) {
  const place = Math.min(Math.max(share, 0), 1) * (VIRIDIS.length - 1), low = Math.floor(place);
  const high = Math.min(low + 1, VIRIDIS.length - 1), part = place - low;
  return VIRIDIS[low].map((value, channel) => Math.round(value + part * (VIRIDIS[high][channel] - value)));
}

function css(rgb) { return `rgb(${rgb[0]},${rgb[1]},${rgb[2]})`; }

function theme() { return document.documentElement.dataset.theme === "dark" ? "dark" : "light"; }

// A short line in the colour and the dashes of a number.
function swatch(number) {
  const mark = make("i", { className: "line-mark", "aria-hidden": "true" }), colour = THINGS[theme()][number % 6], dash = DASHES[number % 6];
  mark.style.background = dash.length ? `repeating-linear-gradient(90deg, ${colour} 0 ${dash[0]}px, transparent ${dash[0]}px ${dash[0] + dash[1]}px)` : colour;
  return mark;
}

function inks() {
  const style = getComputedStyle(document.documentElement), found = {};
  for (const name of ["ground", "panel", "ink", "soft", "line", "stage", "accent", "ring", "grid", "halo", "missing"]) {
    found[name] = style.getPropertyValue(`--${name}`).trim();
  }
  return found;
}

// A canvas with as many dots as the screen shows; null where it is not on the page's surface.
function surface(canvas, height) {
  const ratio = Math.min(window.devicePixelRatio || 1, 2), width = canvas.clientWidth;
  if (height) canvas.style.height = `${height}px`;
  const tall = height || canvas.clientHeight;
  if (!width || !tall) return null;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(tall * ratio)) {
    canvas.width = Math.round(width * ratio); canvas.height = Math.round(tall * ratio);
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, tall);
  return { pen, width, height: tall, ratio };
}
