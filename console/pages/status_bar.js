// The bar on top: cities, the figures that tell whether all is well, and whether the page itself can be believed.
import { age, badge, now, say, serverIs } from "lifeline-console";

export default {
  template: `
    <header class="ll-bar">
      <a class="ll-skip" href="#content">{{ texts["bar.skip"] }}</a>
      <div class="ll-brand"><strong>{{ texts["app.title"] }}</strong><span>{{ texts["app.subtitle"] }}</span></div>
      <nav class="ll-pages" :aria-label="texts['bar.pages']">
        <a v-for="(one, i) in pages.slice(0, in_bar)" :key="one.name" :href="links[i]" :aria-current="one.here ? 'page' : null">{{ one.name }}</a>
        <details class="ll-menu" @keydown.esc="$event.currentTarget.open = false"><summary :class="{ here: more }">{{ more || texts["bar.more"] }} ▾</summary>
          <div><a v-for="(one, i) in pages.slice(in_bar)" :key="one.name" :href="links[i + in_bar]" :aria-current="one.here ? 'page' : null">{{ one.name }}</a></div></details>
        <form class="ll-search" role="search" method="get" :action="search"><input type="search" name="q" maxlength="64" :placeholder="texts['bar.search']" :aria-label="texts['bar.search']" /></form></nav>
      <nav class="ll-cities" :aria-label="texts['bar.cities']">
        <button v-for="one in cities" :key="one.code" type="button" :aria-pressed="one.code === city"
          @click="$emit('city', one.code)">{{ one.name }}<span v-if="one.live" class="ll-count" :class="{ calls: one.open }">{{ one.open ? "!" : "" }}{{ one.live }}</span></button>
      </nav>
      <dl class="ll-kpis" :aria-label="texts['bar.live']">
        <div class="ll-kpi-levels">
          <dt>{{ texts["bar.live"] }}</dt>
          <dd><span v-for="n in [1, 2, 3, 4]" :key="n" class="ll-kpi-level" :class="{ none: !status.levels[n] }"
            :title="texts['level.' + n]"><span v-html="badge(n, 20)"></span>
            <span class="ll-sr">{{ texts["level." + n] }}</span>{{ status.levels[n] || 0 }}</span></dd>
        </div>
        <div :class="{ odd: status.open }"><dt>{{ texts["bar.unacknowledged"] }}</dt><dd>{{ status.open }}</dd></div>
        <div :class="{ odd: status.silent }"><dt>{{ texts["bar.silent"] }}</dt>
          <dd>{{ status.silent }} <small>{{ say(texts["bar.of"], { n: status.sensors }) }}</small></dd></div>
        <div><dt>{{ texts["bar.rate"] }}</dt><dd>{{ rate }}</dd></div>
        <div :class="{ odd: stale }"><dt>{{ texts["bar.newest"] }}</dt>
          <dd>{{ newest }} <small v-if="stale">⚠ {{ texts["bar.stale"] }}</small></dd></div>
      </dl>
      <div class="ll-link" :class="link" role="status"><i aria-hidden="true"></i>{{ texts["bar." + link] }}</div>
      <div class="ll-person">
        <a class="ll-me" href="/me">{{ person }}</a>
        <form method="post" action="/logout"><input type="hidden" name="form_key" :value="formKey" />
          <button type="submit" class="ll-logout">{{ texts["bar.log_out"] }}</button></form>
        <a :href="otherLanguage" :hreflang="otherCode" :lang="otherCode">{{ texts["app.other_language"] }}</a>
      </div>
      <time class="ll-clock">{{ clock }}</time>
    </header>`,
  props: { texts: Object, cities: Array, city: String, status: Object, person: String, formKey: String, otherLanguage: String, otherCode: String, pages: Array, links: Array, in_bar: Number, search: String },
  emits: ["city"],
  data() {
    return { tick: 0, online: true, heardAt: Date.now() };
  },
  computed: {
    more() {
      return this.pages.slice(this.in_bar).find((one) => one.here)?.name;
    },
    link() {
      this.tick;
      if (!this.online || Date.now() - this.heardAt > 10000) return "disconnected";
      return this.status.answering ? "connected" : "store_away";
    },
    seconds() {
      this.tick;
      return this.status.newest_ms == null ? null : (now() - this.status.newest_ms) / 1000;
    },
    newest() {
      return this.seconds == null ? this.texts["bar.never"] : age(this.texts, this.seconds);
    },
    stale() {
      return this.seconds == null ? this.status.sensors > 0 : this.seconds > this.status.stale_after_s;
    },
    rate() {
      return this.status.per_minute == null ? "–" : Math.round(this.status.per_minute).toLocaleString("en");
    },
    clock() {
      this.tick;
      const shifted = new Date(now() + this.status.utc_offset_s * 1000);
      return shifted.toISOString().slice(0, 19).replace("T", " ");
    },
  },
  watch: {
    status: {
      immediate: true,
      handler(status) {
        this.heardAt = Date.now();
        serverIs(status.at_ms);
        this.title ??= document.title;
        document.title = (status.open ? `(${status.open}) ` : "") + this.title;
      },
    },
  },
  mounted() {
    this.timer = setInterval(() => {
      this.tick += 1;
      this.online = Boolean(window.socket?.connected);
    }, 1000);
  },
  unmounted() {
    clearInterval(this.timer);
  },
  methods: {
    age,
    badge,
    say,
  },
};
