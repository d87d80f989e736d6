// A unit's own view: a dialog over the front page.
"use strict";

class UnitView {
  constructor(report, dialog) {
    this.report = report;
    this.dialog = dialog;
    dialog.addEventListener("close", () => this.closed());
    let pressed = null;
    dialog.addEventListener("pointerdown", ({ target }) => {
      pressed = target;
    });
    dialog.addEventListener("click", ({ target }) => {
      if (target === dialog && pressed === dialog) dialog.close();
    }); // beside it
    dialog.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (step && !event.altKey && !event.ctrlKey && !event.metaKey && !event.target.closest(".scroll[tabindex]"))
        this.turn(step);
    });
  }

  neighbour(step) {
    const place = this.grid.shown.indexOf(this.unit);
    return place < 0 ? undefined : this.grid.shown[place + step];
  }

  // To the unit before or after, in the grid's order.
  turn(step) {
    const next = this.neighbour(step);
    if (next !== undefined) go({ unit: next });
  }

  close() {
    if (this.dialog.open) this.dialog.close();
  }

  closed() {
    if (this.dialog.open) return; // opened again meanwhile
    const card = this.grid.cards.get(this.unit);
    this.unit = undefined;
    if (view.unit !== "") leaveUnit();
    if (card.isConnected) card.querySelector(".number").focus();
  }

  async show(grid, unit) {
    if (this.dialog.open && this.grid === grid && this.unit === unit) return;
    Object.assign(this, { grid, unit });
    const used = this.dialog.contains(document.activeElement)
      ? document.activeElement.getAttribute("aria-label")
      : null;
    const body = element("div", { class: "unit-body" }, element("p", { class: "soft" }, "..."));
    this.dialog.replaceChildren(this.head(), body);
    if (!this.dialog.open) this.dialog.showModal();
    this.dialog.scrollTop = 0;
    const again = [...this.dialog.querySelectorAll(".turn button")].find(
      (one) => one.getAttribute("aria-label") === used && !one.disabled,
    );
    (again || this.dialog.querySelector("h2")).focus({ preventScroll: true });
    try {
      const details = await unitDetails(grid.number, unit, this.report.chunk);
      if (body.isConnected) body.replaceChildren(...this.body(details)); // else another was asked for meanwhile
      body
        .querySelectorAll(".scroll")
        .forEach((one) => reachable(one, one.querySelector("table") ? "Concepts it overlaps most" : "Activations"));
    } catch (error) {
      body.replaceChildren(element("p", { class: "soft" }, error.message));
    }
  }

  head() {
    const { grid, unit } = this,
      { layer } = grid,
      concept = grid.concept(unit);
    const turn = (step, sign, label) =>
      button(sign, () => this.turn(step), { disabled: this.neighbour(step) === undefined, "aria-label": label });
    const label = concept
      ? [
          element("a", { class: "concept", href: `concepts/${concept.page}` }, concept.name),
          ` ${isolated(grid.category(concept).name)}, `,
          term("score", this.report.score.title),
          ` ${labelScore(layer, unit).toFixed(3)} (`,
          term("ceiling", "ceiling"),
          ` ${layer.ceiling[unit].toFixed(3)}), rank ${counted(grid.rank.get(unit))} of ${plural(layer.units, "unit")}`,
        ]
      : [element("span", { class: "none" }, `no label: ${layer.silent[unit] || "overlaps no concept"}`)];
    return element(
      "div",
      { class: "unit-head" },
      element(
        "h2",
        { id: "unit-title", tabindex: "-1" },
        `unit ${unit} `,
        element("span", { class: "soft" }, layer.id),
      ),
      element(
        "div",
        { class: "turn" },
        turn(-1, "←", "Previous unit"),
        turn(1, "→", "Next unit"),
        button("×", () => this.dialog.close(), { "aria-label": "Close" }),
      ),
      element("p", {}, ...label),
    );
  }

  body(details) {
    const { layer } = this.grid;
    const saveOverlaps = () => saveTable(this.name("concepts"), this.overlapRows(details.best));
    return [
      ...this.statistics(details.statistics),
      ...this.topImages(details.shots),
      element(
        "div",
        { class: "two" },
        element(
          "section",
          {},
          element("h3", {}, "Concepts it overlaps most ", button("Save as CSV", saveOverlaps, { class: "save" })),
          this.overlaps(layer, details.best),
        ),
        element("section", {}, details.activations && this.activations(details.activations), this.elsewhere(layer)),
      ),
      ...this.visualizations(details.visualizations),
    ];
  }

  // Further statistics of the label.
  statistics(listed) {
    if (!listed.length) return [];
    const facts = listed.map(({ title, help, value }) =>
      element("div", {}, element("dt", { title: help }, title), element("dd", {}, value ?? "unknown")),
    );
    return [element("dl", { class: "facts statistics" }, ...facts)];
  }

  // None where the layer is known from a table alone.
  topImages(shots) {
    if (!shots.length) return [];
    const words =
      "The ring marks where the activation is highest. Beside it in the caption: row and column of the layer's map, from 0.";
    return [
      element("h3", {}, "Top images"),
      element(
        "div",
        { class: "examples" },
        shots.map((shot, rank) => this.shot(shot, rank)),
      ),
      element("p", { class: "soft" }, words),
    ];
  }

  // What the unit looks for, by each method that was asked for.
  visualizations(methods) {
    return methods.map(({ title, text, variants }) =>
      element(
        "section",
        {},
        element("h3", {}, title),
        element("p", { class: "soft" }, text),
        variants.flatMap(({ name, pictures }) => [
          name && element("h4", { class: "variant" }, name),
          element("div", { class: "pictures" }, pictures.map(pictureFigure)),
        ]),
      ),
    );
  }

  // What files saved from here are called.
  name(what) {
    return `${this.grid.layer.id}-unit-${this.unit}-${what}`;
  }

  shot(shot, rank) {
    const made = shotElement(shot, rank, this.unit, this.grid.layer.shape);
    made.append(
      element("span", {
        class: "peak",
        style: `top:${100 * shot.peak[0]}%;left:${100 * shot.peak[1]}%`,
        "aria-hidden": "true",
      }),
    );
    return element(
      "figure",
      {},
      made,
      element(
        "figcaption",
        {},
        element("bdi", {}, shot.name),
        " ",
        element("span", {}, `${shot.activation} at ${shot.position.join(", ")}`),
      ),
    );
  }

  overlaps(layer, best) {
    const most = Math.max(1e-9, ...best.flat().map(([, score]) => score)),
      { report } = this;
    const bodies = best.map((concepts, place) => {
      const { name, color } = report.categories[layer.categories[place]];
      return element(
        "tbody",
        {},
        concepts.map(([concept, score, ceiling], at) =>
          element(
            "tr",
            {},
            at ? null : element("th", { scope: "rowgroup", rowspan: concepts.length }, dot(color), name),
            element(
              "td",
              {},
              element("a", { href: `concepts/${report.concepts[concept].page}` }, report.concepts[concept].name),
            ),
            element("td", {}, score.toFixed(3)),
            element("td", {}, ceiling.toFixed(2)),
            element(
              "td",
              { class: "meter", "aria-hidden": "true" },
              element("i", { style: `width:${Math.round((100 * score) / most)}%;background:${color}` }),
            ),
          ),
        ),
      );
    });
    if (!best.flat().length) return element("p", { class: "soft" }, "None: no concept's pixels lie under its mask.");
    const names = ["Category", "Concept", term("score", this.report.score.title), term("ceiling", "ceiling")].map((name) =>
      element("th", { scope: "col" }, name),
    );
    const head = element("thead", {}, element("tr", {}, ...names, element("td", { class: "meter" })));
    return element("div", { class: "scroll" }, element("table", { class: "counts overlaps" }, head, ...bodies));
  }

  overlapRows(best) {
    const { report } = this,
      { layer } = this.grid,
      { column } = report.score;
    const rows = best.flatMap((concepts, place) =>
      concepts.map(([concept, score, ceiling]) => [
        layer.id,
        this.unit,
        report.categories[layer.categories[place]].name,
        report.concepts[concept].name,
        score,
        ceiling,
      ]),
    );
    return [["layer", "unit", "category", "concept", column, `${column}_ceiling`], ...rows];
  }

  activations(told) {
    const figure = element("figure", {}, element("figcaption", {}, "Activations"));
    showFigure(figure, drawActivations(told), () => this.name("activations"));
    figure.append(
      element(
        "p",
        { class: "soft" },
        "How often each occurs, heights by powers of ten; ",
        term("threshold", "threshold"),
        ` T = ${told.threshold}, values from ${told.low} to ${told.high}.`,
      ),
    );
    return figure;
  }

  // The unit of the same number in other layers and runs: of the same layer first.
  elsewhere(layer) {
    const { report, unit } = this;
    const others = report.layers.filter((other) => other !== layer && unit < other.units);
    if (!others.length) return null;
    others.sort((a, b) => (b.layer === layer.layer) - (a.layer === layer.layer));
    return element(
      "div",
      {},
      element("h3", {}, `Unit ${unit} elsewhere`),
      element(
        "ul",
        { class: "elsewhere" },
        others.map((other) => {
          const concept = labelConcept(report, other, unit);
          const told = concept ? `${isolated(concept.name)}, ${report.score.title} ${labelScore(other, unit).toFixed(3)}` : "no label";
          return element("li", {}, leadTo(element("a", {}, other.id), { layer: other.id, unit }), ` ${told}`);
        }),
      ),
    );
  }
}
