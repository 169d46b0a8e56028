// The phone in the field: shows what is known, takes taps at once, sends them when there is a net, each one once.
const { kind, language, texts, formKey, login } = JSON.parse(document.getElementById("data").textContent);
const KEPT = `lifeline.${login}.field`;
const QUEUE = `lifeline.${login}.queue`;
const POLL_MS = 10000;
const TIMEOUT_MS = 20000;
const RELEASED_MS = 300; // a click follows the finger's release
const TYPED_MS = 5000;
const SHAPES = { 1: "▲", 2: "◆", 3: "■", 4: "●" };
const ROMAN = { 1: "I", 2: "II", 3: "III", 4: "IV" };
const NEXT = { accept: "accepted", arrive: "on-site", mitigate: "mitigated" };
const STEPS = { accepted: ["arrive", "on-my-way"], "on-site": ["mitigate"], mitigated: [] };

let field = read(KEPT, null);
let queue = read(QUEUE, []);
let online = navigator.onLine;
let refused = read(`${QUEUE}.refused`, []);
let open = null; // the panel a person has opened: {about, panel}
let sending = false;
let asked = false; // the session has ended
let quiet = 0; // until then a finger is on the glass, or somebody types

const main = document.getElementById("main");
const drafts = new Map(); // what is typed stays while the page is drawn anew

if ("serviceWorker" in navigator) navigator.serviceWorker.register("/sw.js").catch(() => {});
addEventListener("online", () => flush());
addEventListener("offline", () => show(() => (online = false)));
document.addEventListener("visibilitychange", () => document.hidden || flush());
addEventListener("pointerdown", () => (quiet = Infinity), true);
for (const end of ["pointerup", "pointercancel"]) addEventListener(end, () => (quiet = Date.now() + RELEASED_MS), true);
for (const typed of ["input", "compositionupdate"]) addEventListener(typed, () => (quiet = Date.now() + TYPED_MS), true);
setInterval(() => document.hidden || flush(), POLL_MS);
setInterval(() => status(), 1000);
draw();
flush();

function read(key, otherwise) {
  try {
    return JSON.parse(localStorage.getItem(key)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

function say(key, values = {}) {
  return (texts[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16)); // randomUUID is there with TLS only
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((one) => one.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

function tap(about, what, more = {}) {
  navigator.vibrate?.(30);
  queue.push({ action_id: uuid(), about, do: what, at: new Date().toISOString(), ...more });
  keep();
  open = null;
  drafts.clear();
  draw();
  flush();
}

function keep() {
  localStorage.setItem(QUEUE, JSON.stringify(queue));
  localStorage.setItem(`${QUEUE}.refused`, JSON.stringify(refused));
}

function show(change) {
  change();
  draw();
}

async function call(path, options = {}) {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), TIMEOUT_MS);
  try {
    return await fetch(path, { ...options, signal: stop.signal, headers: { "X-Lifeline-Form": formKey, ...options.headers } });
  } finally {
    clearTimeout(timer);
  }
}

// One after the other, in the order of the taps: what fails for want of a net stays and is sent again.
async function flush() {
  if (sending) return;
  sending = true;
  try {
    while (queue.length) {
      const next = queue[0];
      if (next.photo) {
        if (!(await sendPhoto(next))) return;
      } else {
        const answer = await call("/api/v1/field/actions", {
          method: "POST", body: JSON.stringify(next), headers: { "Content-Type": "application/json" },
        });
        if (!(await taken(answer, next))) return;
      }
      queue.shift();
      keep();
    }
    const answer = await call("/api/v1/field");
    if (answer.status === 401) asked = true;
    if (answer.ok) {
      field = await answer.json();
      asked = false;
      localStorage.setItem(KEPT, JSON.stringify({ ...field, kept: Date.now() }));
    }
    online = answer.status < 500;
  } catch {
    online = false;
  } finally {
    sending = false;
    refresh();
  }
}

// Draws what came over the net, but never under a finger or while somebody types: a tap would be lost, a digit misplaced.
function refresh() {
  if (Date.now() >= quiet) draw();
  else setTimeout(refresh, RELEASED_MS);
}

// Whether an action is off the queue: done, or refused for good.
async function taken(answer, action) {
  if (answer.status === 401 || answer.status === 403) {
    asked = true;
    return false;
  }
  const body = await answer.json().catch(() => ({}));
  if ("done" in body) {
    if (!body.done) refused.push({ what: action.do, why: texts[`refused.${body.reason}`] ?? body.why });
    online = true;
    return true;
  }
  if (answer.status === 400 || answer.status === 413 || answer.status === 422 || answer.status === 404) {
    refused.push({ what: action.do ?? "photo", why: body.detail ?? String(answer.status) });
    return true;
  }
  return answer.ok;
}

async function sendPhoto(item) {
  const blob = await photos("readonly", (all) => all.get(item.photo));
  if (blob) {
    const answer = await call(`/api/v1/alarms/${item.alarm_id}/photos`, { method: "POST", body: blob, headers: { "Content-Type": blob.type } });
    if (!(await taken(answer, item))) return false;
  }
  await photos("readwrite", (all) => all.delete(item.photo));
  return true;
}

function photos(mode, work) {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open("lifeline-photos", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("photos");
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const request = work(opening.result.transaction("photos", mode).objectStore("photos"));
      request.onsuccess = () => (opening.result.close(), resolve(request.result));
      request.onerror = () => (opening.result.close(), reject(request.error));
    };
  });
}

// A picture as the line can carry it: 1600 pixels, without the place that the camera writes into it.
async function addPhoto(task, file) {
  if (!file) return;
  let blob = file;
  try {
    const picture = await createImageBitmap(file);
    const scale = Math.min(1, 1600 / Math.max(picture.width, picture.height));
    const canvas = Object.assign(document.createElement("canvas"), { width: picture.width * scale, height: picture.height * scale });
    canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
    blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.8));
  } catch {
    // no picture that this phone can read: the console says what is wrong with it
  }
  const id = uuid();
  await photos("readwrite", (all) => all.put(blob, id));
  queue.push({ photo: id, alarm_id: task.alarm_id });
  keep();
  draw();
  flush();
}

// ---- drawing: only text, never markup

function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((one) => one != null && one !== false));
  return node;
}

function button(label, onclick, cls = "", more = {}) {
  return h("button", { type: "button", class: cls, onclick, ...more }, label);
}

function age(iso) {
  const s = Math.max(0, (Date.now() - new Date(iso)) / 1000);
  if (s < 60) return say("age.seconds", { n: Math.floor(s) });
  if (s < 3600) return say("age.minutes", { n: Math.floor(s / 60) });
  if (s < 172800) return say("age.hours", { n: Math.floor(s / 3600) });
  return say("age.days", { n: Math.floor(s / 86400) });
}

function status() {
  const link = document.getElementById("link");
  const waiting = document.getElementById("waiting");
  const words = [online ? `● ${say("field.online")}` : `⚠ ${say("field.offline")}`, queue.length ? say("field.waiting", { n: queue.length }) : ""];
  if (link.textContent !== words[0]) link.textContent = words[0];
  if (waiting.textContent !== words[1]) waiting.textContent = words[1];
  document.body.classList.toggle("off", !online);
}

function draw() {
  status();
  const typing = document.activeElement?.dataset?.key ? document.activeElement : null;
  const parts = [];
  if (asked) parts.push(h("a", { class: "login", href: `/login?next=/${language}/${kind}` }, say("field.log_in")));
  for (const [i, one] of refused.entries())
    parts.push(h("div", { class: "refused", role: "alert" }, h("b", {}, say("field.refused", { what: say(`field.do.${one.what}`) })), h("p", {}, one.why),
      button(say("field.seen"), () => show(() => (refused.splice(i, 1), keep())))));
  if (!field) parts.push(h("p", { class: "empty" }, say(online ? "field.loading" : "field.nothing_kept")));
  else if (kind === "crew") {
    if (!field.tasks.length) parts.push(h("p", { class: "empty" }, say("field.no_tasks")));
    parts.push(...field.tasks.map(task));
  } else {
    if (!field.shelters.length) parts.push(h("p", { class: "empty" }, say("field.no_shelters")));
    parts.push(...field.shelters.map(shelter));
  }
  if (field && !online) parts.push(h("p", { class: "empty" }, say("field.as_of", { age: age(field.at) })));
  main.replaceChildren(...parts);
  const anew = typing && main.querySelector(`[data-key="${typing.dataset.key}"]`);
  if (!anew) return;
  if (typing.value !== anew.value) typing.value = anew.value;
  anew.replaceWith(typing); // with its caret
  typing.focus();
}

function about(one) {
  return one.order_id ? `order:${one.order_id}` : `alarm:${one.alarm_id}`;
}

function task(one) {
  const name = about(one);
  const mine = queue.filter((each) => each.about === name || each.alarm_id === one.alarm_id);
  let { state, steps } = one;
  for (const each of mine) {
    if (each.do === "decline") steps = [];
    if (!NEXT[each.do]) continue;
    state = NEXT[each.do];
    steps = STEPS[state];
  }
  const taps = steps.filter((each) => each !== "note" && each !== "help");
  const title = language === "zh" ? one.title.zh : one.title.en;
  const where = one.position && `geo:${one.position.lat},${one.position.lon}?q=${one.position.lat},${one.position.lon}`;
  return h("article", { class: `task level-${one.level}`, "data-about": name, "data-state": state },
    h("h2", {}, h("span", { class: "badge", "aria-hidden": "true" }, `${SHAPES[one.level]} ${ROMAN[one.level]}`), title),
    h("p", { class: "facts" }, h("b", {}, say(`level.full.${one.level}`)), ` · ${say(one.order_id ? `order.state.${state}` : `state.${state}`)} · ${age(one.opened_at)}`,
      one.exercise && h("b", { class: "exercise" }, say("field.exercise"))),
    one.due_at && state === one.state && h("p", { class: "facts" }, say("field.due", { at: clock(one.due_at) })),
    one.materials.length > 0 && h("details", {}, h("summary", {}, say("field.materials")), h("ul", {}, one.materials.map((each) => h("li", {}, each)))),
    mine.length > 0 && h("p", { class: "pending" }, say("field.pending", { n: mine.length })),
    taps.map((each, i) => button(say(`field.do.${each}`), () => tap(name, each), i === 0 ? "main" : "", { "data-do": each })),
    state === "mitigated" && h("p", { class: "facts" }, say("field.waits_for_check")),
    h("div", { class: "row" },
      where && h("a", { class: "button", href: where }, say("field.way")),
      h("label", { class: "button" }, say("field.photo"), h("input", { type: "file", accept: "image/*", capture: "environment", "data-do": "photo", onchange: (event) => addPhoto(one, event.target.files[0]) })),
      button(say("field.do.note"), () => toggle(name, "note"), "", { "aria-expanded": isOpen(name, "note"), "data-do": "note" }),
      button(say("field.do.help"), () => toggle(name, "help"), "help", { "aria-expanded": isOpen(name, "help"), "data-do": "help" })),
    isOpen(name, "note") && note(name, (text) => text && tap(name, "note", { note: text })),
    isOpen(name, "help") && lacks(name, "help", ["people", "machine", "police", "medical", "other"]));
}

function shelter(one) {
  const name = `shelter:${one.shelter_id}`;
  const mine = queue.filter((each) => each.about === name);
  let { state, people, counted_at } = one;
  for (const each of mine) {
    if (each.do === "opened" || each.do === "reopened") state = "open";
    if (each.do === "full") state = "full";
    if (each.do === "count") people = each.people;
    if (each.do === "count" || each.do === "current") counted_at = each.at;
  }
  const draft = drafts.get(`${name}/count`);
  const number = draft ?? people ?? 0;
  const set = (value) => show(() => drafts.set(`${name}/count`, Math.max(0, Math.min(100000, value))));
  const share = people == null ? 0 : Math.min(100, (100 * people) / Math.max(one.places, 1));
  const step = (n) => button(n > 0 ? `+${n}` : `−${-n}`, () => set(Number(number) + n), "step", { "data-step": n });
  return h("article", { class: `shelter ${state}`, "data-about": name, "data-state": state },
    h("h2", {}, language === "zh" ? one.name.zh : one.name.en),
    h("p", { class: "facts" }, h("b", {}, say(`shelter.state.${state}`)), ` · ${say(`shelter.mode.${one.mode}`)}`,
      ["threatened", "flooded"].includes(one.exposure) && h("b", { class: "exercise" }, `⚠ ${say(`shelter.exposure.${one.exposure}`)}`)),
    mine.length > 0 && h("p", { class: "pending" }, say("field.pending", { n: mine.length })),
    h("p", { class: "people" }, h("strong", {}, people ?? "?"), ` / ${one.places ?? "?"}`, h("span", { class: "bar", "aria-hidden": "true" }, h("i", { style: `width:${share}%` }))),
    h("p", { class: "facts" }, counted_at ? say("field.counted", { age: age(counted_at) }) : say("field.never_counted")),
    people != null && button(say("field.do.current"), () => tap(name, "current"), "main", { "data-do": "current" }),
    h("div", { class: "row count" }, step(-10), step(-1),
      h("input", { type: "number", inputmode: "numeric", min: 0, max: 100000, value: number, "aria-label": say("field.people"), "data-key": `${name}/count`, oninput: (event) => drafts.set(`${name}/count`, event.target.value) }), step(1), step(10)),
    button(say("field.do.count"), () => {
      const typed = Number(drafts.get(`${name}/count`) ?? number);
      if (Number.isInteger(typed) && typed >= 0) tap(name, "count", { people: typed });
    }, draft != null || people == null ? "main" : "", { "data-do": "count" }),
    h("div", { class: "row" },
      ["standby", "opening"].includes(state) && button(say("field.do.opened"), () => tap(name, "opened"), "", { "data-do": "opened" }),
      state === "open" && button(say("field.do.full"), () => tap(name, "full"), "", { "data-do": "full" }),
      state === "full" && button(say("field.do.reopened"), () => tap(name, "reopened"), "", { "data-do": "reopened" }),
      button(say("field.do.need"), () => toggle(name, "need"), "help", { "aria-expanded": isOpen(name, "need"), "data-do": "need" })),
    isOpen(name, "need") && lacks(name, "need", ["blankets", "water", "food", "medical", "heating", "people", "other"]));
}

function clock(iso) {
  return new Date(iso).toLocaleTimeString(language === "zh" ? "zh-CN" : "en-GB", { hour: "2-digit", minute: "2-digit" });
}

function isOpen(name, panel) {
  return open?.about === name && open.panel === panel;
}

function toggle(name, panel) {
  show(() => (open = isOpen(name, panel) ? null : { about: name, panel }));
  main.querySelector(".panel textarea, .panel button")?.scrollIntoView({ block: "nearest" });
}

function note(name, send) {
  const key = `${name}/note`;
  const area = h("textarea", { rows: 3, maxlength: 2000, "aria-label": say("field.do.note"), "data-key": key, oninput: (event) => drafts.set(key, event.target.value) });
  area.value = drafts.get(key) ?? "";
  return h("div", { class: "panel" }, area, button(say("field.send"), () => send(area.value.trim()), "main", { "data-send": true }));
}

function lacks(name, what, words) {
  const key = `${name}/note`;
  const area = h("textarea", { rows: 2, maxlength: 2000, "aria-label": say("field.do.note"), placeholder: say("field.more"), "data-key": key, oninput: (event) => drafts.set(key, event.target.value) });
  area.value = drafts.get(key) ?? "";
  return h("div", { class: "panel" }, area, words.map((word) => button(say(`lack.${word}`), () => tap(name, what, { what: word, note: area.value.trim() }), "", { "data-lack": word })));
}
