// What is looked at, kept in the address, so that a view can be sent.
"use strict";

const DEFAULTS = { layer: "", cut: "", text: "", category: "", concept: "", sort: "score", detectors: "", unit: "" };

// Browsers do not take an address at every move of a slider.
const ADDRESS_DELAY = 200;

let view = readAddress();
let waiting = null;

function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  return Object.fromEntries(Object.entries(DEFAULTS).map(([key, value]) => [key, given.get(key) ?? value]));
}

// The address of the present view with some changes.
function addressOf(changes = {}) {
  const told = Object.entries({ ...view, ...changes }).filter(([key, value]) => String(value) !== DEFAULTS[key]);
  return `#${new URLSearchParams(told.map(([key, value]) => [key, String(value)]))}`;
}

// Changes the view; with `push` one can go back to the present one.
function go(changes, push = false) {
  const address = addressOf(changes);
  if (address === addressOf()) return;
  if (push) {
    writeAddress();
    history.pushState({ opened: openedAfter(changes) }, "", address);
  } else {
    clearTimeout(waiting);
    waiting = setTimeout(writeAddress, ADDRESS_DELAY);
  }
  view = Object.fromEntries(Object.entries({ ...view, ...changes }).map(([key, value]) => [key, String(value)]));
  window.dispatchEvent(new Event("view"));
}

// How many steps back a unit's own view was opened from the grid; 0 if it was not.
function openedAfter(changes) {
  const opens = String(changes.unit ?? "") !== "";
  if (view.unit === "") return opens ? 1 : 0;
  return opens && history.state?.opened ? history.state.opened + 1 : 0;
}

// Leaves a unit's own view, for where one came from.
function leaveUnit() {
  if (history.state?.opened) history.go(-history.state.opened);
  else go({ unit: "" });
}

function writeAddress() {
  clearTimeout(waiting);
  waiting = null;
  if (addressOf() !== (location.hash || "#")) history.replaceState(history.state, "", addressOf());
}

window.addEventListener("popstate", () => {
  clearTimeout(waiting);
  view = readAddress();
  window.dispatchEvent(new Event("view"));
});

// Links that change the view and keep the rest of it, also in another tab.
const leads = new WeakMap();

function leadTo(link, changes) {
  leads.set(link, changes);
  link.setAttribute("href", addressOf(changes));
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return; // another tab or window
    event.preventDefault();
    go(changes, true);
  });
  return link;
}

for (const kind of ["pointerdown", "focusin"]) {
  document.addEventListener(kind, ({ target }) => {
    const link = target.closest?.("a");
    if (leads.has(link)) link.setAttribute("href", addressOf(leads.get(link)));
  });
}
