// A concept's page: masks on its examples, images on its units' cards.
"use strict";

const shapeOf = (made) => made.dataset.shape.split(" ").map(Number);
const conceptCards = [...document.querySelectorAll(".card")];
const conceptWatcher = new ShotWatcher((card) => ({
  layer: card.dataset.layer,
  unit: Number(card.dataset.unit),
  chunk: Number(document.getElementById("content").dataset.chunk),
  shape: shapeOf(card),
}));

document
  .querySelectorAll("canvas[data-mask]")
  .forEach((canvas) => paintMask(canvas, canvas.dataset.mask, shapeOf(canvas)));
conceptCards.forEach((card) => conceptWatcher.watch(card));

const saveUnits = document.getElementById("save-units");
saveUnits.hidden = !conceptCards.length;
saveUnits.addEventListener("click", () => {
  const scoreColumn = document.getElementById("content").dataset.scoreColumn;
  const rows = conceptCards.map(({ dataset }) => [
    dataset.id,
    dataset.unit,
    dataset.score,
    dataset.ceiling,
    dataset.label,
    dataset.detector,
  ]);
  saveTable(document.querySelector("h1").textContent, [
    ["layer", "unit", scoreColumn, `${scoreColumn}_ceiling`, "is_label", "is_detector"],
    ...rows,
  ]);
});
