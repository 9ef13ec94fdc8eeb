"""The layout of the package: who may import whom, and how heavy the front door is."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import qwen_ocr_loader

SRC = Path(qwen_ocr_loader.__file__).parent

# Each module imports only from rows above its own.
ROWS = [
    "forking",
    "errors",
    "geometry",
    "rects",
    "writing",
    "squashed",
    "results",
    "palette",
    "card",
    "witness.wording",
    "witness.alignment",
    "witness.comparison",
    "gutters",
    "columns",
    "paragraphs",
    "layout",
    "tasks",
    "prompts",
    "prices",
    "catalog",
    "fields.model",
    "fields.schema",
    "fields.letters",
    "fields.paths",
    "fields.amounts",
    "fields.dates",
    "fields.ticks",
    "fields.page_index",
    "fields.candidates",
    "fields.surroundings",
    "fields.phrases",
    "fields.labels",
    "fields.shapes",
    "fields.cuts",
    "fields.rows",
    "fields.receipts",
    "fields.ledger",
    "fields.printed",
    "fields.items",
    "fields.pairing",
    "fields.grounding",
    "fields.merging",
    "fields.validation",
    "fields.completion",
    "fields.review",
    "fields.checks",
    "fields",
    "repeats",
    "markup",
    "markdown",
    "markdown.escaping",
    "tables.cells",
    "tables.writing",
    "tables.tags",
    "tables.html",
    "tables.latex",
    "tables.pipes",
    "tables.splitting",
    "tables",
    "markdown.blocks",
    "markdown.draft",
    "markdown.latex_names",
    "markdown.latex_source",
    "markdown.latex_tables",
    "markdown.latex_walk",
    "markdown.latex",
    "markdown.html",
    "markdown.mixed",
    "markdown.spans",
    "markdown.cells",
    "markdown.print",
    "markdown.page",
    "keyvalues",
    "words",
    "answers",
    "coordinates",
    "boxes",
    "doubts",
    "spots",
    "spot_rows",
    "qwenvl",
    "grounded",
    "pixels",
    "filetypes",
    "original",
    "download",
    "source",
    "target",
    "frames",
    "images",
    "fit",
    "pdf",
    "pdf_objects",
    "tables.drawn",
    "tables.pieces",
    "tables.slots",
    "tables.rules",
    "tables.lattice",
    "tables.aligned",
    "tables.captions",
    "tables.regions",
    "tables.slanet",
    "tables.local",
    "textpage",
    "textlines",
    "textlayer",
    "appearances",
    "formfields",
    "user_units",
    "page_text",
    "second_process",
    "readahead",
    "pdf_render",
    "poppler",
    "pages",
    "page_pictures",
    "pdf_marks",
    "pace",
    "cache.claims",
    "cleanup",
    "engines.base",
    "preprocess.tones",
    "engines.spacing",
    "engines.cores",
    "engines.models",
    "engines.networks",
    "engines.heatmap",
    "engines.recognition",
    "engines.ppocr",
    "engines.scripts",
    "engines.tesseract",
    "engines.recognisers",
    "engines.languages",
    "engines.structure",
    "engines.fake",
    "engines.local",
    "engines.faults",
    "engines.sse",
    "engines.flows",
    "engines.address",
    "engines.http",
    "engines.keys",
    "engines.parameters",
    "engines.transcript",
    "engines.upload",
    "engines.bill",
    "engines.wholeness",
    "engines.protocol",
    "engines.cloud",
    "engines.dashscope",
    "engines.openai",
    "engines",
    "preprocess.steps",
    "preprocess.way_back",
    "preprocess.sight",
    "preprocess.orientation",
    "preprocess.skew",
    "preprocess.preparation",
    "preprocess",
    "cache.contract",
    "cache.sqlite",
    "cache.directory",
    "cache.store",
    "cache.recent",
    "cache",
    "outages",
    "once",
    "witness.reading",
    "witness",
    "engine_settings",
    "options",
    "progress",
    "citations.location",
    "report",
    "budget",
    "jobs",
    "flight",
    "aflight",
    "finishing",
    "run",
    "reader",
    "render",
    "draw",
    "citations.line_rows",
    "citations.metadata_forms",
    "citations.chunks",
    "citations.alignment",
    "citations.families",
    "citations.pruning",
    "citations.anchors",
    "citations.quotes",
    "citations.locating",
    "citations.splitting",
    "citations",
    "highlight",
    "view.contents",
    "view.html",
    "view",
    "agent_tool.reach",
    "agent_tool.rows",
    "agent_tool",
    "langchain",
    "citations.llama_index",
    "llama_index",
    "batch.state_file",
    "batch.state",
    "batch.lines",
    "batch.service",
    "batch.answers",
    "batch.parts",
    "batch.pages",
    "batch.trial",
    "batch.settings",
    "batch.job",
    "batch.beside",
    "batch.batch",
    "batch",
    "ray.columns",
    "ray.limiter",
    "ray.redis_store",
    "ray.objects",
    "ray.settings",
    "ray.listing",
    "ray.reading",
    "ray.dataset",
    "ray",
    "testing.rule",
    "testing.report",
    "testing.watch",
    "testing.files",
    "testing.trial",
    "testing.loading",
    "testing.contents",
    "testing.indexing",
    "testing.awaited",
    "testing.leaving",
    "testing.trouble",
    "testing.readers",
    "testing.check",
    "testing.suites",
    "testing",
    "cli_pages",
    "cli_batch",
    "cli_pictures",
    "cli",
]


def modules(src: Path = SRC) -> dict[str, Path]:
    found = {}
    for path in src.rglob("*.py"):
        name = ".".join(path.relative_to(src).with_suffix("").parts).removesuffix(".__init__")
        if name != "__init__":
            found[name] = path
    return found


def imported(name: str, found: dict[str, Path]) -> set[str]:
    """The package's own modules that a module imports at run time, wherever in it, by relative imports."""
    path = found[name]
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    names = set()
    for node in walk_run_time(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = [part for part in package.split(".") if part]
            base = base[: len(base) - (node.level - 1)] if node.level > 1 else base
            base += node.module.split(".") if node.module else []
            for alias in node.names:
                inside = ".".join([*base, alias.name])
                names.add(inside if inside in found or not base else ".".join(base))
    return names - {"__version__", ""}


def out_of_row(name: str, found: dict[str, Path], rows: list[str]) -> set[str]:
    """What a module imports from its own row or below."""
    return imported(name, found) - set(rows[: rows.index(name)])


def walk_run_time(tree: ast.AST):
    """Nodes outside ``if TYPE_CHECKING``."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            continue
        yield node
        yield from walk_run_time(node)


def test_every_module_has_a_row():
    assert set(modules()) == set(ROWS)


# A noun's own methods may be kept in a module of their own.
DOWNWARD = {"results": {"tables", "card"}}


@pytest.mark.parametrize("name", ROWS)
def test_imports_go_upward_only(name: str):
    assert out_of_row(name, modules(), ROWS) <= DOWNWARD.get(name, set())


@pytest.mark.parametrize(
    ("says", "wrongly"),
    [
        ("from . import lower", {"part.lower"}),
        ("from . import upper, lower as below", {"part.lower"}),
        ("from . import middle", {"part.middle"}),
        ("from .lower import Noun", {"part.lower"}),
        ("from .. import last", {"last"}),
        ("from ..last import Noun", {"last"}),
        ("from ..other import lower", {"other.lower"}),
        ("def late():\n    from . import lower", {"part.lower"}),
        ("if TYPE_CHECKING:\n    from . import lower", set()),
        ("from . import upper, Noun", set()),
        ("from .upper import Noun", set()),
        ("from ..other import Noun", set()),
        ("from .. import first, __version__", set()),
    ],
)
def test_a_downward_import_is_seen_in_every_relative_form(tmp_path, says, wrongly):
    rows = ["first", "other", "part", "part.upper", "part.middle", "part.lower", "other.lower", "last"]
    for package in (tmp_path, tmp_path / "other", tmp_path / "part"):
        package.mkdir(exist_ok=True)
        (package / "__init__.py").touch()
    for name in set(rows) - {"other", "part"}:
        tmp_path.joinpath(*name.split(".")).with_suffix(".py").write_text(says if name == "part.middle" else "")
    found = modules(tmp_path)
    assert set(found) == set(rows)
    assert out_of_row("part.middle", found, rows) == wrongly


def test_front_door_lists_itself():
    tree = ast.parse((SRC / "__init__.py").read_text())
    typed = {
        alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level for alias in node.names
    }
    assert list(qwen_ocr_loader.__all__) == sorted(qwen_ocr_loader.__all__)
    assert typed == set(qwen_ocr_loader.__all__)
    for name in qwen_ocr_loader.__all__:
        assert getattr(qwen_ocr_loader, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'Readr'"):
        qwen_ocr_loader.Readr  # noqa: B018


def test_import_loads_no_third_party_module():
    code = (
        "import sys; before = set(sys.modules); from qwen_ocr_loader import *; import qwen_ocr_loader; "
        "new = {m.partition('.')[0] for m in set(sys.modules) - before}; "
        "print(*new - sys.stdlib_module_names - {'qwen_ocr_loader'})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_every_module_says_its_idea_first():
    for name, path in modules().items():
        docstring = ast.get_docstring(ast.parse(path.read_text()))
        assert docstring, name
        assert docstring.splitlines()[0].rstrip().endswith((".", ":", "?")), name
