// Making elements, explaining words, and saving what is shown.
"use strict";

function element(tag, attributes = {}, ...children) {
  return furnished(document.createElement(tag), attributes, children);
}

function drawing(tag, attributes = {}, ...children) {
  return furnished(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

// Children may be text, which is never read as markup; functions are listeners.
function furnished(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== false));
  return made;
}

function button(text, action, attributes = {}) {
  return element("button", { type: "button", click: action, ...attributes }, text);
}

// A word that terms.html explains.
function term(key, text) {
  return element(
    "button",
    { type: "button", class: "term", "data-term": key, "aria-describedby": `term-${key}` },
    text,
  );
}

function dot(color) {
  return element("i", { class: "dot", style: `background:${color}` });
}

function counted(count) {
  return count.toLocaleString("en");
}

function plural(count, one) {
  return `${counted(count)} ${count === 1 ? one : `${one}s`}`;
}

// A name that turns the direction of writing turns its own alone, not that of what stands beside it.
function isolated(name) {
  return /[\u0590-\u08ff\u200e\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufefc]/.test(name)
    ? `\u2068${name}\u2069`
    : name;
}

function shortened(name, length) {
  const letters = [...name];
  return isolated(letters.length <= length ? name : `${letters.slice(0, length - 1).join("")}…`);
}

function save(name, type, content) {
  const address = URL.createObjectURL(new Blob([content], { type }));
  element("a", { href: address, download: name.replace(/[^\p{L}\p{N}._-]+/gu, "-").slice(-120) }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

// Rows of values as comma-separated text.
function saveTable(name, rows) {
  const quoted = (value) => (/[",\r\n]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : String(value));
  save(`${name}.csv`, "text/csv", rows.map((row) => `${row.map(quoted).join(",")}\n`).join(""));
}

// The figure as it would be printed, with all its styles in it.
function saveFigure(name, figure) {
  const copy = figure.cloneNode(true);
  const originals = [figure, ...figure.querySelectorAll("*")];
  figure.classList.add("printed");
  [copy, ...copy.querySelectorAll("*")].forEach((made, place) => {
    const style = getComputedStyle(originals[place]);
    for (const property of [
      "fill",
      "stroke",
      "stroke-width",
      "font-family",
      "font-size",
      "font-weight",
      "text-anchor",
    ]) {
      made.setAttribute(property, style.getPropertyValue(property));
    }
    for (const attribute of ["class", "href", "tabindex"]) made.removeAttribute(attribute);
  });
  figure.classList.remove("printed");
  save(`${name}.svg`, "image/svg+xml", new XMLSerializer().serializeToString(copy));
}

// Shows a word's explanation while it is pointed at or has the focus.
function explainTerms() {
  const box = element("div", { class: "tip", "aria-hidden": "true", hidden: true });
  const hide = () => {
    box.hidden = true;
  };
  const show = ({ target }) => {
    if (box.contains(target)) return;
    const word = target.closest?.(".term");
    box.hidden = !word;
    if (!word) return;
    (word.closest("dialog") || document.body).append(box); // above a dialog, if the word is in one
    box.textContent = document.getElementById(`term-${word.dataset.term}`).textContent;
    const around = word.getBoundingClientRect(),
      below = around.bottom + box.offsetHeight < innerHeight;
    box.style.left = `${Math.max(8, Math.min(around.left, innerWidth - box.offsetWidth - 8))}px`;
    box.style.top = `${below ? around.bottom : around.top - box.offsetHeight}px`;
  };
  for (const kind of ["mouseover", "focusin"]) document.addEventListener(kind, show);
  document.addEventListener("focusout", hide);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
  });
  document.addEventListener("scroll", hide, { passive: true, capture: true });
}

explainTerms();
// As a link of its own it would change the address.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  document.getElementById("content").focus();
});
window.addEventListener("beforeprint", () =>
  document.querySelectorAll("details").forEach((one) => {
    one.open = true;
  }),
);
