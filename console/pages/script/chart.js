// A curve picture that is updated in place. The library behind it is large: it comes with the first picture.
const library = () => import("nicegui-echart");

export const Chart = {
  template: `<div class="ll-chart" role="img" :aria-label="options.title?.text"></div>`,
  props: { options: Object },
  watch: {
    options(options) {
      this.own.chart?.setOption(options, { notMerge: true });
    },
  },
  created() {
    this.own = {};
  },
  async mounted() {
    const { echarts } = await library();
    if (this.own.gone) return;
    this.own.chart = echarts.init(this.$el);
    this.own.chart.setOption(this.options);
    this.own.observer = new ResizeObserver(() => this.own.chart.resize());
    this.own.observer.observe(this.$el);
  },
  methods: {
    save(name) {
      const href = this.own.chart.getDataURL({ type: "png", pixelRatio: 2, backgroundColor: "#ffffff" });
      Object.assign(document.createElement("a"), { href, download: name }).click();
    },
  },
  unmounted() {
    this.own.gone = true;
    this.own.observer?.disconnect();
    this.own.chart?.dispose();
  },
};
