"""The command line: ``qwen-ocr read FILE…`` and ``qwen-ocr engines``."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from contextlib import contextmanager
from importlib.util import find_spec
from io import TextIOWrapper
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, get_args

from . import __version__
from .download import Download
from .engines import engine_factories
from .errors import OCRError
from .options import ErrorPolicy, Options, Rasterizer, TextLayerPolicy
from .reader import Reader
from .render import markdown
from .tasks import TASKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from .report import ReadPage, Report

FORMATS = ("text", "markdown", "json", "jsonl")
DEFAULTS = Options()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0, or that of the first error's class."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    logging.basicConfig(format="%(message)s", level=logging.INFO if asked.verbose else logging.WARNING)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        code: int = asked.run(asked)
    except OCRError as error:
        print(f"qwen-ocr: {error}", file=sys.stderr)
        return error.exit_code
    except _WrongOption as error:
        parser.error(str(error))
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone; there is nobody to tell
        return 0
    return code


class _WrongOption(Exception):
    """An option's value that no reader takes."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="qwen-ocr", description="Scans in, citable text out.")
    parser.add_argument("--version", action="version", version=f"qwen-ocr {__version__}")
    parser.add_argument("-v", "--verbose", action="store_true", help="say what is going on, on stderr")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_read(commands.add_parser("read", help="read images and PDFs, text to stdout"))
    _add_estimate(commands.add_parser("estimate", help="pages, calls, tokens and cost, before any money is spent"))
    engines = commands.add_parser("engines", help="what is installed, what it can do, what is missing")
    engines.set_defaults(run=_engines)
    return parser


def _add_read(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_read)
    add = parser.add_argument
    _add_reading(parser)
    add("-f", "--format", choices=FORMATS, default="text", help="of the output (default: %(default)s)")
    add("-o", "--output", metavar="FILE", help="write there instead of to stdout")
    add("--on-error", choices=get_args(ErrorPolicy), default="skip", help="of a page or file (default: %(default)s)")
    add("--max-cost", type=float, metavar="AMOUNT", help="send no page that could take the cost above this")


def _add_estimate(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_estimate, on_error="skip", max_cost=None)
    _add_reading(parser)


def _add_reading(parser: argparse.ArgumentParser) -> None:
    """What decides which pages are read, and how."""
    add = parser.add_argument
    add("sources", nargs="+", metavar="FILE", help="a file, folder or URL; - for standard input")
    add("-e", "--engine", default=DEFAULTS.engine, help="auto, local, NAME or NAME:MODEL (default: %(default)s)")
    add("-t", "--task", action="append", choices=TASKS, help=f"once or several times (default: {DEFAULTS.task})")
    add("--region", help="of the key, for engine dashscope: beijing, singapore or virginia")
    add("--prompt", help="a prompt of your own instead of a task")
    add("--fields", help="all, or a JSON file with names and descriptions of the fields wanted")
    add("-p", "--pages", help="for example 1,3-5,9-")
    add("--password", help="for encrypted PDFs")
    add("--text-layer", choices=get_args(TextLayerPolicy), default=DEFAULTS.text_layer, help="(default: %(default)s)")
    add("--dpi", type=int, default=DEFAULTS.dpi, help="of rendered PDF pages (default: %(default)s)")
    add("--rasterizer", choices=get_args(Rasterizer), default=DEFAULTS.rasterizer, help="(default: %(default)s)")
    add("--concurrency", type=int, default=DEFAULTS.concurrency, help="pages in flight (default: %(default)s)")
    add("--pages-per-call", type=int, default=DEFAULTS.pages_per_call, help="sent as one message (default: 1)")
    add("--glob", default=DEFAULTS.glob, help="which files of a folder (default: %(default)s)")
    add("--allow-private", action="store_true", help="let URLs point into private networks")
    add("--no-progress", action="store_true", help="no progress bar, also in a terminal")


def _reader(asked: argparse.Namespace) -> Reader:
    try:
        return _made(asked)
    except (TypeError, ValueError) as error:
        raise _WrongOption(error) from error


def _made(asked: argparse.Namespace) -> Reader:
    reader = Reader(
        engine=_engine(asked),
        task=asked.task or DEFAULTS.task,
        prompt=asked.prompt,
        fields=_schema(asked.fields),
        pages=asked.pages,
        password=asked.password,
        text_layer=asked.text_layer,
        dpi=asked.dpi,
        rasterizer=asked.rasterizer,
        concurrency=asked.concurrency,
        pages_per_call=asked.pages_per_call,
        on_error=asked.on_error,
        max_cost=asked.max_cost,
        glob=asked.glob,
        download=Download(allow_private=asked.allow_private),
        show_progress=sys.stderr.isatty() and not asked.no_progress,
    )
    _ = reader.engine  # an unknown name is the user's slip, and told as one
    return reader


def _engine(asked: argparse.Namespace) -> Any:
    """The engine's name, or, where a region is given, the engine there."""
    name, _, model = asked.engine.partition(":")
    if asked.region is None:
        return asked.engine
    if name not in ("auto", "dashscope"):
        raise ValueError(f"--region is of no use to engine {name}; leave it out")
    from .engines.dashscope import DashScopeEngine

    return DashScopeEngine(region=asked.region, **({"model": model} if model else {}))


def _schema(given: str | None) -> Any:
    """``all``, or what the JSON file holds."""
    if given is None or given == "all":
        return given
    try:
        return json.loads(Path(given).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"--fields {given}: want 'all' or a JSON file ({error})") from error


def _sources(asked: argparse.Namespace) -> list[Any]:
    return [sys.stdin.buffer if source == "-" else source for source in asked.sources]


def _read(asked: argparse.Namespace) -> int:
    reader = _reader(asked)
    with _output(asked.output) as out:
        one = len(asked.sources) == 1 and not Path(asked.sources[0]).is_dir()
        _write(reader.pages(_sources(asked)), asked.format, out, one=one)
    return _tell(reader.report)


def _estimate(asked: argparse.Namespace) -> int:
    reader = _reader(asked)
    report = reader.estimate(_sources(asked))
    usage = report.usage
    rows = {
        "pages": f"{report.pages:,}",
        "with sound text of their own": f"{report.from_text_layer:,}",
        f"for {reader.engine.name}": f"{report.pages - report.from_text_layer:,}",
        "calls": f"{usage.calls:,}",
        "tokens in": f"{usage.input_tokens:,}",
        "tokens out, at most likely": f"{usage.output_tokens:,}",
        "cost": str(report.cost) if report.cost else ("unknown: no price for this model" if usage.calls else "nothing"),
    }
    for name, value in rows.items():
        print(f"{name:<40} {value:>16}")
    return _tell(report)


@contextmanager
def _output(path: str | None) -> Iterator[TextIO]:
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


def _write(pages: Iterable[ReadPage], form: str, out: TextIO, *, one: bool) -> None:
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


def _tell(report: Report) -> int:
    """Failures to stderr, one a line; the exit code is that of the first."""
    for name in report.skipped:
        print(f"skipped, neither image nor PDF: {name}", file=sys.stderr)
    for failure in report.failures:
        print(f"failed: {failure.error}", file=sys.stderr)
    return report.failures[0].error.exit_code if report.failures else 0


def _engines(asked: argparse.Namespace) -> int:
    del asked
    for name, point in engine_factories().items():
        kind: Any = point.load()
        missing = [package for package in getattr(kind, "requires", ()) if find_spec(package) is None]
        state = f"missing {', '.join(missing)}; type: pip install 'qwen-ocr-loader[{name}]'" if missing else "ready"
        print(f"{name:<10} {state}")
        print(f"{'':<10} {', '.join(task for task in TASKS if task in kind.tasks)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
