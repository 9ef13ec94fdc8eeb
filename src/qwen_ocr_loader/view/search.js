"use strict";
// Search: over all pages, whatever the case, the accents and the line breaks.

const MOST = 5000; // matches

const search = { query: "", matches: [], at: -1 };

/** A text as it is compared, and for each of its units where it stood in the original. */
function folded(text) {
  const places = [];
  let fold = "";
  let place = 0;
  for (const letter of text) {
    for (const unit of foldedLetter(letter)) {
      if (unit === " " && fold.endsWith(" ")) continue;
      for (let i = 0; i < unit.length; i++) places.push(place);
      fold += unit;
    }
    place += letter.length;
  }
  places.push(text.length);
  return { fold, places };
}

function foldedLetter(letter) {
  if (letter < "\u0080") return /\s/.test(letter) ? " " : letter.toLowerCase();
  if (/\s/.test(letter)) return " ";
  return letter.normalize("NFKD").replace(/[\p{M}\p{Cf}]/gu, "").toLowerCase();
}

function matchesIn(page, wanted) {
  page.folded ??= folded(page.text);
  const { fold, places } = page.folded;
  const matches = [];
  for (let at = fold.indexOf(wanted); at >= 0 && matches.length < MOST; at = fold.indexOf(wanted, at + wanted.length)) {
    matches.push({ page: page.index, start: places[at], end: endOf(places, at + wanted.length), current: false });
  }
  return matches;
}

/** Where the original goes on after the unit before this one: past all that was folded into it. */
function endOf(places, at) {
  const last = places[at - 1];
  while (at < places.length - 1 && places[at] === last) at += 1;
  return places[at];
}

function runSearch(query) {
  const wanted = folded(query.trim()).fold;
  Object.assign(search, { query: wanted, matches: [], at: -1 });
  for (const page of pages) {
    const had = page.matches.length;
    page.matches = wanted && search.matches.length < MOST ? matchesIn(page, wanted) : [];
    search.matches.push(...page.matches);
    if (had || page.matches.length) page.draw();
  }
  const here = search.matches.findIndex((match) => match.page >= current);
  if (search.matches.length && tab !== "text" && !isNarrow()) showTab("text");
  if (search.matches.length) goToMatch(Math.max(here, 0));
  else renderSide();
  renderFound();
}

function goToMatch(at) {
  const count = search.matches.length;
  if (!count) return;
  const before = search.matches[search.at];
  if (before) before.current = false;
  search.at = (at + count) % count;
  const match = search.matches[search.at];
  match.current = true;
  if (before && before.page !== match.page) pages[before.page].draw();
  pages[match.page].draw();
  const line = pages[match.page].linesIn(match.start, match.end).find(({ quad }) => quad);
  goTo(match.page, line?.quad);
  renderSide();
  document.querySelector("#panel mark.current")?.scrollIntoView({ block: "nearest" });
  renderFound();
}

function renderFound() {
  const found = document.getElementById("found");
  const count = search.matches.length;
  found.textContent = search.query ? `${search.at + 1} / ${count}${count >= MOST ? "+" : ""}` : "";
  found.classList.toggle("none", Boolean(search.query) && !count);
  for (const id of ["back", "on"]) document.getElementById(id).disabled = !count;
}
