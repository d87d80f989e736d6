// The grid of units: a card each, filtered and sorted.
"use strict";

// Cards of one layer. Made once; which are shown, and in what order, follows the view.
class UnitGrid {
  constructor(report, layer, number) {
    this.report = report;
    this.layer = layer;
    this.number = number;
    this.byScore = unitsByScore(layer);
    this.rank = new Map(this.byScore.map((unit, place) => [unit, place + 1]));
    this.shown = [];
    this.cards = new Map(this.byScore.map((unit) => [unit, this.card(unit)]));
    this.watcher = new ShotWatcher((card) => ({
      layer: number,
      unit: Number(card.dataset.unit),
      chunk: report.chunk,
      shape: layer.shape,
    }));
    this.cards.forEach((card) => this.watcher.watch(card));
  }

  concept(unit) {
    return labelConcept(this.report, this.layer, unit);
  }

  category(concept) {
    return this.report.categories[concept.category];
  }

  card(unit) {
    const { layer } = this,
      concept = this.concept(unit);
    const number = leadTo(element("a", { class: "number" }, `unit ${unit}`), { layer: layer.id, unit });
    const head = concept ? this.label(unit, concept) : [element("span", { class: "concept none" }, "no label")];
    const below = concept ? "" : layer.silent[unit] || "overlaps no concept";
    const color = concept ? this.category(concept).color : "var(--line)";
    return element(
      "article",
      { class: "card", "data-unit": unit, style: `--category:${color}`, click: (event) => this.open(event, unit) },
      element("h4", {}, number, ...head),
      element("p", { class: "also" }, below),
      element("div", { class: "shots" }),
    );
  }

  label(unit, concept) {
    const { layer } = this,
      rank = this.rank.get(unit);
    return [
      element("a", { class: "concept", href: `concepts/${concept.page}` }, concept.name),
      element("span", { class: "soft" }, this.category(concept).name),
      element("span", { class: "soft", title: `Rank ${rank} of ${layer.units} by ${this.report.score.title}` }, `#${rank}`),
      element(
        "span",
        { class: "score", title: `No mask of this area could exceed ${layer.ceiling[unit].toFixed(3)}` },
        `${this.report.score.title} ${labelScore(layer, unit).toFixed(3)}`,
      ),
    ];
  }

  // A click anywhere on a card, but on a link, opens the unit.
  open(event, unit) {
    if (!event.target.closest("a") && !String(getSelection())) go({ layer: this.layer.id, unit }, true);
  }

  // The best concepts of other categories that pass the cut: [concept, score].
  others(unit, cut) {
    const { layer, report } = this;
    return layer.score[unit].flatMap((score, place) =>
      place !== layer.label[unit] && score > cut ? [[report.concepts[layer.concept[unit][place]], score]] : [],
    );
  }

  fits(unit, { text, category, concept: name, detectors }, cut) {
    const concept = this.concept(unit),
      wanted = text.trim().toLowerCase();
    if (detectors && !(labelScore(this.layer, unit) > cut)) return false;
    if (category && (!concept || this.category(concept).name !== category)) return false;
    if (name && concept?.name !== name) return false;
    if (!wanted || String(unit) === wanted || `unit ${unit}` === wanted) return true;
    const names = [concept?.name ?? "", ...this.others(unit, cut).map(([other]) => other.name)];
    return names.some((one) => one.toLowerCase().includes(wanted));
  }

  // All units, in the order asked for.
  sorted(sort) {
    if (sort === "unit") return [...this.byScore].sort((a, b) => a - b);
    if (sort !== "concept") return this.byScore;
    const name = (unit) => this.concept(unit)?.name;
    const unnamed = this.byScore.filter((unit) => name(unit) === undefined);
    const named = this.byScore.filter((unit) => name(unit) !== undefined);
    return [...named.sort((a, b) => name(a).localeCompare(name(b), "en")), ...unnamed];
  }

  show(place, cut) {
    if (cut !== this.cut) this.recut(cut);
    const shown = this.sorted(view.sort).filter((unit) => this.fits(unit, view, cut));
    const same =
      place.dataset.layer === this.layer.id &&
      shown.length === this.shown.length &&
      shown.every((unit, at) => unit === this.shown[at]);
    if (same) return;
    this.shown = shown;
    place.dataset.layer = this.layer.id;
    place.replaceChildren(...shown.map((unit) => this.cards.get(unit)));
  }

  recut(cut) {
    this.cut = cut;
    for (const [unit, card] of this.cards) {
      if (!this.concept(unit)) continue;
      card.classList.toggle("detector", labelScore(this.layer, unit) > cut);
      const others = this.others(unit, cut).map(
        ([concept, score]) => `${isolated(concept.name)} (${isolated(this.category(concept).name)}, ${score.toFixed(2)})`,
      );
      card.querySelector(".also").textContent = others.length ? `also ${others.join(", ")}` : "";
    }
  }

  // The units shown, as rows of a table.
  rows() {
    const { layer } = this,
      { column } = this.report.score;
    const rows = this.shown.map((unit) => {
      const concept = this.concept(unit),
        score = labelScore(layer, unit);
      return [
        layer.id,
        unit,
        concept?.name ?? "",
        concept ? this.category(concept).name : "",
        score,
        layer.ceiling[unit],
        score > this.cut,
        this.rank.get(unit),
      ];
    });
    return [["layer", "unit", "concept", "category", column, `${column}_ceiling`, "is_detector", "rank"], ...rows];
  }
}
