// One sensor's readings over a chosen time.
import { Chart } from "lifeline-console/chart.js";

export default {
  components: { Chart },
  template: `
    <section class="ll-plot">
      <div class="ll-filters"><h1>{{ sensor.name }}</h1>
        <div class="ll-choices" role="group" :aria-label="sensor.name">
          <button v-for="one in spans" :key="one.days" type="button" :aria-pressed="one.days === days" :data-days="one.days"
            @click="$emit('days', one.days)">{{ one.label }}</button></div>
        <a :href="csv" download>CSV</a><button type="button" class="ll-link-button" data-png @click="png">PNG</button></div>
      <p>{{ sensor.id }} · {{ sensor.place }} · <span class="ll-chip" :class="{ cleared: sensor.good }">{{ sensor.state }}</span></p>
      <dl class="ll-facts"><template v-for="fact in sensor.facts" :key="fact.label">
        <dt>{{ fact.label }}</dt><dd>{{ fact.text }}</dd></template></dl>
      <Chart ref="chart" :options="sensor.picture" />
    </section>`,
  props: { sensor: Object, spans: Array, days: Number, csv: String },
  emits: ["days"],
  methods: {
    png() {
      this.$refs.chart.save(`${this.sensor.id}-${this.days}d.png`);
    },
  },
};
