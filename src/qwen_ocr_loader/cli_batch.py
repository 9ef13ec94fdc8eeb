"""The commands ``qwen-ocr batch submit``, ``status``, ``collect`` and ``cancel``."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from .cli_pages import FORMATS, WrongOption, add_reading, output_to, page_options, sources_of, tell, write_pages
from .errors import BatchError
from .options import ErrorPolicy

if TYPE_CHECKING:
    import argparse

    from .batch import Batch
    from .batch.job import Status
    from .batch.state import Part

STATE = "qwen-ocr.batch"
ENGINE = "openai:qwen-vl-ocr-latest"
POLL = 60.0  # seconds between two looks at a batch
_STATE_WORDS = {
    "filling": "not sent: submit was broken off",
    "ready": "to be uploaded",
    "uploading": "being uploaded",
    "uploaded": "uploaded",
    "creating": "being submitted",
    "ended": "ended, to be collected",
    "collected": "collected",
    "closed": "collected",
}


def add_batch(parser: argparse.ArgumentParser) -> None:
    """The command's own commands."""
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_submit(commands.add_parser("submit", help="send pages; again with the same files: only what is new"))
    status = commands.add_parser("status", help="how far it is")
    _add_collect(commands.add_parser("collect", help="fetch what has been read, ask again what failed"))
    cancel = commands.add_parser("cancel", help="send nothing more, and have the service stop")
    for command, run in ((status, _status), (cancel, _cancel)):
        command.set_defaults(run=run)
        _add_state(command)


def _add_state(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-s", "--state", default=STATE, metavar="FILE", help="the state file (default: %(default)s)")


def _add_window(parser: argparse.ArgumentParser) -> None:
    told = "time the service has, 24h to 336h or 1d to 14d (default: the one given last, at first 24h)"
    parser.add_argument("--window", help=told)


def _add_submit(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add_reading(parser, f"{ENGINE} (default) or openai:qwen-vl-ocr, with a key of Beijing's")
    _add_state(parser)
    add("--links", action="store_true", help="FILEs are URLs of pictures, or text files of them: sent, not fetched")
    add("--again", action="store_true", help="ask once more about pages of FILEs that failed or were cancelled")
    _add_window(parser)
    add("--dry-run", action="store_true", help="try the first pages with the vendor's free test model")
    add("--max-cost", type=float, metavar="AMOUNT", help="send nothing if the estimate is above this")
    add("--on-error", choices=get_args(ErrorPolicy), default="skip", help="of a page or file (default: %(default)s)")
    parser.set_defaults(run=_submit, engine_by_default=ENGINE)


def _add_collect(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    _add_state(parser)
    add("--wait", action="store_true", help="until all is read; may be broken off and started again at any time")
    add("--partial", action="store_true", help="be content with what is there")
    _add_window(parser)
    add("--keep-files", action="store_true", help="leave requests and answers in the service's storage")
    add("-f", "--format", choices=FORMATS, default="text", help="of the output (default: %(default)s)")
    add("-o", "--output", metavar="FILE", help="write there instead of to stdout")
    add("--on-error", choices=get_args(ErrorPolicy), default="skip", help="of a page (default: %(default)s)")
    add("--no-progress", action="store_true", help="no progress bar, also in a terminal")
    parser.set_defaults(run=_collect)


def _submit(asked: argparse.Namespace) -> int:
    from .batch.parts import Pace

    try:
        pace = Pace(asked.window, POLL)
        batch = _batch(asked, links=asked.links, pace=pace, max_cost=asked.max_cost, **page_options(asked))
        _ = batch.reader()  # an unknown engine is the user's slip, and told as one
    except (TypeError, ValueError) as error:
        raise WrongOption(error) from error
    if asked.dry_run:
        return _try(batch, sources_of(asked))
    report = batch.submit(sources_of(asked), again=asked.again, tell=lambda line: print(line, file=sys.stderr))
    _say(batch.status(), asked.state)
    return tell(report)


def _try(batch: Batch, given: list[Any]) -> int:
    """The dry run, and what a real one is likely to cost."""
    sources = [source if isinstance(source, str) else source.read() for source in given]
    expected = batch.estimate(sources)
    cost = expected.cost or ("what nobody knows" if expected.usage.calls else "nothing")
    print(f"dry run of the first of {expected.pages:,} pages; all are likely to cost {cost}", file=sys.stderr)
    report = batch.submit(sources, dry_run=True)
    print(f"dry run: {report.pages:,} pages went there and came back; nothing was read or billed", file=sys.stderr)
    return tell(expected)


def _collect(asked: argparse.Namespace) -> int:
    from .batch.parts import Pace

    shown = sys.stderr.isatty() and not asked.no_progress
    try:
        pace = Pace(asked.window, POLL, asked.keep_files)
    except ValueError as error:
        raise WrongOption(error) from error
    batch = _batch(asked, pace=pace, on_error=asked.on_error, show_progress=shown)
    with output_to(asked.output) as out:
        write_pages(batch.collect(wait=asked.wait, partial=asked.partial), asked.format, out, one=False)
    if batch.report.cost:
        print(f"cost {batch.report.cost}", file=sys.stderr)
    if batch.report.failures:
        print(
            f"what failed is asked once more by: qwen-ocr batch submit FILE... --again -s {asked.state}",
            file=sys.stderr,
        )
    return tell(batch.report)


def _status(asked: argparse.Namespace) -> int:
    _say(_batch(asked).status(), asked.state)
    return 0


def _cancel(asked: argparse.Namespace) -> int:
    status = _batch(asked).cancel()
    if not status.cancelled:
        print("nothing to cancel: all is collected", file=sys.stderr)
    _say(status, asked.state)
    return 0


def _batch(asked: argparse.Namespace, **options: Any) -> Batch:
    from .batch import Batch

    if Path(asked.state).is_dir():
        raise BatchError(f"{asked.state} is a folder; name the state file: -s {asked.state}.batch")
    return Batch(asked.state, **options)


def _say(status: Status, state: str) -> None:
    """How far it is to stdout, what to type next to stderr."""
    counts = status.counts
    rows = {
        "pages": f"{counts.pages:,}",
        "requests read": f"{counts.done:,}",
        "requests failed": f"{counts.failed:,}",
        "requests still to be read": f"{counts.asked:,}",
        "likely cost of all, at half the price": str(status.expected or ("unknown" if any(counts[1:]) else "nothing")),
    }
    for name, value in rows.items():
        print(f"{name:<40} {value:>16}")
    for part in status.parts:
        if part.lines:
            print(f"{part.batch_id or f'part {part.id}':<40} {part.lines:>10,} requests, {_word(part)}")
    if status.cancelled:
        print("cancelled; what was read until then:", end=" ", file=sys.stderr)
    print(f"qwen-ocr batch collect{'' if status.finished else ' --wait'} -s {state}", file=sys.stderr)


def _word(part: Part) -> str:
    if part.state == "running":
        return f"{part.status}, {part.completed:,} read as of {time.strftime('%H:%M:%S', time.localtime(part.looked))}"
    return _STATE_WORDS[part.state]
