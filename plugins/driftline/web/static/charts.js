// Draws the lines of the page's data block with uPlot. The tables beside the charts say the same without a script.
(() => {
  const block = document.getElementById("drawn");
  if (!block) return;
  const { charts, marks } = JSON.parse(block.textContent);
  const probe = document.createElement("span");
  probe.hidden = true;
  document.body.append(probe);
  // Asking the browser lays the page out anew: each colour is asked for once, until the theme changes.
  const known = new Map();
  const color = (name) => {
    if (!known.has(name)) {
      probe.style.color = `var(--${name})`;
      known.set(name, getComputedStyle(probe).color);
    }
    return known.get(name);
  };
  const faded = (rgb, share) => rgb.replace("rgb(", "rgba(").replace(")", `, ${share})`);
  const HUES = ["first", "second-hue", "third"];
  const MARKS = { route: "soft", rollback: "critical", incident: "high", resolved: "good", baseline: "link", experiment: "medium" };
  const number = (value, unit) => {
    if (value === null || value === undefined) return "–";
    if (unit === "share") return `${(value * 100).toFixed(Math.abs(value) < 0.01 ? 2 : 1)}%`;
    if (unit === "ms") return `${Math.round(value).toLocaleString("en")} ms`;
    if (unit === "count") return Math.round(value).toLocaleString("en");
    return Number(value.toPrecision(4)).toString();
  };
  const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
  const hour = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
  const ticks = (_, at, __, ___, step) => at.map((each) => {
    const date = new Date(each * 1000);
    return step < 86400 && (date.getHours() || date.getMinutes()) ? hour.format(date) : day.format(date);
  });
  const times = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", timeZoneName: "short" });

  // Each value's own interval is drawn as a ribbon between two lines without a stroke.
  const shapeOf = (chart) => {
    const data = [chart.moments];
    const series = [{ label: "Window's end", value: (_, at) => (at === null ? "–" : times.format(new Date(at * 1000))) }];
    const bands = [];
    for (const line of chart.lines) {
      const ink = line.kind === "reference" ? color("soft") : line.kind === "limit" ? color("high") : color(HUES[line.hue % 3]);
      const isEstimate = line.kind === "estimated";
      const isMeasured = line.kind === "realised" || isEstimate;
      series.push({
        label: line.label,
        stroke: ink,
        width: isMeasured ? 1.6 : 1,
        dash: isEstimate ? [5, 4] : line.kind === "limit" ? [2, 3] : line.kind === "reference" ? [8, 3] : undefined,
        spanGaps: !isMeasured,
        points: { show: (plot) => isMeasured && chart.moments.length < 200 && plot.width / chart.moments.length > 4, size: 5, stroke: ink,
          fill: ink, filter: null },
        value: (_, value, __, place) => {
          if (place === null || place === undefined || value === null || value === undefined) return "–";
          const low = line.low[place], high = line.high[place];
          const interval = low === null || low === undefined || high === null || high === undefined ? "" : ` (${number(low, chart.unit)} to ${number(high, chart.unit)})`;
          const soft = line.soft[place] ? (isEstimate ? " not trusted" : " provisional") : "";
          return number(value, chart.unit) + interval + soft;
        },
      });
      data.push(line.values);
    }
    for (const line of chart.lines) {
      if (!line.low.some((value) => value !== null)) continue;
      const ink = color(HUES[line.hue % 3]);
      for (const edge of [line.high, line.low]) {
        series.push({ label: "", class: "edge", stroke: "transparent", width: 0, points: { show: false }, value: () => "" });
        data.push(edge.map((value, place) => (line.values[place] === null ? null : value)));
      }
      bands.push({ series: [series.length - 2, series.length - 1], fill: faded(ink, line.kind === "estimated" ? 0.1 : 0.18) });
    }
    return { data, series, bands };
  };

  const drawMarks = (plot) => {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.lineWidth = devicePixelRatio;
    for (const mark of marks) {
      if (mark.at < plot.scales.x.min || mark.at > plot.scales.x.max) continue;
      const x = Math.round(plot.valToPos(mark.at, "x", true));
      ctx.strokeStyle = ctx.fillStyle = color(MARKS[mark.kind] || "soft");
      ctx.globalAlpha = 0.75;
      ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      ctx.setLineDash([]);
      ctx.beginPath();
      ctx.moveTo(x - 4 * devicePixelRatio, bbox.top);
      ctx.lineTo(x + 4 * devicePixelRatio, bbox.top);
      ctx.lineTo(x, bbox.top + 6 * devicePixelRatio);
      ctx.fill();
    }
    ctx.restore();
  };
  // Hollow points: labels are still expected, or the estimate is not trusted.
  const drawSoft = (chart) => (plot) => {
    const { ctx } = plot;
    if (plot.width / chart.moments.length <= 4) return;
    ctx.save();
    chart.lines.forEach((line, index) => {
      ctx.strokeStyle = color(HUES[line.hue % 3]);
      ctx.fillStyle = color("paper");
      ctx.lineWidth = 1.4 * devicePixelRatio;
      line.soft.forEach((isSoft, place) => {
        const value = line.values[place];
        if (!isSoft || value === null || !plot.series[index + 1].show) return;
        ctx.beginPath();
        ctx.arc(plot.valToPos(chart.moments[place], "x", true), plot.valToPos(value, "y", true), 2.6 * devicePixelRatio, 0, 7);
        ctx.fill();
        ctx.stroke();
      });
    });
    ctx.restore();
  };
  const note = (place) => {
    const element = document.createElement("p");
    element.className = "note soft";
    place.append(element);
    return (plot) => {
      const near = marks.filter((mark) => Math.abs(plot.valToPos(mark.at, "x") - plot.cursor.left) < 6);
      element.textContent = near.map((mark) => `${mark.kind}: ${mark.said}`).slice(0, 3).join(" · ");
    };
  };
  const zoom = (plot) => {
    if (plot.select.width < 8) return;
    const address = new URL(location.href);
    const stamp = (left) => new Date(Math.round(plot.posToVal(left, "x") / 3600) * 3600000).toISOString().slice(0, 16) + "Z";
    address.searchParams.delete("days");
    address.searchParams.set("from", stamp(plot.select.left));
    address.searchParams.set("to", stamp(plot.select.left + plot.select.width));
    location.assign(address);
  };

  const drawn = [];
  const draw = ({ place, width }) => {
    const chart = charts.find((each) => each.name === place.dataset.chart);
    if (!chart) return;
    place.replaceChildren();
    const { data, series, bands } = shapeOf(chart);
    const axis = { stroke: color("soft"), grid: { stroke: color("line"), width: 1 }, ticks: { stroke: color("line"), width: 1 }, font: "11px system-ui, sans-serif" };
    const told = note(place);
    const plot = new uPlot({
      width,
      height: place.dataset.chart === "performance" ? 240 : 150,
      series,
      bands,
      scales: { x: { time: true }, y: { range: (_, low, high) => padded(chart, low, high) } },
      axes: [{ ...axis, values: ticks }, { ...axis, size: 62, values: (_, values) => values.map((value) => number(value, chart.unit)) }],
      cursor: { sync: { key: "time" }, drag: { setScale: false, x: true, y: false } },
      legend: { live: true },
      hooks: { draw: [drawMarks, drawSoft(chart)], setCursor: [told], setSelect: [zoom] },
    }, data, place);
    // Without a pointer the legend says how it is now.
    const newest = { idx: chart.moments.length - 1 };
    setTimeout(() => plot.setLegend(newest));
    plot.over.addEventListener("mouseleave", () => setTimeout(() => plot.setLegend(newest)));
    drawn.push({ place, plot });
  };
  const padded = (chart, low, high) => {
    if (low === null || high === null) return [0, 1];
    const room = (high - low || Math.abs(high) || 1) * 0.08;
    const isFromZero = chart.name !== "performance";
    return [isFromZero ? 0 : low - room, high + room];
  };
  const all = () => {
    known.clear();
    drawn.splice(0).forEach(({ plot }) => plot.destroy());
    // All widths first: to ask for one after a chart has been put in would lay the page out again.
    [...document.querySelectorAll(".plot")].map((place) => ({ place, width: place.clientWidth })).forEach(draw);
    document.documentElement.dataset.drawn = String(drawn.length);
  };
  all();
  let asked = 0;
  addEventListener("resize", () => {
    cancelAnimationFrame(asked);
    asked = requestAnimationFrame(() => drawn.forEach(({ place, plot }) => plot.setSize({ width: place.clientWidth, height: plot.height })));
  });
  addEventListener("driftline-theme", all);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", all);
})();
