"""The command line, ``qwen-ocr``: read, estimate, batch, view, draw, cache, engines."""

from __future__ import annotations

import argparse
import logging
import sys
from contextlib import closing
from importlib.util import find_spec
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from . import __version__
from .cache import open_cache
from .cli_batch import add_batch
from .cli_pages import (
    DEFAULTS,
    FORMATS,
    WrongOption,
    add_reading,
    output_to,
    page_options,
    sources_of,
    tell,
    write_pages,
    write_review,
)
from .cli_pictures import add_pictures
from .engines import engine_factories
from .errors import OCRError, SourceError
from .options import ErrorPolicy
from .reader import Reader
from .tasks import TASKS

if TYPE_CHECKING:
    from collections.abc import Sequence


CACHE = "~/.cache/qwen-ocr"
INTERRUPTED = 130  # what a shell says of a command that Ctrl-C ended


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
    except WrongOption as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        print("qwen-ocr: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone; there is nobody to tell
        return 0
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="qwen-ocr", description="Scans in, citable text out.")
    parser.add_argument("--version", action="version", version=f"qwen-ocr {__version__}")
    parser.add_argument("-v", "--verbose", action="store_true", help="say what is going on, on stderr")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_read(commands.add_parser("read", help="read images and PDFs, text to stdout"))
    _add_estimate(commands.add_parser("estimate", help="pages, calls, tokens and cost, before any money is spent"))
    add_pictures(commands, _add_reading, _reader)
    add_batch(commands.add_parser("batch", help="the half-price Batch API: submit now, collect hours later"))
    _add_cache(commands.add_parser("cache", help="what is kept of pages read before: stats, clear"))
    engines = commands.add_parser("engines", help="what is installed, what it can do, what is missing")
    engines.set_defaults(run=_engines)
    return parser


def _add_read(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_read)
    add = parser.add_argument
    _add_reading(parser)
    add("-f", "--format", choices=FORMATS, default="text", help="of the output (default: %(default)s)")
    add("-o", "--output", metavar="FILE", help="write there instead of to stdout")
    add("--review", action="store_true", help="instead of the pages, list what of their fields to look at")
    add("--on-error", choices=get_args(ErrorPolicy), default="skip", help="of a page or file (default: %(default)s)")
    add("--max-cost", type=float, metavar="AMOUNT", help="send no page that could take the cost above this")


def _add_estimate(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_estimate, on_error="skip", max_cost=None)
    _add_reading(parser)


def _add_reading(parser: argparse.ArgumentParser) -> None:
    add_reading(parser)
    add = parser.add_argument
    add("--concurrency", type=int, default=DEFAULTS.concurrency, help="pages in flight (default: %(default)s)")
    add("--pages-per-call", type=int, default=DEFAULTS.pages_per_call, help="sent as one message (default: 1)")
    add("--rate-limit", type=float, metavar="N", help="requests a minute (default: what the vendor publishes)")
    add("--cache", nargs="?", const=CACHE, metavar="DIR", help=f"keep pages there, buy none twice (DIR: {CACHE})")
    add("--refresh", action="store_true", help="read anew what is in the cache")


def _add_cache(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_cache)
    parser.add_argument("action", choices=("stats", "clear"), help="count the pages kept, or forget them")
    parser.add_argument("cache", nargs="?", default=CACHE, metavar="DIR", help="(default: %(default)s)")


def _reader(asked: argparse.Namespace) -> Reader:
    try:
        return _made(asked)
    except (TypeError, ValueError) as error:
        raise WrongOption(error) from error


def _made(asked: argparse.Namespace) -> Reader:
    reader = Reader(
        concurrency=asked.concurrency,
        pages_per_call=asked.pages_per_call,
        max_cost=asked.max_cost,
        rate_limit=asked.rate_limit or "published",
        cache=asked.cache,
        refresh=asked.refresh,
        **page_options(asked),
    )
    _ = reader.engine  # an unknown name is the user's slip, and told as one
    return reader


def _read(asked: argparse.Namespace) -> int:
    reader = _reader(asked)
    with output_to(asked.output) as out:
        one = len(asked.sources) == 1 and not Path(asked.sources[0]).is_dir()
        pages = reader.pages(sources_of(asked))
        if asked.review:
            write_review(pages, reader.options.fields, asked.format, out)
        else:
            write_pages(pages, asked.format, out, one=one)
    return tell(reader.report)


def _estimate(asked: argparse.Namespace) -> int:
    reader = _reader(asked)
    report = reader.estimate(sources_of(asked))
    usage = report.usage
    rows = {
        "pages": f"{report.pages:,}",
        "with sound text of their own": f"{report.from_text_layer:,}",
        "in the cache": f"{report.from_cache:,}",
        f"for {reader.engine.name}": f"{report.pages - report.from_text_layer - report.from_cache:,}",
        "calls": f"{usage.calls:,}",
        "tokens in": f"{usage.input_tokens:,}",
        "tokens out, at most likely": f"{usage.output_tokens:,}",
        "cost": str(report.cost) if report.cost else ("unknown: no price for this model" if usage.calls else "nothing"),
    }
    for name, value in rows.items():
        print(f"{name:<40} {value:>16}")
    return tell(report)


def _cache(asked: argparse.Namespace) -> int:
    if not Path(asked.cache).expanduser().exists():
        raise SourceError(f"there is no cache at {asked.cache}; name its folder")
    with closing(open_cache(asked.cache)) as cache:
        if asked.action == "clear":
            print(f"{cache.clear():,} forgotten")
        else:
            pages, size = cache.stats()
            print(f"{pages:,} kept, {size / 1e6:,.1f} MB")
    return 0


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
