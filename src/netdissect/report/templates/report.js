// Without this script the page shows every layer and unit, one after the other.
const layers = [...document.querySelectorAll(".layer")];
const tabs = [...document.querySelectorAll(".tab")];

function showLayer() {
  const chosen = layers.find((layer) => "#" + layer.id === location.hash) || layers[0];
  layers.forEach((layer) => { layer.hidden = layer !== chosen; });
  tabs.forEach((tab) => tab.toggleAttribute("aria-current", tab.hash === "#" + chosen.id));
}

function filterUnits(layer) {
  const form = layer.querySelector("form");
  const text = form.elements.text.value.trim().toLowerCase();
  const category = form.elements.category.value;
  let count = 0;
  for (const card of layer.querySelectorAll(".card")) {
    const found = !text || card.dataset.unit === text || (card.dataset.concept || "").toLowerCase().includes(text);
    const kept = !category || card.dataset.category === category;
    card.hidden = !(found && kept && (!form.elements.detectors.checked || card.classList.contains("detector")));
    count += card.hidden ? 0 : 1;
  }
  form.querySelector("output").textContent = count === 1 ? "1 unit" : count + " units";
}

for (const layer of layers) {
  const form = layer.querySelector("form");
  form.addEventListener("input", () => filterUnits(layer));
  form.addEventListener("submit", (event) => event.preventDefault());
  filterUnits(layer);  // a browser may have kept what was typed before a reload
}
window.addEventListener("hashchange", showLayer);
showLayer();
