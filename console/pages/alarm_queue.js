// The list of live alarms: gravest first, newest first within a level; ages tick here, rows keep focus when data change.
import { age, badge, now, say } from "lifeline-console";

export default {
  template: `
    <section class="ll-queue" id="content" tabindex="-1" :aria-label="texts['queue.title']">
      <div class="ll-queue-head">
        <h2>{{ texts["queue.title"] }}<span class="ll-count">{{ alarms.length }}</span></h2>
        <button type="button" class="ll-sound" :aria-pressed="Boolean(sound)" @click="switchSound">{{ texts[sound ? "queue.sound_on" : "queue.sound_off"] }}</button>
        <div role="group">
          <button type="button" :aria-pressed="!onlyOpen" @click="onlyOpen = false">{{ texts["queue.all"] }}</button>
          <button type="button" :aria-pressed="onlyOpen" @click="onlyOpen = true">{{ texts["queue.open"] }}
            <span v-if="open" class="ll-count">{{ open }}</span></button>
        </div>
      </div>
      <p class="ll-sr" aria-live="assertive">{{ news }}</p>
      <ul v-if="calls.length" class="ll-calls" :aria-label="texts['queue.calls']">
        <li v-for="one in calls" :key="one.id" class="ll-call">
          <div><strong>{{ one.what }}</strong><span>{{ one.who }} · {{ ageAt(one.at_ms) }}</span><q v-if="one.note">{{ one.note }}</q>
            <button v-if="one.alarm" type="button" class="ll-link-button" @click="$emit('select', one.alarm)">{{ texts["queue.show"] }}</button></div>
          <button v-if="may_acknowledge" type="button" class="ll-take" @click="$emit('call', one.id)">{{ texts["queue.take_up"] }}</button>
        </li>
      </ul>
      <p v-if="!shown.length" class="ll-empty"><strong>{{ texts["queue.empty"] }}</strong>{{ texts["queue.empty_hint"] }}</p>
      <ul>
        <li v-for="one in shown" :key="one.id" :class="['ll-row', 'level-' + one.level, { open: one.state === 'open',
            selected: one.id === selected, cleared: one.cleared }]" :data-alarm="one.id">
          <button type="button" class="ll-row-main" :aria-current="one.id === selected" @click="$emit('select', one.id)">
            <span v-html="badge(one.level, 30)"></span>
            <span class="ll-row-text">
              <strong>{{ one.title }}</strong>
              <span>{{ texts["level.full." + one.level] }} · {{ one.place }}</span>
              <span><em :class="'state-' + one.state">{{ texts["state." + one.state] }}</em>
                <template v-if="one.size"> · {{ one.size }}</template>
                · {{ say(texts["queue.sure"], { n: one.sure }) }}
                <template v-if="one.cleared"> · {{ texts["queue.cleared"] }}</template></span>
            </span>
            <time>{{ ageOf(one) }}</time>
          </button>
          <button v-if="one.state === 'open' && may_acknowledge" type="button" class="ll-acknowledge"
            :aria-label="texts['queue.acknowledge'] + ' ' + one.title"
            @click="$emit('acknowledge', { id: one.id, version: one.version })">{{ texts["queue.acknowledge"] }}</button>
        </li>
      </ul>
    </section>`,
  props: { texts: Object, alarms: Array, selected: Number, may_acknowledge: Boolean, calls: Array },
  emits: ["select", "acknowledge", "call"],
  data: () => ({ onlyOpen: false, tick: 0, news: "", sound: null }),
  computed: {
    open() {
      return this.alarms.filter((one) => one.state === "open").length;
    },
    shown() {
      return this.onlyOpen ? this.alarms.filter((one) => one.state === "open") : this.alarms;
    },
  },
  watch: {
    calls(after, before) {
      const known = new Set(before.map((one) => one.id));
      const fresh = after.filter((one) => !known.has(one.id));
      if (!fresh.length) return;
      this.news = fresh.map((one) => `${one.what}: ${one.who}`).join("; ");
      if (this.sound) ring(this.sound, 2);
    },
    alarms(after, before) {
      const known = new Set(before.filter((one) => one.state === "open").map((one) => one.id));
      const fresh = after.filter((one) => one.state === "open" && !known.has(one.id));
      if (!fresh.length) return;
      this.news = fresh.map((one) => `${this.texts["level.full." + one.level]}: ${one.title}`).join("; ");
      if (this.sound) ring(this.sound, Math.min(...fresh.map((one) => one.level)));
    },
  },
  mounted() {
    this.timer = setInterval(() => (this.tick += 1), 1000);
  },
  unmounted() {
    clearInterval(this.timer);
  },
  methods: {
    badge,
    say,
    switchSound() {
      // a browser lets a page sound only after the person has touched it
      this.sound?.close();
      this.sound = this.sound ? null : Object.freeze(new AudioContext());
      if (this.sound) ring(this.sound, 4);
    },
    ageAt(ms) {
      this.tick;
      return age(this.texts, (now() - ms) / 1000);
    },
    ageOf(one) {
      this.tick;
      return age(this.texts, (now() - one.opened_ms) / 1000);
    },
  },
};

// The graver the level, the more tones: four for red, one for blue.
function ring(context, level) {
  for (let n = 0; n < 5 - level; n++) {
    const at = context.currentTime + 0.28 * n;
    const tone = new OscillatorNode(context, { frequency: 880 - 90 * level });
    const gain = new GainNode(context, { gain: 0.15 });
    tone.connect(gain).connect(context.destination);
    tone.start(at);
    tone.stop(at + 0.18);
  }
}
