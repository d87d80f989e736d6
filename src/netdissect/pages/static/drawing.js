// What figures are drawn with, as SVG.
"use strict";

// Puts a drawing into its figure, and once a button that saves it under the name that `name()` gives.
function showFigure(place, drawn, name) {
  const caption = place.querySelector("figcaption");
  let scrolled = place.querySelector(".scroll");
  if (!scrolled) {
    const saves = button("Save as SVG", () => saveFigure(name(), place.querySelector("svg")), { class: "save" });
    caption.append(saves);
    scrolled = element("div", { class: "scroll" });
    place.append(scrolled);
  }
  caption.querySelector(".save").hidden = !(drawn instanceof SVGElement);
  scrolled.replaceChildren(drawn);
  reachable(scrolled, caption.firstChild.textContent);
}

// What can be scrolled can be reached with the keyboard.
function reachable(scrolled, label) {
  const attributes = { tabindex: "0", role: "group", "aria-label": label };
  for (const [name, value] of Object.entries(attributes)) {
    if (scrolled.scrollWidth > scrolled.clientWidth) scrolled.setAttribute(name, value);
    else scrolled.removeAttribute(name);
  }
}

function svg(width, height, label, ...children) {
  return drawing(
    "svg",
    { width, height, viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": label },
    ...children,
  );
}

function words(text, x, y, attributes = {}) {
  return drawing("text", { x, y, ...attributes }, text);
}

function line(x1, y1, x2, y2, attributes = { class: "axis" }) {
  return drawing("line", { x1, y1, x2, y2, ...attributes });
}

function titled(title, ...children) {
  return drawing("g", {}, drawing("title", {}, title), ...children);
}

// Values of about `count` ticks up to `most`: steps are 1, 2 or 5 times a power of ten, of counts at least 1.
function ticks(most, count, least = 0) {
  const power = 10 ** Math.floor(Math.log10(most / count));
  const step = Math.max(
    least,
    [1, 2, 5, 10].map((factor) => factor * power).find((one) => most / one <= count),
  );
  return Array.from({ length: Math.floor(most / step + 1e-9) + 1 }, (_, place) =>
    Number((place * step).toPrecision(6)),
  );
}

// An axis of counts.
function countAxis(most, x, top, height, count = 4) {
  return [
    line(x, top, x, top + height),
    ...ticks(most, count, 1).map((value) =>
      words(counted(value), x - 5, top + height * (1 - value / most) + 4, { "text-anchor": "end", class: "small" }),
    ),
  ];
}

// Each category drawn with its color, on rows as wide as the drawing.
function legend(categories, left, top, width) {
  let x = left,
    y = top;
  const marks = categories.map(({ name, color, share = "" }) => {
    const shown = shortened(name, 24) + share,
      wide = 26 + 7 * [...shown].length;
    if (x > left && x + wide > width) {
      x = left;
      y += 18;
    }
    const mark = drawing(
      "g",
      {},
      drawing("circle", { cx: x + 5, cy: y, r: 5, fill: color }),
      words(shown, x + 15, y + 4),
    );
    x += wide;
    return mark;
  });
  return { marks, bottom: y + 14 };
}
