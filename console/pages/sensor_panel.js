// One sensor beside the map: how it stands and its last day.
import { Chart } from "lifeline-console/chart.js";

export default {
  components: { Chart },
  template: `
    <aside v-if="sensor" class="ll-detail" :aria-label="sensor.name" :data-sensor="sensor.id" @keydown.esc="$emit('close')">
      <div class="ll-detail-head">
        <div><h2>{{ sensor.name }}</h2><p>{{ sensor.id }} · {{ sensor.place }}</p>
          <p><span class="ll-chip" :class="{ cleared: sensor.good }">{{ sensor.state }}</span></p></div>
        <button type="button" class="ll-close" :aria-label="texts['detail.close']" @click="$emit('close')">×</button>
      </div>
      <section><dl class="ll-facts"><template v-for="fact in sensor.facts" :key="fact.label">
        <dt>{{ fact.label }}</dt><dd class="wide">{{ fact.text }}</dd></template></dl></section>
      <section><h3>{{ texts["sensor.day"] }}</h3><Chart :options="sensor.picture" /><a :href="sensor.href">{{ texts["sensor.page"] }}</a></section>
    </aside>`,
  props: { texts: Object, sensor: Object },
  emits: ["close"],
};
