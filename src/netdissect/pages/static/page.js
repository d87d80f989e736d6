// The page of a comparison or an experiment: masks near the screen are painted, tables sorted.
"use strict";

const painter = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) paintMask(target, target.dataset.mask, target.dataset.shape.split(" ").map(Number));
      else target.width = 0; // canvases take memory
    }
  },
  { rootMargin: "900px 0px" },
);
document.querySelectorAll("canvas[data-mask]").forEach((canvas) => painter.observe(canvas));

// Text ascends, numbers descend, cells without a value come last; a second click turns it round.
function sortTable(table, header) {
  const column = header.cellIndex,
    body = table.tBodies[0],
    text = header.classList.contains("words");
  const first = text ? "ascending" : "descending";
  const way = header.getAttribute("aria-sort") === first ? (text ? "descending" : "ascending") : first;
  const sign = way === "ascending" ? 1 : -1;
  const value = (row) => row.cells[column].dataset.value;
  const order = text ? (a, b) => value(a).localeCompare(value(b), "en") : (a, b) => Number(value(a)) - Number(value(b));
  const known = [...body.rows].filter((row) => value(row) !== "");
  const others = [...body.rows].filter((row) => value(row) === "");
  body.append(...known.sort((a, b) => sign * order(a, b)), ...others);
  table.querySelectorAll("th[aria-sort]").forEach((other) => other.removeAttribute("aria-sort"));
  header.setAttribute("aria-sort", way);
}

document.querySelectorAll("details.table table").forEach((table) =>
  [...table.tHead.rows[0].cells].forEach((header) => {
    header.replaceChildren(button(header.textContent, () => sortTable(table, header)));
  }),
);
