"use strict";
// Pages: what was read on each, its picture while it is near the window, and the boxes over it.
// Whatever comes from a document reaches the page as text nodes and numbers, never as markup.

const ACROSS = 1000; // units of a page's width in its drawing

function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== "") element.textContent = text;
  return element;
}

function shape(tag, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

/** The step of confidence, as palette.py has them. */
function stepOf(confidence) {
  if (confidence === null) return "unrated";
  return confidence >= 0.95 ? "sure" : confidence >= 0.85 ? "likely" : confidence >= 0.7 ? "doubtful" : "unsure";
}

/** Four corners from 4 numbers (left, top, right, bottom) or 8, all of them fractions of the page. */
function corners(numbers) {
  if (numbers.length === 8) return [0, 2, 4, 6].map((at) => [numbers[at], numbers[at + 1]]);
  const [left, top, right, bottom] = numbers;
  return [[left, top], [right, top], [right, bottom], [left, bottom]];
}

/** The boxes of a thing: of a field's value that stands on several lines, one a line. */
function placesOf({ quad, places = [] }) {
  return places.length ? places : quad ? [quad] : [];
}

/** The part of a line from one fraction of its length to another. */
function partOf(quad, from, to) {
  const [a, b, c, d] = corners(quad);
  const between = (p, q, part) => [p[0] + (q[0] - p[0]) * part, p[1] + (q[1] - p[1]) * part];
  return [between(a, b, from), between(a, b, to), between(d, c, to), between(d, c, from)].flat();
}

const ruler = document.createElement("canvas").getContext("2d");
ruler.font = "40px Arial, Helvetica, sans-serif";
const LEFTWARD = /^\P{L}*[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]/u;

/** Where letters from one to another are printed in a line, as fractions of its width: about, as fonts differ. */
function extent(words, from, to) {
  const width = (end) => ruler.measureText(words.slice(0, end)).width;
  const all = width(words.length) || 1;
  const parts = [width(from) / all, width(Math.min(to, words.length)) / all];
  return LEFTWARD.test(words) ? [1 - parts[1], 1 - parts[0]] : parts;
}

class Page {
  /**
   * @param {object} data one page as contents.py writes it
   * @param {number} index from 0, over all files
   * @param {HTMLElement|null} store holds the picture as base64
   */
  constructor(data, index, store) {
    this.data = data;
    this.index = index;
    this.store = store;
    this.isShown = false;
    this.down = (ACROSS * data.height) / data.width;
    this.matches = []; // of the search: {start, end, current}
    this.build();
  }

  get text() {
    return this.data.text;
  }

  /** What has a box or a row: lines, fields, tables, doubts. */
  things(kind) {
    return { line: this.data.lines, field: this.data.fields, table: this.data.tables, doubt: this.data.doubts }[kind];
  }

  build() {
    this.element = make("figure", "sheet-of");
    const caption = this.element.appendChild(make("figcaption"));
    caption.append(make("b", "", this.data.title));
    if (this.data.source) caption.append(make("span", "", this.data.source));
    this.sheet = this.element.appendChild(make("div", "sheet"));
    this.sheet.style.aspectRatio = `${this.data.width} / ${this.data.height}`;
    this.sheet.dataset.page = this.index;
    this.picture = this.sheet.appendChild(make("img"));
    this.picture.alt = "";
    this.drawing = this.sheet.appendChild(shape("svg", { viewBox: `0 0 ${ACROSS} ${this.down}`, "aria-hidden": "true" }));
    if (this.data.note) this.sheet.append(make("p", "note", this.data.note));
  }

  /** Near the window, or to be printed, which waits for nothing: decode the picture, draw the boxes. */
  show(decoding = this.index ? "async" : "sync") {
    this.picture.decoding = decoding;
    if (this.isShown) return;
    this.isShown = true;
    if (this.store) this.picture.src = `data:${this.data.picture};base64,${this.store.textContent.trim()}`;
    this.draw();
  }

  /** Far from it: give their memory back. */
  hide() {
    if (!this.isShown) return;
    this.isShown = false;
    this.picture.removeAttribute("src");
    this.drawing.replaceChildren();
  }

  draw() {
    if (!this.isShown) return;
    const order = shape("g", { class: "order" });
    const boxes = [];
    for (const kind of ["table", "line", "field", "doubt"]) {
      this.things(kind).forEach((thing, index) => {
        const step = kind === "line" ? ` ${stepOf(thing.confidence)}${thing.grounded ? " grounded" : ""}` : "";
        for (const quad of placesOf(thing)) {
          boxes.push(this.polygon(quad, `${kind}${step}`, { "data-kind": kind, "data-index": index }));
        }
        if (kind === "line" && thing.quad) order.append(this.numberOf(thing, index));
      });
    }
    this.drawing.replaceChildren(...this.matchShapes(), ...boxes, order);
    if (chosen.page === this.index) this.light(chosen.kind, chosen.index);
  }

  polygon(quad, className, attributes = {}) {
    const points = corners(quad).map(([x, y]) => `${(x * ACROSS).toFixed(1)},${(y * this.down).toFixed(1)}`).join(" ");
    return shape("polygon", { points, class: className, ...attributes });
  }

  numberOf(line, index) {
    const [first, , , last] = corners(line.quad);
    const x = first[0] * ACROSS - 4;
    const y = ((first[1] + last[1]) / 2) * this.down;
    const number = shape("text", { x: Math.max(x, 14).toFixed(1), y: y.toFixed(1), dy: "0.35em", class: stepOf(line.confidence) });
    number.textContent = index + 1;
    return number;
  }

  /** What the search has found, as parts of lines. */
  matchShapes() {
    const shapes = [];
    for (const match of this.matches) {
      for (const line of this.linesIn(match.start, match.end)) {
        if (!line.quad) continue;
        const words = this.text.slice(line.start, line.end);
        const [from, to] = extent(words, Math.max(match.start - line.start, 0), match.end - line.start);
        shapes.push(this.polygon(partOf(line.quad, from, to), match.current ? "match current" : "match"));
      }
    }
    return shapes;
  }

  linesIn(start, end) {
    return this.data.lines.filter((line) => line.start < end && start < line.end);
  }

  /** Mark one box, or none, as the one that is pointed at. */
  light(kind, index) {
    for (const lit of this.drawing.querySelectorAll(".lit")) lit.classList.remove("lit");
    if (!kind) return;
    for (const box of this.drawing.querySelectorAll(`[data-kind="${kind}"][data-index="${index}"]`)) box.classList.add("lit");
  }
}

/** The pages in the file, in order. */
function readPages() {
  return [...document.querySelectorAll("script.page")].map((script, index) => {
    const store = script.nextElementSibling;
    return new Page(JSON.parse(script.textContent), index, store?.classList.contains("picture") ? store : null);
  });
}
