// What several parts of the page share: the four levels as shape and colour, ages in words, texts with values.

export const LEVELS = {
  1: { colour: "#c8102e", ink: "#ffffff", shape: "triangle", roman: "I" },
  2: { colour: "#e07b1a", ink: "#1b1b1b", shape: "diamond", roman: "II" },
  3: { colour: "#f0c000", ink: "#1b1b1b", shape: "square", roman: "III" },
  4: { colour: "#1f5fbf", ink: "#ffffff", shape: "circle", roman: "IV" },
};

const OUTLINES = {
  triangle: "M12 1.5 23 21.5 1 21.5Z",
  diamond: "M12 0.8 23.2 12 12 23.2 0.8 12Z",
  square: "M2 2h20v20H2Z",
  circle: "M12 1a11 11 0 1 0 0 22 11 11 0 1 0 0-22Z",
};

export function badge(level, size = 24) {
  const { colour, ink, shape, roman } = LEVELS[level];
  const y = shape === "triangle" ? 18.5 : 16;
  return (
    `<svg class="ll-badge" width="${size}" height="${size}" viewBox="0 0 24 24" aria-hidden="true">` +
    `<path d="${OUTLINES[shape]}" fill="${colour}" stroke="#20272c" stroke-width="1"/>` +
    `<text x="12" y="${y}" text-anchor="middle" font-size="10.5" font-weight="700" fill="${ink}">${roman}</text></svg>`
  );
}

export function say(text, values) {
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

export function age(texts, seconds) {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return say(texts["age.seconds"], { n: s });
  if (s < 3600) return say(texts["age.minutes"], { n: Math.floor(s / 60) });
  if (s < 172800) return say(texts["age.hours"], { n: Math.floor(s / 3600) });
  return say(texts["age.days"], { n: Math.floor(s / 86400) });
}

// The server's clock as seen from here: ages do not depend on the clock of the person's machine.
let offset = 0;
export function serverIs(milliseconds) {
  offset = milliseconds - Date.now();
}
export function now() {
  return Date.now() + offset;
}
