// The list of concepts: filtered, sorted, saved.
"use strict";

const table = document.getElementById("concepts"),
  form = document.getElementById("filter");
const rows = [...table.tBodies[0].rows];

function showRows() {
  const { text, category, only } = form.elements;
  const wanted = text.value.trim().toLowerCase();
  for (const row of rows) {
    row.hidden = !(
      row.cells[0].textContent.toLowerCase().includes(wanted) &&
      (!category.value || row.dataset.category === category.value) &&
      (!only.checked || row.querySelector(".some"))
    );
  }
  form.querySelector("output").textContent = plural(rows.filter((row) => !row.hidden).length, "concept");
}

function cellValue(cell) {
  return cell.dataset.value ?? cell.textContent;
}

// Text ascends, numbers descend; a second click turns it round.
function sortBy(column, header) {
  const value = (row) => cellValue(row.cells[column]);
  const turned = header.getAttribute("aria-sort") === (column < 2 ? "ascending" : "descending");
  const order =
    column < 2 ? (a, b) => value(a).localeCompare(value(b), "en") : (a, b) => Number(value(b)) - Number(value(a));
  rows.sort((a, b) => (turned ? -1 : 1) * order(a, b));
  table.tBodies[0].append(...rows);
  table.querySelectorAll("th[aria-sort]").forEach((other) => other.removeAttribute("aria-sort"));
  header.setAttribute("aria-sort", column < 2 === !turned ? "ascending" : "descending");
}

[...table.tHead.rows[0].cells].forEach((header, column) =>
  header.querySelector("button").addEventListener("click", () => sortBy(column, header)),
);
form.addEventListener("input", showRows);
form.addEventListener("submit", (event) => event.preventDefault());
form.querySelector(".save").addEventListener("click", () => {
  const shown = [table.tHead.rows[0], ...rows.filter((row) => !row.hidden)];
  saveTable(
    "concepts",
    shown.map((row) => [...row.cells].map(cellValue)),
  );
});
form.hidden = false; // without this script it does nothing
showRows(); // a browser may have kept what was typed before a reload
