"""Documents that want to run in the viewer: nothing of them does, and its policy would stop it."""

from __future__ import annotations

import pytest

from browsing import Sheet, browsers, html, needs_chromium, sheet, shows
from qwen_ocr_loader.geometry import Quad
from qwen_ocr_loader.report import Origin
from qwen_ocr_loader.results import Agreement, Field, Line, Table

pytestmark = needs_chromium
browser = pytest.fixture(browsers, scope="module")
show = pytest.fixture(shows)

ATTACKS = (
    "<script>pwned=1</script>",
    '"><img src=x onerror=pwned=2>',
    "</script><script>pwned=3</script>",
    "javascript:pwned=4",
    "<svg onload=pwned=5>",
    "<!--<script>",
    "\u202etxet desrever\u2066",
    "{{script}}",
    "]]></style><style>*{display:none}",
)


def test_nothing_from_a_document_runs(show):
    fields = {words: Field({words: [words, {words: words}]}, problems=(words,)) for words in ATTACKS}
    rows = tuple((words, words) for words in ATTACKS)
    disputed = tuple(Line(words, 0, 0, Quad.from_box(0.1, 0.1, 0.2, 0.2)) for words in ATTACKS)
    parts = {"fields": fields, "tables": (Table(ATTACKS[0], rows),), "formulas": ATTACKS}
    parts["agreement"] = Agreement(ATTACKS[0], 0.5, disputed, disputed, doubtful=True)
    attacked = sheet(rows=ATTACKS, **parts)
    page = attacked.page._replace(origin=Origin(ATTACKS[1], ATTACKS[1]), label=ATTACKS[0])
    tab = show(Sheet(page, attacked.picture))
    for key in ("1", "2", "3", "1", "o"):
        tab.keyboard.press(key)
        for word in ATTACKS:
            assert key in "23o" or word in tab.locator("#panel .words").all_inner_texts()
    for number, words in enumerate(ATTACKS):
        tab.locator("polygon.line").nth(number).dispatch_event("click")
        tab.fill("#query", words)
    assert tab.locator("#panel script, #panel img, #panel svg, #panel a, #panel style, #about img").count() == 0
    assert tab.evaluate("typeof pwned") == "undefined"
    assert tab.locator("script").count() == 3


INTRUDE = """async () => {
  const attempt = (act) => { try { act(); return "done" } catch (error) { return error.name } };
  const tell = (promise) => promise.then(() => "sent", (error) => error.name);
  const button = document.body.appendChild(document.createElement("button"));
  const script = document.createElement("script");
  const image = new Image();
  const loaded = new Promise((done) => { image.onload = image.onerror = (event) => done(event.type) });
  image.src = "http://127.0.0.1:9/x.png";
  return {
    markup: attempt(() => { document.body.innerHTML += '<img src=x onerror="pwned=1">' }),
    handler: attempt(() => { button.setAttribute("onclick", "pwned=2"); button.click() }),
    script: attempt(() => { script.text = "pwned=3"; document.body.append(script) }),
    network: await tell(fetch("http://127.0.0.1:9/")),
    picture: await loaded,
    pwned: typeof pwned,
  };
}"""


def test_what_would_run_is_stopped_by_the_policy(browser, tmp_path):
    """Were there a hole in the viewer, the policy would still hold."""
    (tmp_path / "view.html").write_text(html([sheet()]), encoding="utf-8")
    context = browser.new_context()
    tab = context.new_page()
    tab.goto((tmp_path / "view.html").as_uri())
    said = tab.evaluate(INTRUDE)
    context.close()
    assert said == {
        "markup": "TypeError",
        "handler": "TypeError",
        "script": "TypeError",
        "network": "TypeError",
        "picture": "error",
        "pwned": "undefined",
    }
