// The front page: shows what the view asks for.
"use strict";

class FrontPage {
  constructor(report) {
    this.report = report;
    this.grids = new Map();
    this.filter = document.getElementById("filter");
    this.cutForm = document.getElementById("cut");
    this.unitView = new UnitView(report, document.getElementById("unit"));
    this.drawn = { number: undefined, cut: undefined };
    this.listen();
    document.getElementById("content").hidden = false;
    this.show();
  }

  // What the view asks for: the layer, its place, and the cut; null is that of each layer's own run.
  asked() {
    const number = Math.max(
      0,
      this.report.layers.findIndex((layer) => layer.id === view.layer),
    );
    const cut = /^\d*\.?\d+(e-\d+)?$/.test(view.cut) && Number(view.cut) <= 1 ? Number(view.cut) : null;
    return { number, layer: this.report.layers[number], cut };
  }

  show() {
    const { number, layer, cut } = this.asked(),
      at = cut ?? layer.cut;
    const otherCut = this.drawn.cut !== cut,
      otherLayer = this.drawn.number !== number;
    this.drawn = { number, cut };
    if (otherCut) this.showAllLayers(cut);
    if (otherLayer) this.showLayer(number, layer);
    if (otherCut || otherLayer) this.showCounts(layer, at, cut);
    this.showFilter();
    const grid = this.grids.get(number);
    grid.show(document.getElementById("cards"), at);
    this.filter.querySelector("output").textContent = plural(grid.shown.length, "unit");
    if (/^\d+$/.test(view.unit) && Number(view.unit) < layer.units) this.unitView.show(grid, Number(view.unit));
    else this.unitView.close();
  }

  // Of a layer, at the cut: a figure's or a table's file is named so.
  fileName(what) {
    const { layer, cut } = this.asked();
    return `${layer.id}-${what}${cut === null ? "" : `-cut-${cut}`}`;
  }

  showAllLayers(cut) {
    const { layers } = this.report;
    if (layers.length < 2) return;
    const counts = layers.map((layer) => countDetectors(this.report, layer, cut ?? layer.cut));
    showFigure(
      document.getElementById("curve"),
      drawCurve(this.report, counts),
      () => `curve${cut === null ? "" : `-cut-${cut}`}`,
    );
    document.querySelectorAll(".tab").forEach((tab) => {
      tab.querySelector(".unique").textContent = `${sumOver(counts[tab.dataset.layer], "byCategory", "unique")} unique`;
    });
  }

  showLayer(number, layer) {
    document.querySelectorAll(".tab").forEach((tab) => {
      if (Number(tab.dataset.layer) === number) {
        tab.setAttribute("aria-current", "true");
        tab.parentElement.scrollLeft = tab.offsetLeft - tab.parentElement.offsetLeft - 20;
      } else {
        tab.removeAttribute("aria-current");
      }
    });
    document.getElementById("layer").textContent = layer.id;
    document.getElementById("words").textContent = layer.words;
    this.showChoices(layer);
    if (!this.grids.has(number)) this.grids.set(number, new UnitGrid(this.report, layer, number));
  }

  // The categories and the labels of the layer, to choose from.
  showChoices(layer) {
    const labels = new Map();
    for (let unit = 0; unit < layer.units; unit++) {
      const concept = labelConcept(this.report, layer, unit);
      if (concept) labels.set(concept.name, (labels.get(concept.name) || 0) + 1);
    }
    const option = (value, text) => element("option", { value }, text);
    const { category, concept } = this.filter.elements;
    category.replaceChildren(
      option("", "all"),
      ...layer.categories.map((place) => this.report.categories[place].name).map((name) => option(name, name)),
    );
    const names = [...labels].sort(([a], [b]) => a.localeCompare(b, "en"));
    concept.replaceChildren(
      option("", "all"),
      ...names.map(([name, count]) => option(name, `${shortened(name, 40)} (${count})`)),
    );
  }

  showCounts(layer, at, cut) {
    const rows = countDetectors(this.report, layer, at);
    const told = {
      detectors: sumOver(rows, "byLabel", "detectors"),
      "of-units": layer.units,
      unique: sumOver(rows, "byLabel", "unique"),
      "unique-every": sumOver(rows, "byCategory", "unique"),
    };
    for (const [id, count] of Object.entries(told)) document.getElementById(id).textContent = counted(count);
    document.getElementById("counts").tBodies[0].replaceChildren(
      ...rows.map((row) => {
        const { name, color } = this.report.categories[row.category];
        const counts = [row.byLabel.detectors, row.byLabel.unique, row.byCategory.detectors, row.byCategory.unique];
        return element(
          "tr",
          {},
          element("th", { scope: "row" }, dot(color), name),
          ...counts.map((count) => element("td", {}, counted(count))),
        );
      }),
    );
    this.showCut(layer, at, cut);
    const figure = (id) => document.getElementById(id),
      room = figure("distribution").clientWidth;
    showFigure(figure("distribution"), drawDistribution(this.report, layer, at, room), () =>
      this.fileName("distribution"),
    );
    showFigure(figure("shares"), drawShares(this.report, layer, rows, room), () => this.fileName("shares"));
    showFigure(figure("bars"), drawBars(this.report, rows), () => this.fileName("bars"));
  }

  showCut(layer, at, cut) {
    const { range, number } = this.cutForm.elements,
      back = this.cutForm.querySelector("button");
    range.max = distributionReach(layer);
    range.value = at;
    if (number !== document.activeElement) number.value = at;
    back.disabled = cut === null;
    back.textContent = `Back to ${layer.cut}`;
  }

  showFilter() {
    const { elements } = this.filter;
    for (const name of ["text", "category", "concept", "sort"]) {
      const field = elements[name];
      const known = !field.options || [...field.options].some((option) => option.value === view[name]);
      if (!known && name !== "sort") field.append(element("option", { value: view[name] }, shortened(view[name], 40))); // of another layer
      if (field.value !== view[name]) field.value = known || name !== "sort" ? view[name] : DEFAULTS.sort;
    }
    elements.detectors.checked = Boolean(view.detectors);
  }

  listen() {
    const { report, filter, cutForm } = this;
    window.addEventListener("view", () => this.show());
    document
      .querySelectorAll(".tab")
      .forEach((tab) => leadTo(tab, { layer: report.layers[tab.dataset.layer].id, concept: "", unit: "" }));
    filter.addEventListener("input", () => {
      const { text, category, concept, sort, detectors } = filter.elements;
      go({
        text: text.value,
        category: category.value,
        concept: concept.value,
        sort: sort.value,
        detectors: detectors.checked ? 1 : "",
      });
    });
    let frame = null;
    cutForm.addEventListener("input", ({ target }) => {
      cancelAnimationFrame(frame);
      if (target.value !== "" && target.validity.valid) frame = requestAnimationFrame(() => go({ cut: target.value }));
    });
    // What was typed and is no cut gives way to the cut.
    cutForm.addEventListener("change", ({ target }) => {
      if (!target.validity.valid || target.value === "") target.value = this.asked().cut ?? this.asked().layer.cut;
    });
    cutForm.querySelector("button").addEventListener("click", () => go({ cut: "" }));
    for (const form of [filter, cutForm]) form.addEventListener("submit", (event) => event.preventDefault());
    document
      .getElementById("save-counts")
      .addEventListener("click", () => saveTable(this.fileName("detectors"), this.countRows()));
    document
      .getElementById("save-units")
      .addEventListener("click", () => saveTable(this.fileName("units"), this.grids.get(this.asked().number).rows()));
  }

  // Detectors by category, of all layers, as rows of a table.
  countRows() {
    const { cut } = this.asked(),
      { report } = this;
    const rows = report.layers.flatMap((layer) =>
      countDetectors(report, layer, cut ?? layer.cut).map((row) => [
        layer.id,
        report.categories[row.category].name,
        row.byLabel.detectors,
        row.byLabel.unique,
        row.byCategory.detectors,
        row.byCategory.unique,
        cut ?? layer.cut,
      ]),
    );
    return [
      [
        "layer",
        "category",
        "detectors_by_label",
        "unique_by_label",
        "detectors_by_category",
        "unique_by_category",
        "iou_threshold",
      ],
      ...rows,
    ];
  }
}

netdissect
  .load("report")
  .then((report) => new FrontPage(report))
  .catch((error) => {
    document.getElementById("content").replaceWith(element("p", { class: "notes" }, error.message));
  });
