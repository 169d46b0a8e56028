// One alarm beside the map. What the person types stays while the alarm is updated underneath.
import { badge, say } from "lifeline-console";
import { Chart } from "lifeline-console/chart.js";

export default {
  components: { Chart },
  template: `
    <aside v-if="alarm" class="ll-detail" :aria-label="alarm.number" :data-panel="alarm.id" @keydown.esc="$emit('close')">
      <div class="ll-detail-head">
        <span v-html="badge(alarm.level, 40)"></span>
        <div>
          <h2>{{ alarm.title }}</h2>
          <p>{{ texts["level.full." + alarm.level] }} · {{ alarm.place }} · {{ alarm.number }}</p>
          <p><span class="ll-chip" :class="alarm.state">{{ texts["state." + alarm.state] }}</span>
            <span v-if="alarm.cleared" class="ll-chip cleared">{{ texts["queue.cleared"] }}</span></p>
        </div>
        <button type="button" class="ll-close" :aria-label="texts['detail.close']" @click="$emit('close')">×</button>
      </div>
      <section v-if="message || alarm.actions.length">
        <p v-if="message" class="ll-message" role="alert">{{ message }}</p>
        <template v-if="alarm.actions.length">
          <textarea class="ll-note" rows="1" maxlength="2000" v-model="note" :aria-label="texts['detail.note']"
            :placeholder="texts['detail.note'] + ' · ' + texts['detail.note_hint']"></textarea>
          <div class="ll-actions">
            <button v-for="one in alarm.actions" :key="one.action" type="button" :class="{ main: one.main }"
              :data-action="one.action" :disabled="(one.action === 'note' || one.hours) && !note.trim()" :title="one.hours && !note.trim() ? texts['act.needs_reason'] : null" @click="choose(one)">{{ one.label }}</button>
          </div>
        </template>
      </section>
      <section v-if="asked" class="ll-dialog" role="alertdialog" :aria-label="asked.label">
        <label v-if="asked.hours">{{ texts["act.shelve_until"] }}
          <select v-model.number="hours"><option v-for="n in [1, 4, 12, 24]" :key="n" :value="n">{{ say(texts["age.hours"], { n }) }}</option></select></label>
        <p v-else>{{ asked.confirm }}</p>
        <div class="ll-actions">
          <button type="button" class="main" data-confirm @click="act(asked)">{{ texts["act.yes"] }}</button>
          <button type="button" @click="asked = null">{{ texts["act.no"] }}</button>
        </div>
      </section>
      <section><dl class="ll-facts"><template v-for="fact in alarm.facts" :key="fact.label">
        <dt :class="{ wide: fact.wide }">{{ fact.label }}</dt><dd :class="{ wide: fact.wide }">{{ fact.text }} <small v-if="fact.small">{{ fact.small }}</small></dd></template></dl>
        <p v-if="alarm.links.length" class="ll-links"><a v-for="one in alarm.links" :key="one.href" :href="one.href">{{ one.label }}</a></p></section>
      <section v-if="alarm.pictures.length || alarm.candidates.length || alarm.rule">
        <h3>{{ texts["detail.why"] }}</h3>
        <Chart v-for="(picture, i) in alarm.pictures" :key="alarm.id + '/' + i" :options="picture" />
        <dl class="ll-facts"><template v-if="alarm.rule"><dt>{{ texts["detail.reason"] }}</dt><dd class="wide">{{ alarm.rule }}</dd></template></dl>
        <template v-if="alarm.candidates.length">
          <h3 style="margin-top: 10px">{{ texts["detail.candidates"] }}</h3>
          <table class="ll-table"><tr v-for="one in alarm.candidates" :key="one.id">
            <td>{{ one.id }}</td><td><span class="ll-share" :style="{ width: width(one) }"></span>{{ one.percent }}%</td></tr></table>
        </template>
      </section>
      <section v-if="alarm.calls.length"><h3>{{ texts["detail.calls"] }}</h3>
        <table class="ll-table"><tr v-for="(one, i) in alarm.calls" :key="i"><th>{{ one.at }}</th><td>{{ one.who }}</td><td>{{ one.answer }}</td></tr></table></section>
      <section v-if="alarm.photos.length"><h3>{{ texts["detail.photos"] }}</h3>
        <div class="ll-photos"><a v-for="one in alarm.photos" :key="one.id" :href="'/api/v1/photos/' + one.id" target="_blank" rel="noopener">
          <img :src="'/api/v1/photos/' + one.id" :alt="one.alt" loading="lazy" /></a></div></section>
      <section><h3>{{ texts["detail.notices"] }}</h3>
        <p v-if="!alarm.notices.length" style="margin: 0">{{ texts["detail.no_notices"] }}</p>
        <table v-else class="ll-table"><tr v-for="one in alarm.notices" :key="one.id" :data-notice="one.state">
          <th>{{ one.at }}</th><td>{{ one.to }}</td><td><b v-if="one.state !== 'delivered'">{{ one.word }}</b><template v-else>{{ one.word }}</template>
            <br v-if="one.trouble" />{{ one.trouble }}</td></tr></table></section>
      <section><h3>{{ texts["detail.history"] }}</h3>
        <ol class="ll-history"><li v-for="(one, i) in alarm.history" :key="alarm.history.length - i">
          <time>{{ one.at }}</time><span><b>{{ one.what }}</b> · {{ one.who }}</span><q v-if="one.note">{{ one.note }}</q></li></ol></section>
      <section v-if="alarm.provisions.length"><h3>{{ texts["detail.provision"] }}</h3>
        <p v-for="one in alarm.provisions" :key="one.article" class="ll-provision" lang="zh"><b>{{ one.article }}</b>{{ one.words }}</p>
        <small>{{ texts["detail.decision"] }}</small></section>
    </aside>`,
  props: { texts: Object, alarm: Object, message: String },
  emits: ["close", "act"],
  data: () => ({ note: "", asked: null, hours: 4 }),
  watch: {
    "alarm.id"() {
      this.note = "";
      this.asked = null;
    },
    "alarm.version"() {
      this.asked = null;
    },
  },
  methods: {
    badge,
    say,
    choose(one) {
      if (one.confirm || one.hours) this.asked = one;
      else this.act(one);
    },
    act(one) {
      this.$emit("act", {
        id: this.alarm.id, version: this.alarm.version, action: one.action, note: this.note.trim(),
        hours: one.hours ? this.hours : null,
      });
      this.asked = null;
    },
    written() {
      this.note = "";
    },
    width({ share }) {
      const greatest = Math.max(...this.alarm.candidates.map((one) => one.share), 1e-9);
      return `${Math.round((120 * share) / greatest)}px`;
    },
  },
};
