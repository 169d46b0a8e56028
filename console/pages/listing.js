// A table with filters that stand in the address: rows come from the server, page by page.
import { badge } from "lifeline-console";
import { sample } from "lifeline-console/symbols.js";

export default {
  template: `
    <section class="ll-listing" id="content" tabindex="-1">
      <div class="ll-filters">
        <h1>{{ title }}</h1>
        <button v-if="csv" type="button" class="ll-link-button" data-csv @click="$emit('csv')">{{ csv }}</button>
        <label v-for="one in filters" :key="one.key"><span>{{ one.label }}</span>
          <input v-if="!one.options" type="search" maxlength="64" v-model="typed[one.key]" :data-filter="one.key"
            @change="$emit('filter', { key: one.key, value: typed[one.key] })" />
          <select v-else :value="one.value" :data-filter="one.key" @change="$emit('filter', { key: one.key, value: $event.target.value })">
            <option v-for="choice in one.options" :key="choice.value" :value="choice.value">{{ choice.label }}</option></select></label>
      </div>
      <p v-if="hint" class="ll-hint">{{ hint }}</p>
      <div class="ll-scroll" tabindex="0">
        <table><thead><tr><th v-for="column in columns" :key="column.key" scope="col">{{ column.label }}</th></tr></thead>
          <tbody><tr v-for="row in rows" :key="row.id" :data-row="row.id">
            <td v-for="column in columns" :key="column.key" :data-label="column.label" :class="{ none: !row[column.key] }">
              <a v-if="column.kind === 'link'" :href="row.href">{{ row[column.key] }}</a>
              <span v-else-if="column.kind === 'level'" class="ll-cell"><span v-if="row.level" v-html="badge(row.level, 20)"></span>{{ row[column.key] }}</span>
              <span v-else-if="column.kind === 'sensor'" class="ll-cell"><span v-html="sample(row.state)"></span>{{ row[column.key] }}</span>
              <template v-else>{{ row[column.key] }}</template>
            </td></tr></tbody></table>
        <p v-if="!rows.length" class="ll-empty">{{ empty }}</p>
        <button v-if="more" type="button" class="ll-more" @click="$emit('more')">{{ older }}</button>
      </div>
    </section>`,
  props: { title: String, columns: Array, rows: Array, filters: Array, more: Boolean, older: String, empty: String, csv: String, hint: String },
  emits: ["filter", "more", "csv"],
  data() {
    return { typed: Object.fromEntries(this.filters.filter((one) => !one.options).map((one) => [one.key, one.value])) };
  },
  methods: { badge, sample },
};
