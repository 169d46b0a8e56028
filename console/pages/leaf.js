// One thing on a page of its own: what is known of it, what may be done, tables and curves.
import { Chart } from "lifeline-console/chart.js";

export default {
  components: { Chart },
  template: `
    <section class="ll-leaf" id="content" tabindex="-1" :data-leaf="leaf.id">
      <div v-if="leaf.title" class="ll-filters"><h1>{{ leaf.title }}</h1><span v-if="leaf.chip" class="ll-chip">{{ leaf.chip }}</span><span>{{ leaf.sub }}</span>
        <button v-if="leaf.tables.length" type="button" class="ll-link-button" data-csv @click="$emit('csv')">CSV</button>
        <button v-if="leaf.pictures.length" type="button" class="ll-link-button" data-png @click="png">PNG</button></div>
      <p v-if="leaf.hint" class="ll-hint">{{ leaf.hint }}</p>
      <div v-if="leaf.actions.length" class="ll-leaf-acts">
        <textarea v-if="leaf.version != null" class="ll-note" rows="1" maxlength="2000" v-model="note" :aria-label="texts['detail.note']" :placeholder="texts['detail.note']"></textarea>
        <label v-if="leaf.number">{{ leaf.number }} <input type="number" inputmode="numeric" min="0" max="1000000" v-model.number="number" data-number /></label>
        <div class="ll-actions"><button v-for="one in leaf.actions" :key="one.action" type="button" :class="{ main: one.main }" :data-action="one.action" @click="choose(one)">{{ one.label }}</button></div>
        <div v-if="asked" class="ll-dialog" role="alertdialog" :aria-label="asked.label"><p>{{ asked.confirm }}</p>
          <div class="ll-actions"><button type="button" class="main" data-confirm @click="act(asked)">{{ texts["act.yes"] }}</button><button type="button" @click="asked = null">{{ texts["act.no"] }}</button></div></div>
      </div>
      <dl class="ll-facts"><template v-for="fact in leaf.facts" :key="fact.label"><dt>{{ fact.label }}</dt><dd><a v-if="fact.href" :href="fact.href">{{ fact.text }}</a><template v-else>{{ fact.text }}</template></dd></template></dl>
      <div v-if="leaf.pictures.length" class="ll-leaf-pictures"><Chart v-for="(picture, i) in leaf.pictures" :key="leaf.id + i" ref="charts" :options="picture" /></div>
      <section v-for="table in leaf.tables" :key="table.title"><h2>{{ table.title }}</h2>
        <p v-if="!table.rows.length" class="ll-quiet">{{ texts["list.none"] }}</p>
        <div v-else class="ll-sheet-scroll" tabindex="0" role="region" :aria-label="table.title"><table class="ll-sheet"><thead><tr><th v-for="word in table.columns" :key="word" scope="col">{{ word }}</th></tr></thead>
          <tbody><tr v-for="(row, i) in table.rows" :key="i"><td v-for="(cell, k) in row" :key="k"><a v-if="cell && cell.href" :href="cell.href">{{ cell.text }}</a><template v-else>{{ cell }}</template></td></tr></tbody></table></div></section>
    </section>`,
  props: { texts: Object, leaf: Object },
  emits: ["act", "csv"],
  data: () => ({ note: "", number: null, asked: null }),
  methods: {
    choose(one) {
      if (one.confirm) this.asked = one;
      else this.act(one);
    },
    act(one) {
      this.$emit("act", { action: one.action, version: this.leaf.version, note: this.note.trim(), number: this.number });
      this.asked = null;
    },
    png() {
      this.$refs.charts.forEach((chart, i) => chart.save(`${this.leaf.id}${i ? "-" + (i + 1) : ""}.png`));
    },
    written() {
      this.note = "";
      this.number = null;
    },
  },
};
