"""What the commands that read pages share: which pages and how, where they are written, what failed."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, get_args

from .download import Download
from .errors import OCRError
from .options import Options, Rasterizer, TextLayerPolicy
from .render import markdown
from .tasks import TASKS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator

    from .report import Failure, ReadPage, Report

MOST_PLACES = 20
"""Pages listed under one message."""
FORMATS = ("text", "markdown", "json", "jsonl")
DEFAULTS = Options()
ENGINES = "auto, local, NAME or NAME:MODEL; several are asked in turn"


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
    add("--prompt", help="a prompt of your own instead of a task")
    add("--fields", help="all, or a JSON file with names and descriptions of the fields wanted")
    add("-p", "--pages", help="for example 1,3-5,9-")
    add("--password", help="for encrypted PDFs")
    add("--text-layer", choices=get_args(TextLayerPolicy), help=f"(default: {DEFAULTS.text_layer})")
    add("--dpi", type=int, help=f"of rendered PDF pages (default: {DEFAULTS.dpi})")
    add("--rasterizer", choices=get_args(Rasterizer), help=f"(default: {DEFAULTS.rasterizer})")
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
        "dpi": asked.dpi,
        "rasterizer": asked.rasterizer,
        "on_error": asked.on_error,
        "glob": asked.glob,
        "download": Download(allow_private=asked.allow_private),
        "show_progress": sys.stderr.isatty() and not asked.no_progress,
    }
    return {name: value for name, value in options.items() if value is not None}


def _engine(asked: argparse.Namespace) -> Any:
    """The engine's name, or, where a place is given, the engine there; a list of several; None where neither is."""
    if not (asked.engine or asked.region or asked.base_url):
        return None
    default = getattr(asked, "engine_by_default", DEFAULTS.engine)
    engines = [_placed(spec, asked, several=len(asked.engine or ()) > 1) for spec in asked.engine or [default]]
    return engines[0] if len(engines) == 1 else engines


def _placed(spec: str, asked: argparse.Namespace, *, several: bool) -> Any:
    name, _, model = spec.partition(":")
    place = {"region": asked.region, "base_url": asked.base_url}
    given = {key: value for key, value in place.items() if value is not None}
    kinds = _placed_engines()
    if not given or (name not in kinds and several):
        return spec
    if name not in kinds:
        raise ValueError(f"--{next(iter(given)).replace('_', '-')} is of no use to engine {name}; leave it out")
    return kinds[name](**given, **({"model": model} if model else {}))


def _placed_engines() -> dict[str, Any]:
    """What makes the engines that live at an address."""
    from .engines.dashscope import DashScopeEngine
    from .engines.openai import OpenAIEngine

    return {"auto": DashScopeEngine, "dashscope": DashScopeEngine, "openai": OpenAIEngine}


def _schema(given: str | None) -> Any:
    """``all``, or what the JSON file holds."""
    if given is None or given == "all":
        return given
    try:
        return json.loads(Path(given).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"--fields {given}: want 'all' or a JSON file ({error})") from error


def sources_of(asked: argparse.Namespace) -> list[Any]:
    """What is to be read."""
    return [sys.stdin.buffer if source == "-" else source for source in asked.sources]


@contextmanager
def output_to(path: str | None) -> Iterator[TextIO]:
    """A file that is there once all of it is written; stdout without a path."""
    if path is None:
        yield sys.stdout
        return
    target = Path(path)
    draft = target.with_name(f".{target.name}.part")  # what is there stays until all of the new is written
    try:
        with draft.open("w", encoding="utf-8") as file:
            yield file
        draft.replace(target)
    except OSError as error:
        raise OCRError(f"{path} cannot be written ({error.strerror}); give another --output") from error
    finally:
        draft.unlink(missing_ok=True)


def write_pages(pages: Iterable[ReadPage], form: str, out: TextIO, *, one: bool) -> None:
    """Pages in one of ``FORMATS``; ``one`` where they are of one file."""
    match form:
        case "json":
            files = [_as_dict(list(group)) for _, group in groupby(pages, key=lambda page: id(page.origin))]
            said = (files or [{}])[0] if one else files
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


def tell(report: Report) -> int:
    """What was skipped and what failed, each message with its pages, to stderr; the exit code is the first's."""
    for name in report.skipped:
        print(f"skipped, neither image nor PDF: {name}", file=sys.stderr)
    if report.failures:
        print(f"failed: {len(report.failures)}", file=sys.stderr)
    for (kind, message), alike in _alike(report.failures).items():
        print(f"  {kind}: {message}", file=sys.stderr)
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
