// Counting detectors at any cut, as LayerResult.summary does. `layer` is a table of data/report.js.
"use strict";

// The label's score, 0 without one.
function labelScore(layer, unit) {
  return layer.label[unit] < 0 ? 0 : layer.score[unit][layer.label[unit]];
}

// The label's concept, undefined without one.
function labelConcept(report, layer, unit) {
  return report.concepts[layer.label[unit] < 0 ? -1 : layer.concept[unit][layer.label[unit]]];
}

// Per category of the layer its detectors, counted by label and by category, and by label those of each concept.
function countDetectors(report, layer, cut) {
  const counts = layer.categories.map(() => ({ byLabel: new Map(), byCategory: new Map() }));
  const add = (map, name) => map.set(name, (map.get(name) || 0) + 1);
  for (let unit = 0; unit < layer.units; unit++) {
    layer.score[unit].forEach((score, place) => {
      if (!(score > cut)) return;
      const { name } = report.concepts[layer.concept[unit][place]];
      add(counts[place].byCategory, name);
      if (layer.label[unit] === place) add(counts[place].byLabel, name);
    });
  }
  return counts.map(({ byLabel, byCategory }, place) => ({
    category: layer.categories[place],
    concepts: [...byLabel].sort(([a, many], [b, more]) => more - many || (a < b ? -1 : 1)),
    byLabel: { detectors: total(byLabel), unique: byLabel.size },
    byCategory: { detectors: total(byCategory), unique: byCategory.size },
  }));
}

function total(counts) {
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
}

function sumOver(rows, way, what) {
  return rows.reduce((sum, row) => sum + row[way][what], 0);
}

// Units by falling score of their label, those without one last: the place of each is its rank.
function unitsByScore(layer) {
  const units = Array.from({ length: layer.units }, (_, unit) => unit);
  return units.sort((a, b) => labelScore(layer, b) - labelScore(layer, a) || a - b);
}
