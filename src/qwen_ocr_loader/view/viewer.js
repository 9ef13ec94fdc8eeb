"use strict";
// The viewer: where one is, what is pointed at, and the keys and buttons that change it.

const root = document.documentElement;
const stage = document.getElementById("stage");
const main = document.getElementById("main");
const byId = (id) => document.getElementById(id);
const isNarrow = () => matchMedia("(max-width: 760px)").matches;

const chosen = { page: -1, kind: "", index: -1, isKept: false };
const pages = readPages();
let current = 0;
let zoom = 1;

// --- where one is ---------------------------------------------------------------------------------------------------

/** Bring a page, or a place on it, into view. */
function goTo(index, quad = null) {
  const page = pages[Math.min(Math.max(index, 0), pages.length - 1)];
  const box = page.sheet.getBoundingClientRect();
  const frame = stage.getBoundingClientRect();
  if (!quad) {
    stage.scrollTop += page.element.getBoundingClientRect().top - frame.top - 10;
  } else {
    const points = corners(quad);
    const middle = (axis) => points.reduce((sum, point) => sum + point[axis], 0) / 4;
    const y = box.top + middle(1) * box.height;
    const x = box.left + middle(0) * box.width;
    const isSeen = y > frame.top + 40 && y < frame.bottom - 60 && x > frame.left && x < frame.right;
    if (!isSeen) {
      stage.scrollTop += y - frame.top - frame.height * 0.4;
      stage.scrollLeft += x - frame.left - frame.width / 2;
    }
  }
  setCurrent(page.index);
}

function setCurrent(index) {
  if (index === current && byId("number").value) return;
  current = index;
  if (document.activeElement !== byId("number")) byId("number").value = index + 1;
  byId("previous").disabled = index === 0;
  byId("next").disabled = index === pages.length - 1;
  renderSide();
}

/** The page that has the upper middle of the window. */
function followScroll() {
  if (!stage.clientHeight) return;
  const line = stage.getBoundingClientRect().top + stage.clientHeight * 0.35;
  const isAtEnd = stage.scrollTop + stage.clientHeight >= stage.scrollHeight - 2;
  const at = pages.findLastIndex((page) => page.element.getBoundingClientRect().top <= line);
  const here = pages[current].element.getBoundingClientRect();
  const frame = stage.getBoundingClientRect();
  if (isAtEnd && here.bottom > frame.top && here.top < frame.bottom && here.top > frame.top) return; // asked for by name
  setCurrent(Math.max(at, 0));
}

/** Zoom, and keep what is at a point of the window there. */
function setZoom(wanted, x = stage.clientWidth / 2, y = stage.clientHeight / 3) {
  const frame = stage.getBoundingClientRect();
  const sheet = pages[current].sheet;
  const before = sheet.getBoundingClientRect();
  const across = (frame.left + x - before.left) / before.width;
  const down = (frame.top + y - before.top) / before.height;
  zoom = Math.min(Math.max(wanted, 0.25), 6);
  root.style.setProperty("--zoom", zoom);
  const after = sheet.getBoundingClientRect();
  stage.scrollLeft += after.left + across * after.width - frame.left - x;
  stage.scrollTop += after.top + down * after.height - frame.top - y;
  byId("fit").textContent = `${Math.round(zoom * 100)}%`;
  measure();
}

/** Numbers on pages keep their size on the screen. */
function measure() {
  const width = pages[0].sheet.clientWidth;
  if (width) root.style.setProperty("--px", ACROSS / width);
}

// --- what is pointed at ---------------------------------------------------------------------------------------------

/** Light a box and its row; none without a kind. */
function point(page, kind, index, isKept = false) {
  const before = chosen.page;
  Object.assign(chosen, { page: kind ? page : -1, kind, index, isKept });
  if (before >= 0 && before !== page) pages[before].light("", -1);
  if (page >= 0) pages[page].light(kind, index);
  const row = page === current ? lightRow(kind, index) : lightRow("", -1);
  say(page, kind, index);
  return row;
}

/** On a narrow screen the words of a box are shown over the page. */
function say(page, kind, index) {
  const said = byId("said");
  const thing = kind && pages[page].things(kind)[index];
  said.hidden = !thing;
  if (!thing) return;
  const words = kind === "line" ? pages[page].text.slice(thing.start, thing.end) : (thing.name ?? `Table ${index + 1}`);
  const value = thing.name && typeof thing.value !== "object" ? `: ${thing.value}` : "";
  said.textContent = words + value;
}

function thingAt(target) {
  const element = target.closest?.("[data-kind]");
  if (!element) return null;
  const page = Number(element.closest("[data-page]")?.dataset.page ?? current);
  return { page, kind: element.dataset.kind, index: Number(element.dataset.index) };
}

stage.addEventListener("pointerover", (event) => {
  const thing = thingAt(event.target);
  if (!thing || event.pointerType === "touch") return;
  if (chosen.isKept && (chosen.page !== thing.page || chosen.index !== thing.index)) chosen.isKept = false;
  const row = point(thing.page, thing.kind, thing.index, chosen.isKept);
  row?.scrollIntoView({ block: "nearest" });
});

stage.addEventListener("pointerout", (event) => {
  if (thingAt(event.target) && !chosen.isKept && event.pointerType !== "touch") point(-1, "", -1);
});

stage.addEventListener("click", (event) => {
  const thing = thingAt(event.target);
  if (!thing) return point(-1, "", -1);
  setCurrent(thing.page);
  const wanted = { line: "text", doubt: "text", field: "fields", table: "tables" }[thing.kind];
  if (wanted !== tab && !isNarrow()) showTab(wanted);
  point(thing.page, thing.kind, thing.index, true)?.scrollIntoView({ block: "nearest" });
});

byId("panel").addEventListener("pointerover", (event) => {
  const thing = thingAt(event.target);
  if (thing && event.pointerType !== "touch") point(current, thing.kind, thing.index);
});

byId("panel").addEventListener("pointerleave", () => {
  if (!chosen.isKept) point(-1, "", -1);
});

byId("panel").addEventListener("click", (event) => {
  const thing = thingAt(event.target);
  const [quad] = thing ? placesOf(pages[current].things(thing.kind)[thing.index]) : [];
  if (!quad || String(getSelection())) return;
  if (isNarrow()) showTab("page");
  goTo(current, quad);
  point(current, thing.kind, thing.index, true);
});

/** The line before or after the one that is pointed at, over page breaks. */
function stepLine(by) {
  let page = chosen.kind === "line" ? chosen.page : current;
  let index = chosen.kind === "line" ? chosen.index + by : by > 0 ? 0 : pages[page].data.lines.length - 1;
  while (pages[page] && !pages[page].data.lines[index]) {
    page += by;
    index = by > 0 ? 0 : (pages[page]?.data.lines.length ?? 0) - 1;
  }
  if (!pages[page]) return;
  goTo(page, pages[page].data.lines[index].quad);
  point(page, "line", index, true)?.scrollIntoView({ block: "nearest" });
}

// --- what is shown --------------------------------------------------------------------------------------------------

function showTab(name) {
  if (name !== "page") tab = name;
  main.dataset.view = name;
  renderSide();
  if (name === "page" && isNarrow()) goTo(current);
}

function toggle(name) {
  if (name in root.dataset) delete root.dataset[name];
  else root.dataset[name] = "";
  byId(name).setAttribute("aria-pressed", String(name in root.dataset));
}

function toggleTheme() {
  root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
}

function clearAll() {
  byId("query").value = "";
  runSearch("");
  point(-1, "", -1);
  delete root.dataset.only;
  renderSide();
  stage.focus();
}

byId("legend").addEventListener("click", (event) => {
  const step = event.target.closest("button")?.dataset.step;
  if (!step) return;
  if (root.dataset.only === step) delete root.dataset.only;
  else root.dataset.only = step;
  renderLegend(pages[current]);
});

byId("tabs").addEventListener("click", (event) => {
  const name = event.target.closest("button")?.dataset.tab;
  if (name) showTab(name);
});

// --- keys and buttons -----------------------------------------------------------------------------------------------

const KEYS = {
  ArrowLeft: () => goTo(current - 1),
  ArrowRight: () => goTo(current + 1),
  Home: () => goTo(0),
  End: () => goTo(pages.length - 1),
  ArrowUp: () => stepLine(-1),
  ArrowDown: () => stepLine(1),
  k: () => stepLine(-1),
  j: () => stepLine(1),
  n: () => goToMatch(search.at + 1),
  N: () => goToMatch(search.at - 1),
  "+": () => setZoom(zoom * 1.25),
  "=": () => setZoom(zoom * 1.25),
  "-": () => setZoom(zoom / 1.25),
  0: () => setZoom(1),
  b: () => toggle("boxes"),
  o: () => toggle("order"),
  d: toggleTheme,
  1: () => showTab("text"),
  2: () => showTab("fields"),
  3: () => showTab("tables"),
  "/": () => byId("query").select(),
  "?": () => byId("help").showModal(),
  Escape: clearAll,
};

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || byId("help").open) return;
  if (event.target.matches("input") && event.key !== "Escape") return;
  const act = Object.hasOwn(KEYS, event.key) && KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

const BUTTONS = {
  previous: KEYS.ArrowLeft, next: KEYS.ArrowRight, smaller: KEYS["-"], larger: KEYS["+"], fit: KEYS[0],
  boxes: KEYS.b, order: KEYS.o, theme: KEYS.d, ask: KEYS["?"], back: KEYS.N, on: KEYS.n,
};
for (const [id, act] of Object.entries(BUTTONS)) byId(id).addEventListener("click", act);

byId("query").addEventListener("input", (event) => runSearch(event.target.value));
byId("query").addEventListener("keydown", (event) => {
  if (event.key === "Enter") goToMatch(search.at + (event.shiftKey ? -1 : 1));
});
byId("number").addEventListener("focus", (event) => event.target.select());
byId("number").addEventListener("change", (event) => {
  const number = Number.parseInt(event.target.value, 10);
  if (number >= 1) goTo(number - 1);
  event.target.value = current + 1;
});

stage.addEventListener("wheel", (event) => {
  if (!event.ctrlKey) return; // also what pinching a touchpad sends
  event.preventDefault();
  const frame = stage.getBoundingClientRect();
  setZoom(zoom * Math.exp(-event.deltaY / 200), event.clientX - frame.left, event.clientY - frame.top);
}, { passive: false });

let isFollowing = false;
stage.addEventListener("scroll", () => {
  if (isFollowing) return;
  isFollowing = true;
  requestAnimationFrame(() => {
    isFollowing = false;
    followScroll();
  });
}, { passive: true });

// --- start ----------------------------------------------------------------------------------------------------------

/** ``#page=3&q=words`` in the address. */
function followAddress() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  const number = Number.parseInt(wanted.get("page"), 10);
  if (number >= 1) goTo(number - 1);
  if (wanted.get("q")) runSearch((byId("query").value = wanted.get("q")));
}

function start() {
  byId("title").textContent = document.title;
  byId("total").textContent = `/ ${pages.length}`;
  root.dataset.boxes = "";
  root.dataset.theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  if (pages.length) tab = pages[0].data.fields.length ? "fields" : "text";
  if (!isNarrow()) main.dataset.view = tab;
  if (!pages.length) return;
  stage.append(...pages.map((page) => page.element));
  const near = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        const page = pages[entry.target.dataset.page];
        if (entry.isIntersecting) page.show();
        else page.hide();
      }
    },
    { root: stage, rootMargin: "120% 0px" },
  );
  for (const page of pages) near.observe(page.sheet);
  addEventListener("beforeprint", () => {
    near.disconnect();
    for (const page of pages) page.show("sync");
  });
  addEventListener("afterprint", () => {
    for (const page of pages) near.observe(page.sheet);
  });
  new ResizeObserver(measure).observe(stage);
  measure();
  renderFound();
  setCurrent(0);
  followAddress();
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", ({ matches }) => {
  root.dataset.theme = matches ? "dark" : "light";
});
addEventListener("hashchange", followAddress);
start();
