"use strict";
// The side: the current page's text, fields and tables, each row tied to its box.

const LEGEND = [
  ["sure", "0.95 and over"],
  ["likely", "0.85 to 0.95"],
  ["doubtful", "0.70 to 0.85"],
  ["unsure", "under 0.70"],
  ["unrated", "not rated"],
];

let tab = "text";

function renderSide() {
  const page = pages[current];
  renderAbout(page);
  renderLegend(page);
  renderTabs(page);
  const rows = { text: textRows, fields: fieldCards, tables: tableCards }[tab](page);
  const panel = document.getElementById("panel");
  panel.replaceChildren(...rows);
  panel.scrollTop = 0;
  if (chosen.page === current) lightRow(chosen.kind, chosen.index);
}

function renderAbout(page) {
  const about = document.getElementById("about");
  about.replaceChildren(make("b", "", page.data.title));
  for (const text of [page.data.source, page.data.about].filter(Boolean)) {
    about.append(make("p", "", text));
  }
  if (page.data.note) about.append(make("p", "note", page.data.note));
}

function renderLegend(page) {
  const counts = {};
  for (const line of page.data.lines) {
    const step = stepOf(line.confidence);
    counts[step] = (counts[step] ?? 0) + 1;
  }
  const only = document.documentElement.dataset.only;
  const chips = LEGEND.filter(([step]) => counts[step] || step === only).map(([step, label]) => {
    const chip = make("button", step);
    chip.dataset.step = step;
    chip.title = "Show only these";
    chip.setAttribute("aria-pressed", String(step === only));
    chip.append(make("i"), label, make("span", "", counts[step] ?? 0));
    return chip;
  });
  document.getElementById("legend").replaceChildren(...chips);
}

function renderTabs(page) {
  const view = document.getElementById("main").dataset.view;
  for (const button of document.querySelectorAll("#tabs button")) {
    const name = button.dataset.tab;
    const isShown = isNarrow() ? name === view : name === tab;
    button.setAttribute("aria-selected", String(isShown));
    const count = { fields: page.data.fields.length, tables: page.data.tables.length }[name];
    if (count !== undefined) button.querySelector("i").textContent = count || "";
  }
}

/** Lines as rows, and what stands between them; the whole text where there are no lines. */
function textRows(page) {
  const { lines, text, formulas } = page.data;
  const rows = doubtCards(page);
  let at = 0;
  lines.forEach((line, index) => {
    const between = text.slice(at, Math.max(at, line.start));
    if (between.trim()) rows.push(plainRow(page, at, line.start));
    rows.push(lineRow(page, line, index, index > 0 && between.includes("\n\n")));
    at = Math.max(at, line.end);
  });
  if (text.slice(at).trim()) rows.push(plainRow(page, at, text.length));
  for (const formula of formulas) rows.push(make("pre", "plain", formula));
  return rows.length ? rows : [make("p", "empty", page.data.note ? "" : "There is no text on this page.")];
}

function lineRow(page, line, index, isApart) {
  const row = make("div", `row ${stepOf(line.confidence)}${line.quad ? "" : " nowhere"}${isApart ? " gap" : ""}`);
  row.dataset.kind = "line";
  row.dataset.index = index;
  const words = make("span", "words");
  words.dir = "auto";
  appendMarked(words, page, line.start, line.end);
  row.append(make("span", "at", index + 1), words);
  if (line.confidence !== null) row.append(make("span", "rate", line.confidence.toFixed(2)));
  return row;
}

function plainRow(page, start, end) {
  const row = make("pre", "plain");
  row.dir = "auto";
  appendMarked(row, page, start, end);
  return row;
}

/** Text from start to end, what the search found in it marked. */
function appendMarked(parent, page, start, end) {
  let at = start;
  for (const match of page.matches) {
    if (match.end <= at || match.start >= end) continue;
    const from = Math.max(match.start, at);
    const to = Math.min(match.end, end);
    parent.append(page.text.slice(at, from), make("mark", match.current ? "current" : "", page.text.slice(from, to)));
    at = to;
  }
  parent.append(page.text.slice(at, end));
}

function fieldCards(page) {
  const cards = page.data.fields.map((field, index) => {
    const card = makeCard("field", index, field.name, field.confidence);
    card.append(valueOf(field.value));
    for (const problem of field.problems) card.append(make("p", "problem", `⚠ ${problem}`));
    return card;
  });
  return cards.length ? cards : [make("p", "empty", "No fields were asked for, or none are on this page.")];
}

/** What a witness does not bear out. */
function doubtCards(page) {
  return page.data.doubts.map((doubt, index) => {
    const card = makeCard("doubt", index, doubt.name, null);
    card.append(valueOf(doubt.value));
    return card;
  });
}

function valueOf(value) {
  if (value === null || value === "") return make("div", "value none", "not on the page");
  if (typeof value !== "object") {
    const element = make("div", "value", String(value));
    element.dir = "auto";
    return element;
  }
  if (isTableLike(value)) return tableOf([Object.keys(value[0]), ...value.map((row) => Object.values(row).map(inWords))]);
  const list = make("ul");
  for (const [name, part] of Object.entries(value)) {
    const item = list.appendChild(make("li"));
    if (!Array.isArray(value)) item.append(make("b", "", name));
    item.append(valueOf(part));
  }
  return list;
}

/** The field whose value's middle lies in a line's box; -1 for none. */
function fieldOn(page, index) {
  const box = page.data.lines[index]?.quad;
  if (!box) return -1;
  const span = (quad, axis) => corners(quad).map((point) => point[axis]).sort((a, b) => a - b);
  return page.data.fields.findIndex((field) => placesOf(field).some((quad) => [0, 1].every((axis) => {
    const [line, value] = [span(box, axis), span(quad, axis)];
    const middle = (value[0] + value[3]) / 2;
    return line[0] <= middle && middle <= line[3];
  })));
}

const inWords = (value) => (value === null ? "" : String(value));

/** Records that all have the same names, and nothing nested in them. */
function isTableLike(value) {
  const isFlat = (row) => row !== null && typeof row === "object" && Object.values(row).every((part) => Object(part) !== part);
  const names = (row) => Object.keys(row).join("\n");
  return Array.isArray(value) && value.length > 0 && value.every((row) => isFlat(row) && names(row) === names(value[0]));
}

function tableCards(page) {
  const cards = page.data.tables.map((table, index) => {
    const card = makeCard("table", index, `Table ${index + 1}`, null);
    card.appendChild(make("div", "scroll")).append(tableOf(table.rows));
    return card;
  });
  return cards.length ? cards : [make("p", "empty", "No tables were read on this page.")];
}

function tableOf(rows) {
  const table = make("table");
  rows.forEach((cells, at) => {
    const row = table.insertRow();
    for (const cell of cells) row.appendChild(make(at ? "td" : "th", "", cell)).dir = "auto";
  });
  return table;
}

function makeCard(kind, index, name, confidence) {
  const card = make("div", `card of-${kind}`);
  card.dataset.kind = kind;
  card.dataset.index = index;
  const heading = card.appendChild(make("h3"));
  heading.append(make("span", "", name));
  if (confidence !== null) heading.append(make("span", "", confidence.toFixed(2)));
  return card;
}

/** Mark the row of a box; where fields are shown and a line is pointed at, the field that stands there. */
function lightRow(kind, index) {
  const panel = document.getElementById("panel");
  if (kind === "line" && tab === "fields") [kind, index] = ["field", fieldOn(pages[current], index)];
  for (const lit of panel.querySelectorAll(".lit")) lit.classList.remove("lit");
  const row = !kind ? null : panel.querySelector(`[data-kind="${kind}"][data-index="${index}"]`);
  row?.classList.add("lit");
  return row;
}
