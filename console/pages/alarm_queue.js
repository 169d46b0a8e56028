// The list of live alarms: gravest first, newest first within a level; ages tick here, rows keep focus when data change.
import { age, badge, now, say } from "lifeline-console";

export default {
  template: `
    <section class="ll-queue" :aria-label="texts['queue.title']">
      <div class="ll-queue-head">
        <h2>{{ texts["queue.title"] }}<span class="ll-count">{{ alarms.length }}</span></h2>
        <div role="group">
          <button type="button" :aria-pressed="!onlyOpen" @click="onlyOpen = false">{{ texts["queue.all"] }}</button>
          <button type="button" :aria-pressed="onlyOpen" @click="onlyOpen = true">{{ texts["queue.open"] }}
            <span v-if="open" class="ll-count">{{ open }}</span></button>
        </div>
      </div>
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
          <button v-if="one.state === 'open'" type="button" class="ll-acknowledge"
            :aria-label="texts['queue.acknowledge'] + ' ' + one.title"
            @click="$emit('acknowledge', { id: one.id, version: one.version })">{{ texts["queue.acknowledge"] }}</button>
        </li>
      </ul>
    </section>`,
  props: { texts: Object, alarms: Array, selected: Number },
  emits: ["select", "acknowledge"],
  data: () => ({ onlyOpen: false, tick: 0 }),
  computed: {
    open() {
      return this.alarms.filter((one) => one.state === "open").length;
    },
    shown() {
      return this.onlyOpen ? this.alarms.filter((one) => one.state === "open") : this.alarms;
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
    ageOf(one) {
      this.tick;
      return age(this.texts, (now() - one.opened_ms) / 1000);
    },
  },
};
