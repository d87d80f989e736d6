// Data of the report. A page opened from disk may not fetch files, but may run scripts: each of data/ hands over its part.
"use strict";

const netdissect = {
  root: document.documentElement.dataset.root,
  parts: new Map(),

  // A promise of the part, with the functions that keep or break it.
  part(name) {
    if (!this.parts.has(name)) {
      const part = { asked: false };
      part.promise = new Promise((keep, fail) => Object.assign(part, { keep, fail }));
      this.parts.set(name, part);
    }
    return this.parts.get(name);
  },

  // Called by the scripts in data/.
  receive(name, data) {
    const part = this.part(name);
    part.asked = true;
    part.keep(data);
  },

  // The part, once it is there.
  load(name) {
    const part = this.part(name);
    if (!part.asked) {
      part.asked = true;
      const script = document.createElement("script");
      script.src = `${this.root}data/${name}.js`;
      script.onerror = () => part.fail(new Error(`The report's file data/${name}.js is missing.`));
      document.head.append(script);
    }
    return part.promise;
  },
};
