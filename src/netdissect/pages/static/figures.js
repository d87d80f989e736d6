// The figures of the front page and of units.
"use strict";

// Detectors per concept, grouped and colored by category; each bar leads to its units.
const BARS = { step: 19, gap: 14, left: 40, top: 20, height: 150, narrowest: 320 };

function drawBars(report, rows) {
  const groups = rows.filter((row) => row.concepts.length);
  if (!groups.length) return element("p", { class: "soft" }, "No unit is a detector at this cut.");
  const { step, gap, left, top, height, narrowest } = BARS,
    base = top + height;
  const all = groups.flatMap((row) => row.concepts);
  const most = Math.max(...all.map(([, count]) => count));
  const longest = Math.max(...all.map(([name]) => Math.min(20, name.length)));
  const drawn = countAxis(most, left - 4, top, height);
  let x = left;
  for (const row of groups) {
    for (const [concept, count] of row.concepts) {
      drawn.push(bar(concept, report.categories[row.category], count, x, base, (height * count) / most));
      x += step;
    }
    x += gap;
  }
  const width = Math.max(narrowest, x + 5 * longest + 10);
  const { marks, bottom } = legend(
    groups.map((row) => report.categories[row.category]),
    left,
    base + 30 + 5 * longest,
    width,
  );
  return svg(width, bottom, "Detectors per concept", ...drawn, ...marks);
}

function bar(concept, { name: category, color }, count, x, base, tall) {
  const wide = BARS.step - 4,
    told = `${isolated(concept)} (${isolated(category)}): ${plural(count, "detector")}`;
  const link = drawing(
    "a",
    { class: "bar", "aria-label": told },
    drawing("title", {}, told),
    drawing("rect", { x, y: base - tall, width: wide, height: tall, rx: 1.5, fill: color }),
    words(counted(count), x + wide / 2, base - tall - 4, {
      "text-anchor": "middle",
      class: "small",
      "aria-hidden": "true",
    }),
    drawing(
      "text",
      { transform: `translate(${x + 3} ${base + 12}) rotate(45)`, "aria-hidden": "true" },
      shortened(concept, 20),
    ),
  );
  leadTo(link, { concept, category, detectors: 1, text: "", unit: "" });
  link.addEventListener("click", (event) => {
    if (event.defaultPrevented) document.getElementById("units-heading").scrollIntoView();
  });
  return link;
}

// How many units have which score, by the category of their label. The slider of the cut is as wide as the axis.
const DISTRIBUTION = { left: 40, right: 12, top: 8, height: 110, widest: 560, bins: 50 };

// The largest score shown.
function distributionReach(layer) {
  let most = 0;
  for (let unit = 0; unit < layer.units; unit++) most = Math.max(most, labelScore(layer, unit));
  return Math.min(1, Math.max(0.1, Math.ceil(most * 20) / 20));
}

function drawDistribution(report, layer, cut, room) {
  const { left, right, top, height, widest, bins } = DISTRIBUTION;
  const width = Math.min(widest, room),
    axis = width - left - right,
    base = top + height;
  const reach = distributionReach(layer),
    { counts, unnamed } = binned(layer, bins, reach);
  const most = Math.max(1, ...counts.map((bin) => bin.reduce((sum, count) => sum + count, 0)));
  const drawn = [line(left, base, width - right, base), ...countAxis(most, left - 4, top, height, 3)];
  counts.forEach((bin, place) => {
    const from = ((place * reach) / bins).toFixed(3),
      to = (((place + 1) * reach) / bins).toFixed(3);
    let y = base;
    bin.forEach((count, category) => {
      if (!count) return;
      const tall = (height * count) / most,
        { name, color } = report.categories[layer.categories[category]];
      y -= tall;
      const rect = {
        x: left + (place * axis) / bins,
        y,
        width: Math.max(1, axis / bins - 1),
        height: tall,
        fill: color,
      };
      drawn.push(titled(`${isolated(name)}, ${report.score.title} ${from} to ${to}: ${plural(count, "unit")}`, drawing("rect", rect)));
    });
  });
  const at = (score) => left + axis * Math.min(1, score / reach);
  drawn.push(
    ...ticks(reach, 6).map((score) => words(score, at(score), base + 15, { "text-anchor": "middle", class: "small" })),
  );
  drawn.push(line(at(cut), top - 6, at(cut), base + 3, { class: "cut-line" }));
  const label = `${report.score.title} of the labels of ${plural(layer.units - unnamed, "unit")}${unnamed ? `; ${unnamed} have no label` : ""}`;
  return svg(width, base + 20, label, ...drawn);
}

// Per bin and category the units whose label has a score there, and how many have no label.
function binned(layer, bins, reach) {
  const counts = Array.from({ length: bins }, () => layer.categories.map(() => 0));
  let unnamed = 0;
  for (let unit = 0; unit < layer.units; unit++) {
    if (layer.label[unit] < 0) unnamed++;
    else counts[Math.min(bins - 1, Math.floor((bins * labelScore(layer, unit)) / reach))][layer.label[unit]]++;
  }
  return { counts, unnamed };
}

// Which share of the units is a detector of each category.
function drawShares(report, layer, rows, room) {
  const width = Math.min(DISTRIBUTION.widest, room),
    height = 26;
  const parts = rows.map((row) => [report.categories[row.category], row.byLabel.detectors]);
  parts.push([{ name: "no detector", color: "var(--line)" }, layer.units - sumOver(rows, "byLabel", "detectors")]);
  const shown = parts.filter(([, count]) => count);
  let x = 0;
  const drawn = shown.map(([{ name, color }, count]) => {
    const wide = (width * count) / layer.units;
    const told = `${isolated(name)}: ${plural(count, "unit")}, ${((100 * count) / layer.units).toPrecision(3)} %`;
    x += wide;
    return titled(told, drawing("rect", { x: x - wide, y: 0, width: Math.max(0.5, wide - 1), height, fill: color }));
  });
  const named = shown.map(([{ name, color }, count]) => ({
    name,
    color,
    share: ` ${Math.round((100 * count) / layer.units)} %`,
  }));
  const { marks, bottom } = legend(named, 0, height + 16, width);
  return svg(width, bottom, "Share of units per category", ...drawn, ...marks);
}

// Unique detectors per category over the layers of each run; `counts` has rows for each layer of the report.
const CURVE = { left: 44, height: 170, apart: 40, narrowest: 420 };

function drawCurve(report, counts) {
  const { left, height, apart, narrowest } = CURVE,
    several = report.runs.length > 1,
    top = several ? 30 : 14,
    base = top + height;
  const step = Math.max(54, Math.min(130, 640 / report.layers.length));
  const unique = (place, category) => counts[place].find((row) => row.category === category)?.byCategory.unique ?? 0;
  const used = report.categories
    .map((_, category) => category)
    .filter((category) => counts.some((_, place) => unique(place, category)));
  const most = Math.max(1, ...counts.flatMap((_, place) => used.map((category) => unique(place, category))));
  const places = layerPlaces(report, left + 12, step, apart),
    end = places[places.length - 1];
  const drawn = [...countAxis(most, left - 4, top, height, 5), line(left - 4, base, end + 12, base)];
  for (const category of used) {
    const { name, color } = report.categories[category];
    const points = report.layers.map((layer, place) => ({
      layer,
      x: places[place],
      count: unique(place, category),
      y: base - (height * unique(place, category)) / most,
    }));
    report.runs.forEach((_, run) => {
      const own = points.filter(({ layer }) => layer.run === run).map(({ x, y }) => `${x},${y}`);
      drawn.push(drawing("polyline", { points: own.join(" "), fill: "none", stroke: color, "stroke-width": 2 }));
    });
    drawn.push(
      ...points.map(({ layer, x, y, count }) =>
        titled(
          `${isolated(layer.id)}, ${isolated(name)}: ${counted(count)} unique`,
          drawing("circle", { cx: x, cy: y, r: 4, fill: color }),
        ),
      ),
    );
  }
  drawn.push(
    ...report.layers.map((layer, place) =>
      leadTo(
        drawing(
          "a",
          { "aria-label": isolated(layer.id) },
          drawing(
            "text",
            { transform: `translate(${places[place] - 3} ${base + 16}) rotate(25)`, "aria-hidden": "true" },
            shortened(layer.layer, 22),
          ),
        ),
        { layer: layer.id, concept: "", unit: "" },
      ),
    ),
  );
  if (several)
    drawn.push(
      ...report.runs.map(({ name }, run) => {
        const [x, next] = [run, run + 1].map((one) => places[report.layers.findIndex((layer) => layer.run === one)]);
        const letters = Math.min(30, Math.floor(((next ?? Infinity) - x) / BOLD_LETTER));
        return words(shortened(name, letters), x, top - 12, { "font-weight": "bold" });
      }),
    );
  const width = Math.max(narrowest, end + 130);
  const names = base + 26 + 3 * Math.max(...report.layers.map((layer) => Math.min(22, layer.layer.length)));
  const { marks, bottom } = legend(
    used.map((category) => report.categories[category]),
    left,
    names,
    width,
  );
  return svg(width, bottom, "Unique detectors per category over layers", ...drawn, ...marks);
}

// How wide a letter of a run's name is, at most on average.
const BOLD_LETTER = 8;

// Where layers stand along the curve, runs apart.
function layerPlaces(report, start, step, apart) {
  let x = start - step;
  return report.layers.map((layer, place) => {
    x += step + (place && layer.run !== report.layers[place - 1].run ? apart : 0);
    return x;
  });
}

// How often which activation of a unit occurs, on a scale of powers of ten, with the threshold.
const ACTIVATIONS = { left: 6, top: 18, width: 420, height: 120 };

function drawActivations({ threshold, low, high, start, width, counts }) {
  const { left, top, width: wide, height } = ACTIVATIONS,
    base = top + height,
    step = wide / counts.length;
  const most = Math.log10(1 + Math.max(1, ...counts));
  const bars = counts.map((count, place) => {
    const tall = (height * Math.log10(1 + count)) / most,
      from = start + place * width;
    return count
      ? titled(
          `${from.toPrecision(4)} to ${(from + width).toPrecision(4)}: ${counted(count)}`,
          drawing("rect", {
            x: left + place * step,
            y: base - tall,
            width: Math.max(1, step - 1),
            height: tall,
            class: "count",
          }),
        )
      : null;
  });
  const x = left + wide * Math.max(0, Math.min(1, (threshold - start) / (width * counts.length || 1)));
  const right = x > left + wide / 2;
  return svg(
    wide + 2 * left,
    base + 22,
    "Histogram of activations",
    ...bars.filter(Boolean),
    line(left, base, left + wide, base),
    line(x, 6, x, base, { class: "cut-line" }),
    words(`T = ${threshold}`, x + (right ? -5 : 5), 14, { "text-anchor": right ? "end" : "start" }),
    words(low, left, base + 16, { class: "small" }),
    words(high, left + wide, base + 16, { class: "small", "text-anchor": "end" }),
  );
}
