// The map: networks as few canvas-drawn lines, every sensor a canvas symbol, alarms as real buttons on top.
import { leaflet as L } from "nicegui-leaflet";
import { LEVELS, badge, say } from "lifeline-console";
import { LETTERS, Swarm, Symbol, sample } from "lifeline-console/symbols.js";

const LINES = { pipes: { color: "#6c7781" }, drains: { color: "#66809a", dashArray: "7 5" } };
const WIDTHS = {
  pipes: (mm) => (mm >= 500 ? 4 : mm >= 300 ? 3 : mm >= 200 ? 2.2 : mm > 100 ? 1.6 : 1.2),
  drains: (mm) => (mm >= 1500 ? 3 : mm >= 800 ? 2.2 : 1.5),
};
const STILL = ["zones", "pipes", "drains", "sensors"];
const LAYERS = ["zones", "pipes", "drains", "sensors", "shelters", "crews", "water", "findings"];
const MOVING = ["shelters", "crews", "water"];
const MOVING_MS = 15000;
const CITY_ZOOM = 10; // below, cities are single points

export default {
  template: `
    <section class="ll-map" :aria-label="texts['map.label']">
      <div ref="map" class="ll-map-canvas"></div>
      <p v-if="problem" class="ll-map-note" role="alert">{{ problem }}</p>
      <p v-else-if="busy" class="ll-map-note">{{ texts["map.loading"] }}</p>
      <button type="button" class="ll-map-fit" @click="fit()">{{ texts["map.fit"] }}</button>
      <details class="ll-legend" :open="roomy"><summary>{{ texts["map.legend"] }}</summary>
        <label v-if="tiles.length"><input type="checkbox" v-model="base" /><span v-html="sample('zones')"></span>{{ texts["map.base"] }}</label>
        <label v-for="name in layers" :key="name"><input type="checkbox" v-model="visible[name]" />
          <span v-html="sample(name)"></span>{{ texts["map." + name] }}</label>
        <hr /><span v-for="state in ['good', 'doubtful', 'silent']" :key="state" class="ll-legend-state">
          <span v-html="sample(state)"></span>{{ texts["map." + state] }}</span>
        <span class="ll-legend-letters"><span v-for="(letter, name) in letters" :key="name"><b>{{ letter }}</b> {{ texts["quantity." + name] }}</span></span>
      </details>
    </section>`,
  props: { texts: Object, language: String, cities: Array, city: String, alarms: Array, selected: Number, tiles: Array, css: String },
  emits: ["alarm", "sensor", "city"],
  data: () => ({
    layers: LAYERS,
    letters: LETTERS,
    visible: Object.fromEntries(LAYERS.map((name) => [name, true])),
    roomy: window.innerWidth >= 1500,
    busy: true,
    base: true,
    problem: "",
  }),
  watch: {
    base(on) {
      on ? this.own.base.addTo(this.own.map) : this.own.base.remove();
    },
    city() {
      this.load(true);
    },
    alarms() {
      this.drawAlarms();
    },
    selected() {
      this.drawAlarms();
      this.focus();
    },
    visible: {
      deep: true,
      handler() {
        for (const name of [...LAYERS, "candidates"]) this.toggle(name);
      },
    },
  },
  created() {
    // Leaflet's objects must not become reactive: thousands of proxies would make every redraw slow.
    this.own = { groups: {}, pipes: new Map(), waiting: new Map(), loading: 0, loaded: false };
  },
  async mounted() {
    await this.$nextTick();
    await style(window.path_prefix + this.css);
    const map = L.map(this.$refs.map, { zoomControl: false, attributionControl: this.tiles.length > 0, zoomSnap: 0.5 });
    this.own.map = map;
    this.own.ready = false;
    map.setView([43.88, 125.32], 12);
    L.control.zoom({ position: "topright", zoomInTitle: this.texts["map.zoom_in"], zoomOutTitle: this.texts["map.zoom_out"] }).addTo(map);
    L.control.scale({ imperial: false, position: "bottomright" }).addTo(map);
    this.own.base = L.layerGroup(this.tiles.map(({ url, hosts }) => L.tileLayer(url, { subdomains: hosts, maxNativeZoom: 18, maxZoom: 20 })));
    this.own.base.addTo(map);
    map.createPane("ground").style.zIndex = 350;
    map.getPane("ground").style.pointerEvents = "none";
    this.own.ground = L.canvas({ pane: "ground", padding: 0.3 });
    this.own.top = L.canvas({ padding: 0.3, tolerance: 6 });
    map.createPane("sensors").style.zIndex = 390;
    map.getPane("sensors").style.pointerEvents = "none";
    this.own.swarm = new Swarm({ pane: "sensors", describe: (one) => plain(this.describe(one)), choose: (one) => this.$emit("sensor", one.id) });
    for (const name of [...LAYERS, "candidates", "alarms", "cities"]) this.own.groups[name] = L.layerGroup().addTo(map);
    this.own.groups.sensors.addLayer(this.own.swarm);
    map.on("zoomend", () => this.rezoom());
    this.observer = new ResizeObserver(() => map.invalidateSize({ animate: false }));
    this.observer.observe(this.$refs.map);
    this.own.timer = setInterval(() => this.reloadMoving(), MOVING_MS);
    await this.load(true);
  },
  unmounted() {
    clearInterval(this.own.timer);
    this.observer?.disconnect();
    this.own.map?.remove();
  },
  methods: {
    sample,
    async load(refit) {
      const turn = ++this.own.loading;
      this.busy = true;
      this.problem = "";
      const query = this.city ? `?city=${this.city}` : "";
      try {
        const answers = await Promise.all(STILL.map((name) => read(`/api/v1/layers/${name}.geojson${query}`)));
        if (turn !== this.own.loading) return; // the person has chosen another city meanwhile
        this.draw(Object.fromEntries(STILL.map((name, i) => [name, answers[i].features])));
        this.own.loaded = true;
        for (const news of this.own.waiting.values()) this.restate(news);
        this.own.waiting.clear();
        if (refit) this.fit();
        this.drawAlarms();
        this.rezoom();
        if (this.selected) this.focus();
        this.reloadMoving();
      } catch (error) {
        if (turn === this.own.loading) this.problem = this.texts["map.failed"];
      } finally {
        if (turn === this.own.loading) this.busy = false;
      }
    },
    draw(features) {
      const { groups, ground } = this.own;
      for (const name of ["zones", "pipes", "drains"]) groups[name].clearLayers();
      this.own.pipes.clear();
      this.own.bounds = L.latLngBounds([]);
      for (const { geometry, properties } of features.zones) {
        const polygon = L.polygon(points(geometry.coordinates), {
          renderer: ground, interactive: false, color: "#8b959d", weight: 1.5, dashArray: "2 4",
          fillColor: "#ffffff", fillOpacity: properties.kind === "dma" ? 0.28 : 0,
        });
        groups.zones.addLayer(polygon);
        this.own.bounds.extend(polygon.getBounds());
        const label = L.tooltip({ permanent: true, direction: "center", className: "ll-zone-label", interactive: false });
        label.setLatLng(polygon.getBounds().getCenter()).setContent(plain(this.named(properties)));
        if (properties.kind === "dma") groups.zones.addLayer(label);
      }
      for (const name of ["pipes", "drains"]) {
        const classes = new Map();
        for (const { geometry, properties } of features[name]) {
          if (geometry.type !== "LineString") {
            if (geometry.type === "Point") this.addAsset(name, geometry, properties);
            continue;
          }
          const line = points(geometry.coordinates);
          const weight = WIDTHS[name](properties.data?.diameter_mm ?? 0);
          if (!classes.has(weight)) classes.set(weight, []);
          classes.get(weight).push(line);
          this.own.pipes.set(`${properties.city}/${properties.id}`, line);
        }
        for (const [weight, lines] of [...classes].sort((a, b) => a[0] - b[0])) {
          const whole = L.polyline(lines, { renderer: ground, interactive: false, weight, smoothFactor: 1, ...LINES[name] });
          groups[name].addLayer(whole);
          this.own.bounds.extend(whole.getBounds());
        }
      }
      const odd = ({ level, state }) => (level ? 2 : 0) + (state === "good" ? 0 : 1);
      const sensors = features.sensors.map(({ geometry, properties }) => ({ ...properties, where: L.latLng(latlng(geometry.coordinates)) }));
      for (const one of sensors) this.own.bounds.extend(one.where);
      this.own.swarm.setMembers(sensors.sort((a, b) => odd(a) - odd(b)));
    },
    drawMoving(features) {
      const { groups, top } = this.own;
      for (const name of MOVING) groups[name].clearLayers();
      for (const name of ["shelters", "crews"])
        for (const { geometry, properties } of features[name]) {
          const symbol = new Symbol(latlng(geometry.coordinates), { renderer: top, shape: name, radius: 7, ...properties });
          symbol.bindTooltip(() => plain(this[name === "shelters" ? "shelter" : "crew"](properties)));
          if (name === "shelters") symbol.on("click", () => (window.location.href = `${window.path_prefix}/${this.language}/shelters/${encodeURIComponent(properties.id)}`));
          groups[name].addLayer(symbol);
        }
      for (const { geometry, properties } of features.water) {
        // a light dashed core on a dark edge: seen as a road under water without its colour
        const lines = L.polyline(points(geometry.coordinates), { renderer: top, color: "#123a73", weight: 9, opacity: 0.85 });
        const core = L.polyline(points(geometry.coordinates), { renderer: top, color: "#bfe0ff", weight: 4, dashArray: "2 7", interactive: false });
        const most = properties.expected_60_m[1];
        lines.bindTooltip(() => plain(`${this.texts["map.water"]} · ${Math.round(100 * properties.depth_m)} cm → ${most == null ? "?" : Math.round(100 * most)} cm`));
        groups.water.addLayer(lines).addLayer(core);
      }
    },
    async reloadMoving() {
      if (!this.own.loaded || document.hidden) return;
      const turn = this.own.loading;
      const query = this.city ? `?city=${this.city}` : "";
      try {
        const answers = await Promise.all(MOVING.map((name) => read(`/api/v1/layers/${name}.geojson${query}`)));
        if (turn !== this.own.loading) return;
        this.drawMoving(Object.fromEntries(MOVING.map((name, i) => [name, answers[i].features])));
        this.rezoom();
      } catch {
        // the bar says that nothing moves; the next turn tries again
      }
    },
    shelter({ id, zh, en, mode, state, people, places, exposure }) {
      const words = [this.named({ id, zh, en }), this.texts["shelter.state." + state], this.texts["shelter.mode." + mode], `${people ?? "?"} / ${places ?? "?"}`];
      if (exposure === "threatened" || exposure === "flooded") words.push(this.texts["shelter.exposure." + exposure]);
      return words.join(" · ");
    },
    crew({ id, zh, en, on_duty, orders }) {
      return [this.named({ id, zh, en }), this.texts[on_duty ? "map.on_duty" : "map.off_duty"], say(this.texts["map.orders"], { n: orders })].join(" · ");
    },
    addAsset(name, geometry, properties) {
      const symbol = new Symbol(latlng(geometry.coordinates), { renderer: this.own.top, shape: properties.kind, radius: 6 });
      symbol.bindTooltip(() => plain(`${this.texts["map.kind." + properties.kind] ?? ""} ${properties.id}`));
      this.own.groups[name].addLayer(symbol);
    },
    drawCities() {
      const { cities } = this.own.groups;
      cities.clearLayers();
      for (const one of this.cities) {
        const label = plain(one.name);
        for (const level of [1, 2, 3, 4]) {
          const count = this.alarms.filter((alarm) => alarm.city === one.code && alarm.level === level).length;
          if (count) label.insertAdjacentHTML("beforeend", `${badge(level, 20)}<b>${count}</b>`);
        }
        const icon = L.divIcon({ className: "ll-city-mark", html: label, iconSize: null });
        cities.addLayer(L.marker([one.lat, one.lon], { icon, title: one.name }).on("click", () => this.$emit("city", one.code)));
      }
    },
    drawAlarms() {
      if (!this.own.loaded) return;
      this.drawCities();
      const { findings, candidates, alarms } = this.own.groups;
      for (const group of [findings, candidates, alarms]) group.clearLayers();
      for (const one of [...this.alarms].reverse()) {
        const { colour } = LEVELS[one.level];
        const chosen = one.id === this.selected;
        if (one.area) {
          findings.addLayer(
            L.geoJSON(one.area, {
              interactive: false,
              style: { renderer: this.own.top, color: colour, weight: chosen ? 2.5 : 1.5, dashArray: "6 4", fillColor: colour, fillOpacity: chosen ? 0.16 : 0.09 },
              pointToLayer: (_, where) => L.circleMarker(where, { renderer: this.own.top, radius: 14, color: colour }),
            }),
          );
        }
        if (chosen) {
          const greatest = Math.max(...one.candidates.map((c) => c.probability), 1e-9);
          for (const candidate of [...one.candidates].reverse()) {
            const line = this.own.pipes.get(`${one.city}/${candidate.asset_id}`);
            if (!line) continue;
            const share = candidate.probability / greatest;
            const weight = 4 + 5 * share; // a dark edge: the colour alone would not stand out from the ground
            candidates.addLayer(L.polyline(line, { renderer: this.own.top, interactive: false, color: "#20272c", weight: weight + 2.5 }));
            const mark = L.polyline(line, { renderer: this.own.top, color: colour, weight, opacity: 1 });
            mark.bindTooltip(() => plain(`${candidate.asset_id} · ${Math.round(100 * candidate.probability)}%`));
            candidates.addLayer(mark);
          }
        }
        if (one.lat == null) continue;
        const mark = L.marker([one.lat, one.lon], {
          title: one.title, alt: one.title, keyboard: true, zIndexOffset: 1000 * (5 - one.level) + (chosen ? 9000 : 0),
          icon: L.divIcon({
            className: `ll-alarm-mark ${one.state === "open" ? "open" : ""} ${chosen ? "selected" : ""}`,
            html: badge(one.level, chosen ? 34 : 28), iconSize: chosen ? [34, 34] : [28, 28],
          }),
        });
        mark.on("click", () => this.$emit("alarm", one.id));
        alarms.addLayer(mark);
      }
    },
    update_sensors(news) {
      for (const one of news) {
        if (this.own.loaded) this.restate(one);
        else this.own.waiting.set(one.id, one);
      }
    },
    restate(news) {
      this.own.swarm.restate(news);
    },
    reload_layers() {
      this.load(false);
    },
    fit() {
      const map = this.own.map;
      const far = !this.city && this.cities.length > 1;
      const bounds = far ? L.latLngBounds(this.cities.map((c) => [c.lat, c.lon])) : this.own.bounds;
      if (bounds?.isValid()) map.fitBounds(bounds.pad(far ? 0.2 : 0.02), { animate: false, paddingTopLeft: [this.roomy ? 210 : 0, 0] });
    },
    async focus() {
      await new Promise((done) => setTimeout(done, 60)); // a panel beside the map may just have opened
      this.own.map.invalidateSize({ animate: false });
      const one = this.alarms.find((alarm) => alarm.id === this.selected);
      if (!one || !this.own.loaded) return;
      const bounds = L.latLngBounds([]);
      if (one.lat != null) bounds.extend([one.lat, one.lon]);
      if (one.area) bounds.extend(L.geoJSON(one.area).getBounds());
      if (bounds.isValid()) this.own.map.fitBounds(bounds.pad(0.4), { maxZoom: 15.5, animate: false });
    },
    rezoom() {
      const { map, groups } = this.own;
      const zoom = map.getZoom();
      const radius = zoom < 11 ? 2.5 : zoom < 13 ? 4 : zoom < 15 ? 6 : 9;
      this.own.swarm.setRadius(radius);
      for (const name of ["shelters", "crews"]) groups[name].eachLayer((symbol) => symbol.setRadius(radius + 1));
      this.$refs.map.classList.toggle("ll-far", zoom < 13);
      for (const name of Object.keys(groups)) this.toggle(name);
    },
    toggle(name) {
      const { map, groups } = this.own;
      const far = map.getZoom() < CITY_ZOOM;
      const switched = this.visible[name === "candidates" ? "findings" : name] ?? true;
      const wanted = name === "cities" ? far : switched && !far;
      if (wanted !== map.hasLayer(groups[name])) wanted ? groups[name].addTo(map) : groups[name].remove();
    },
    named(properties) {
      return properties[this.language] || properties.id;
    },
    describe({ id, state, reason, level, quantity, zh, en }) {
      const name = this.named({ id, zh, en });
      const words = [name, this.texts["quantity." + quantity], this.texts["sensor.state." + state]];
      if (reason !== "ok") words.push(this.texts["sensor.reason." + reason]);
      if (level) words.push(this.texts["level." + level]);
      return words.join(" · ");
    },
  },
};

async function read(url) {
  const answer = await fetch(window.path_prefix + url);
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return answer.json();
}

function style(url) {
  return new Promise((resolve, reject) => {
    const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: url, onload: resolve, onerror: reject });
    document.head.append(link);
  });
}

// Names come from files that people wrote: always text, never markup.
function plain(text) {
  return Object.assign(document.createElement("span"), { textContent: text });
}

function latlng([lon, lat]) {
  return [lat, lon];
}

function points(coordinates) {
  return coordinates.map((one) => (Array.isArray(one[0]) ? points(one) : latlng(one)));
}
