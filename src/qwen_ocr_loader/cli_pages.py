"""What the commands that read pages share: which pages and how, where they are written, what failed."""

from __future__ import annotations

import json
import logging
import re
import sys
from contextlib import contextmanager
from copy import copy
from importlib import import_module
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, get_args

from .download import Download
from .errors import OCRError
from .fields.completion import of_file
from .fields.model import is_model
from .fields.review import Item, review_fields, review_page
from .options import Options, Rasterizer, TextForm, TextLayerPolicy
from .preprocess.steps import STEPS
from .render import markdown
from .target import Target
from .tasks import TASKS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from .report import Failure, Origin, ReadPage, Report

MOST_PLACES = 20
"""Pages listed under one message."""
FORMATS = ("text", "markdown", "json", "jsonl")
DEFAULTS = Options()
ENGINES = "auto, local, NAME or NAME:MODEL; several are asked in turn"

TYPED = (
    *("base_url", "cache", "concurrency", "dpi", "engine", "fields", "glob", "max_cost", "on_error", "pages"),
    *("pages_per_call", "password", "preprocess", "prompt", "rasterizer", "rate_limit", "region", "task"),
    *("text_format", "text_layer", "witness"),
)
"""Options that take their value on the command line as in Python."""


class WrongOption(Exception):
    """An option's value that no reader takes."""


def add_reading(parser: argparse.ArgumentParser, engines: str = ENGINES) -> None:
    """What decides which pages are read, and how; ``engines`` says which there are to choose from."""
    add = parser.add_argument
    add("sources", nargs="+", metavar="FILE", help="a file, folder or URL; - for standard input")
    add("-e", "--engine", action="append", help=engines)
    add("-t", "--task", action="append", choices=TASKS, help=f"once or several times (default: {DEFAULTS.task})")
    add("--region", help="of the key, for engines dashscope and openai: beijing, singapore or virginia")
    add("--base-url", metavar="URL", help="of the server, for engines dashscope and openai")
    add("--language", action="append", metavar="CODE", help="of the pages, for engine local: ko, ru, ar, …; repeatable")
    add("--prompt", help="a prompt of your own instead of a task")
    add("--fields", help="all, a JSON file with names and descriptions, or a pydantic model as module:Model")
    add("-p", "--pages", help="for example 1,3-5,9-")
    add("--password", help="for encrypted PDFs")
    add("--text-layer", choices=get_args(TextLayerPolicy), help=f"(default: {DEFAULTS.text_layer})")
    add("--text-format", choices=get_args(TextForm), help="for every page (default: as it comes)")
    add("--dpi", type=int, help=f"of rendered PDF pages (default: {DEFAULTS.dpi})")
    add("--rasterizer", choices=get_args(Rasterizer), help=f"(default: {DEFAULTS.rasterizer})")
    add("--preprocess", action="append", choices=STEPS, help="once or several times: what is done to pictures first")
    add("--glob", help=f"which files of a folder (default: {DEFAULTS.glob})")
    add("--allow-private", action="store_true", help="let URLs point into private networks")
    add("--no-progress", action="store_true", help="no progress bar, also in a terminal")


def page_options(asked: argparse.Namespace) -> dict[str, Any]:
    """The options of a reader that ``add_reading`` asks for, as far as they are given."""
    options = {
        "engine": _engine(asked),
        "task": asked.task,
        "prompt": asked.prompt,
        "fields": _schema(asked.fields),
        "pages": asked.pages,
        "password": asked.password,
        "text_layer": asked.text_layer,
        "text_format": asked.text_format,
        "dpi": asked.dpi,
        "rasterizer": asked.rasterizer,
        "preprocess": asked.preprocess,
        "on_error": asked.on_error,
        "glob": asked.glob,
        "download": Download(allow_private=asked.allow_private),
        "show_progress": sys.stderr.isatty() and not asked.no_progress,
    }
    return {name: value for name, value in options.items() if value is not None}


def _engine(asked: argparse.Namespace) -> Any:
    """The engine's name, or, where a place or language is given, that engine; a list of several; None for neither."""
    given = {option: getattr(asked, option) for option in ("region", "base_url", "language") if getattr(asked, option)}
    if not (asked.engine or given):
        return None
    default = "local" if asked.language else getattr(asked, "engine_by_default", DEFAULTS.engine)
    kinds, specs = _settable_engines(), asked.engine or [default]
    names = [spec.partition(":")[0] for spec in specs]
    for option in given:
        if not any(option in kinds[name][1] for name in names if name in kinds):
            flag = option.replace("_", "-")
            raise ValueError(f"--{flag} is of no use to engine {', '.join(names)}; leave it out")
    engines = [_placed(spec, given, kinds) for spec in specs]
    return engines[0] if len(engines) == 1 else engines


def _placed(spec: str, given: Mapping[str, Any], kinds: Mapping[str, tuple[Any, dict[str, str]]]) -> Any:
    """The engine with what is given for it; its name alone where nothing is."""
    name, _, model = spec.partition(":")
    kind, settings = kinds.get(name, (None, {}))
    ours = {settings[option]: value for option, value in given.items() if option in settings}
    return kind(**ours, **({"model": model} if model else {})) if kind and ours else spec


def _settable_engines() -> dict[str, tuple[Any, dict[str, str]]]:
    """What makes the engines that take such options, and what they call them."""
    from .engines.dashscope import DashScopeEngine
    from .engines.local import LocalEngine
    from .engines.openai import OpenAIEngine

    place = {"region": "region", "base_url": "base_url"}
    return {
        "auto": (DashScopeEngine, place),
        "dashscope": (DashScopeEngine, place),
        "openai": (OpenAIEngine, place),
        "local": (LocalEngine, {"language": "languages"}),
    }


def _schema(given: str | None) -> Any:
    """``all``, what the JSON file holds, or the class that ``module:Model`` names."""
    if given is None or given == "all":
        return given
    module, colon, name = given.rpartition(":")
    if colon and name.isidentifier() and not Path(given).exists():
        return _model(module, name)
    try:
        return json.loads(Path(given).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"--fields {given}: want 'all' or a JSON file, or module:Model ({error})") from error


def _model(module: str, name: str) -> Any:
    """A class of a module, which may lie in the folder the command is typed in."""
    sys.path.insert(0, str(Path.cwd()))
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"--fields {module}:{name}: there is no such class ({error})") from error
    finally:
        sys.path.pop(0)
    if not is_model(found):
        raise ValueError(f"--fields {module}:{name} is no pydantic model (version 2)")
    return found


def sources_of(asked: argparse.Namespace) -> list[Any]:
    """What is to be read."""
    return [sys.stdin.buffer if source == "-" else source for source in asked.sources]


@contextmanager
def output_to(path: str | None, sources: Sequence[Any] = (), glob: str = DEFAULTS.glob) -> Iterator[TextIO]:
    """A file that is there once all of it is written, and is none of the ``sources``; stdout without a path."""
    if path is None:
        yield sys.stdout
        return
    target = Target(path, "give another --output")
    target.refuse(list(sources), glob)
    try:
        with target.open() as file:
            yield file
    except OSError as error:
        raise OCRError(f"{path} cannot be written ({error.strerror}); give another --output") from error


def write_pages(
    pages: Iterable[ReadPage], form: str, out: TextIO, *, one: bool, unread: Callable[[], str] = str
) -> None:
    """Pages in one of ``FORMATS``; ``one`` where they are of one file, which ``unread`` names if it gave none."""
    match form:
        case "json":
            files = [_as_dict(list(group)) for _, group in groupby(pages, key=lambda page: id(page.origin))]
            if one and not files:
                files = [{"source": unread(), "pages": []}]
            said = files[0] if one and len(files) == 1 else files
            print(json.dumps(said, ensure_ascii=False, indent=1), file=out)
        case "jsonl":
            for page in pages:
                row = {"source": page.origin.name, **page.result.to_dict()}
                print(json.dumps(row, ensure_ascii=False), file=out, flush=True)
        case _:
            for i, page in enumerate(pages):
                text = markdown(page.result) if form == "markdown" else page.result.text
                print("\f" * (i > 0) + text, file=out, flush=True)


def _as_dict(pages: list[ReadPage]) -> dict[str, Any]:
    return {"source": pages[0].origin.name, "pages": [page.result.to_dict() for page in pages]}


def write_review(pages: Iterable[ReadPage], fields: Any, form: str, out: TextIO) -> None:
    """What a person should look at: rows of text, tab by tab, or JSON; how many of how many files to stderr.

    Args:
        pages: As read, those of a file together.
        fields: The option; a file's fields are merged and checked as a whole.
        form: One of ``FORMATS``.
        out: Where to.
    """
    count, doubtful, rows = 0, 0, list[dict[str, Any]]()
    if form in ("text", "markdown"):
        print("file", *Item._fields, sep="\t", file=out)
    for _, group in groupby(pages, key=lambda page: id(page.origin)):
        origin, items = _of_file(list(group), fields)  # kept, so that the next one has another id
        count, doubtful = count + 1, doubtful + bool(items)
        for item in items:
            row = {"file": origin.name, **item.to_dict()}
            match form:
                case "json":
                    rows.append(row)
                case "jsonl":
                    print(json.dumps(row, ensure_ascii=False), file=out, flush=True)
                case _:
                    print(*map(_cell, row.values()), sep="\t", file=out, flush=True)
    if form == "json":
        print(json.dumps(rows, ensure_ascii=False, indent=1), file=out)
    print(f"to be looked at: {doubtful} of {count} files", file=sys.stderr)


def _of_file(pages: Sequence[ReadPage], fields: Any) -> tuple[Origin, list[Item]]:
    """Which file it is, and what to look at in it."""
    parts = [page.part for page in pages if page.part is not None]
    merged = of_file(parts, fields).fields if parts else {}
    return pages[0].origin, [item for page in pages for item in review_page(page.result)] + list(review_fields(merged))


def _cell(value: Any) -> str:
    """A row's cell on one line; a box as its numbers."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else " ".join(str(value).split())


_OPTION = re.compile(rf"(?<![\w(.?&/-])({'|'.join(TYPED)})=([^\s,;])?")


def typed(message: object) -> str:
    """A message that says what to type, as it is typed here: ``--pages 1`` for ``pages=1``."""

    def option(told: re.Match[str]) -> str:
        return f"--{told[1].replace('_', '-')}" + (f" {told[2]}" if told[2] else "")

    return _OPTION.sub(option, str(message)).replace("Download(allow_private=True)", "--allow-private")


def told(error: OCRError) -> str:
    """An error as it is said here, with names of files as they are."""
    return str(error).replace(error.message, typed(error.message))


class Told(logging.Formatter):
    """What the package logs, as it is said here."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without a newline."""
        said = copy(record)
        said.msg = typed(record.msg)
        if isinstance(record.args, tuple):
            said.args = tuple(told(value) if isinstance(value, OCRError) else value for value in record.args)
        return super().format(said)


def tell(report: Report) -> int:
    """What was skipped, cut off or failed, each message with its pages, to stderr; the exit code is the first's."""
    for name in report.skipped:
        print(f"skipped, neither image nor PDF: {name}", file=sys.stderr)
    for name, page in report.cut_off:
        print(f"cut off, so there may be more on it: {name}, page {page + 1}", file=sys.stderr)
    if report.failures:
        print(f"failed: {len(report.failures)}", file=sys.stderr)
    for (kind, message), alike in _alike(report.failures).items():
        print(f"  {kind}: {typed(message)}", file=sys.stderr)
        for failure in alike[:MOST_PLACES]:
            print(f"    {_place(failure)}", file=sys.stderr)
        if len(alike) > MOST_PLACES:
            print(f"    and {len(alike) - MOST_PLACES} more", file=sys.stderr)
    return report.failures[0].error.exit_code if report.failures else 0


def _alike(failures: Iterable[Failure]) -> dict[tuple[str, str], list[Failure]]:
    """Failures by what they say: a missing key is said once, not for every page."""
    groups: dict[tuple[str, str], list[Failure]] = {}
    for failure in failures:
        groups.setdefault((type(failure.error).__name__, failure.error.message), []).append(failure)
    return groups


def _place(failure: Failure) -> str:
    return failure.source if failure.page is None else f"{failure.source}, page {failure.page + 1}"
