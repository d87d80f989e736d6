// Images with masks: lit where a unit fires, or where a concept is.
"use strict";

// Drawn on masks: a line along the edge, a veil where it is dark (red, green, blue, alpha, as a pixel's 32 bits).
const [EDGE, VEIL] = new Uint32Array(new Uint8Array([255, 226, 64, 235, 8, 10, 20, 145]).buffer);

// The lengths of dark and lit runs, in turn, of a mask in COCO's compressed form.
function runLengths(text) {
  const lengths = [];
  for (let at = 0; at < text.length;) {
    let value = 0,
      shift = 0,
      code;
    do {
      code = text.charCodeAt(at++) - 48;
      value |= (code & 31) << shift;
      shift += 5;
    } while (code & 32);
    if (code & 16) value |= -1 << shift;
    if (lengths.length > 2) value += lengths[lengths.length - 2];
    lengths.push(value);
  }
  return lengths;
}

// The first pixel and the end of each lit run, row by row.
function litRuns(text) {
  const runs = [];
  let at = 0;
  runLengths(text).forEach((length, place) => {
    if (place % 2) runs.push([at, at + length]);
    at += length;
  });
  return runs;
}

function paintMask(canvas, text, [height, width]) {
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  const picture = context.createImageData(width, height);
  const pixels = new Uint32Array(picture.data.buffer).fill(VEIL),
    last = pixels.length - width;
  const runs = litRuns(text);
  runs.forEach(([start, end]) => pixels.fill(0, start, end));
  const dark = (at) => pixels[at] === VEIL;
  for (const [start, end] of runs) {
    for (let at = start; at < end; at++) {
      const x = at % width;
      if (
        (x > 0 && dark(at - 1)) ||
        (x < width - 1 && dark(at + 1)) ||
        (at >= width && dark(at - width)) ||
        (at < last && dark(at + width))
      )
        pixels[at] = EDGE;
    }
  }
  context.putImageData(picture, 0, 0);
}

// An image under a unit's mask; `shot` is one of a unit's, `rank` counts from 0.
function shotElement(shot, rank, unit, shape) {
  const { name, file, size } = shot;
  const lit = `${(100 * shot.lit).toPrecision(2)} % lit`;
  const canvas = element("canvas", { "aria-hidden": "true" });
  paintMask(canvas, shot.mask, shape);
  return element(
    "div",
    { class: "shot", style: `aspect-ratio:${size[0]}/${size[1]}`, title: `${name}, activation ${shot.activation}` },
    element("img", {
      src: `${netdissect.root}images/${file}`,
      alt: `Top image ${rank + 1} of unit ${unit}: ${name}, ${lit}`,
      loading: "lazy",
    }),
    canvas,
  );
}

// A picture of what a unit looks for; its caption tells what it is.
function pictureFigure({ path, size: [width, height], name, caption }) {
  const picture = { src: `${netdissect.root}${path}`, alt: "", width, height, loading: "lazy" };
  const told = element("figcaption", {}, name && element("bdi", {}, name), " ", element("span", {}, caption));
  return element("figure", {}, element("img", picture), told);
}

// What data/<layer>/ tells of a unit.
async function unitDetails(layer, unit, chunk) {
  const units = await netdissect.load(`${layer}/${Math.floor(unit / chunk)}`);
  return units[unit % chunk];
}

// Images on a card, and cards that keep theirs at a time.
const SHOTS_PER_CARD = 5;
const FILLED_CARDS = 120;

// Fills cards with their first images when they come near the screen; those that were near longest ago are emptied.
class ShotWatcher {
  // `find(card)` tells layer, unit, chunk and shape of a card.
  constructor(find) {
    this.find = find;
    this.near = new Set();
    this.filled = new Set(); // in the order of filling
    this.observer = new IntersectionObserver(
      (entries) => {
        for (const { target, isIntersecting } of entries) {
          this.near[isIntersecting ? "add" : "delete"](target);
          if (isIntersecting && !this.filled.has(target)) this.fill(target);
        }
        this.letGo();
      },
      { rootMargin: "900px 0px" },
    );
  }

  watch(card) {
    this.observer.observe(card);
  }

  async fill(card) {
    const { layer, unit, chunk, shape } = this.find(card);
    const place = card.querySelector(".shots");
    try {
      const details = await unitDetails(layer, unit, chunk);
      if (!this.near.has(card) || this.filled.has(card)) return; // it went away meanwhile
      this.filled.add(card);
      place.replaceChildren(
        ...details.shots.slice(0, SHOTS_PER_CARD).map((shot, rank) => shotElement(shot, rank, unit, shape)),
      );
    } catch (error) {
      place.replaceChildren(element("p", { class: "soft" }, error.message));
    }
  }

  letGo() {
    for (const card of this.filled) {
      if (this.filled.size <= FILLED_CARDS) return;
      if (this.near.has(card)) continue;
      card.querySelector(".shots").replaceChildren();
      this.filled.delete(card);
    }
  }
}
