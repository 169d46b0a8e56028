// Keeps the page on the phone: the net first, and what was kept where there is none. Data and actions are the page's own.
const CACHE = "field-STAMP";
const PARTS = ["/static/field.css?STAMP", "/static/field.js?STAMP"];
const SHELL = /^\/(zh|en)\/(crew|warden)$/;
const PATIENCE_MS = 6000;

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(PARTS)).then(() => self.skipWaiting()));
});
self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches.keys()
      .then((names) => Promise.all(names.filter((one) => one !== CACHE).map((one) => caches.delete(one))))
      .then(() => self.clients.claim())
      .then(keepOpen),
  );
});
self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== self.location.origin) return;
  if (SHELL.test(url.pathname)) event.respondWith(shell(event.request, url.pathname));
  else if (PARTS.includes(url.pathname + url.search)) event.respondWith(caches.match(event.request).then((kept) => kept ?? fetch(event.request)));
});

// The pages that are open already came before there was a worker to keep them.
async function keepOpen() {
  const open = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const paths = new Set(open.map((one) => new URL(one.url).pathname).filter((path) => SHELL.test(path)));
  await Promise.all([...paths].map((path) => shell(path, path).catch(() => null)));
}

async function shell(request, path) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(path);
  const fresh = fetch(request).then((answer) => {
    if (answer.ok && !answer.redirected) cache.put(path, answer.clone());
    return answer;
  });
  if (!kept) return fresh;
  const late = new Promise((resolve) => setTimeout(() => resolve(kept), PATIENCE_MS));
  return Promise.race([fresh.catch(() => kept), late]);
}
