"""A dry run: the first pages through the whole Batch API with the vendor's test model, which reads nothing and is free.

Protocol: Alibaba Model Studio, "OpenAI compatible - Batch (file input)", 2025-12: model ``batch-test-model``, url
``/v1/chat/ds-test``, at most 1 MB and 100 lines a file; another url is refused as ``mismatched_test_url``.
"""

from __future__ import annotations

import json
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..engines.flows import Pause
from ..errors import BatchError
from ..images import PageImage
from .lines import answers, request_line
from .pages import links_in
from .parts import ENDED, WINDOW
from .service import failures

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..engines.base import Scan
    from ..engines.flows import Call, Flow
    from ..report import Report
    from ..source import SourceLike
    from .pages import BatchRun
    from .parts import Pace
    from .service import Service

MODEL, ENDPOINT = "batch-test-model", "/v1/chat/ds-test"
MOST_LINES, MOST_BYTES = 100, 1_000_000
SIDE = 320  # pixels of the small pictures that stand for the pages


class Trial:
    """The first pages of a source, as small pictures, sent and fetched as a real batch would be."""

    def __init__(self, run: BatchRun, service: Service, pace: Pace, name: str) -> None:
        self._run, self._service, self._pace, self._name = run, service, pace, name

    def flow(self, source: SourceLike, *, links: bool) -> Flow[Report]:
        """Upload, make the batch, wait for it, and see that each line is answered.

        Raises:
            BatchError: It failed, or lines have no answer.
            EngineError: The service refuses it.
        """
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "trial.jsonl")
            lines = list(self._lines(self._urls(source) if links else self._pictures(source)))
            if not lines:
                raise BatchError(
                    "there is no page to try: all have text of their own, or none can be read; qwen-ocr read does it"
                )
            path.write_bytes(b"".join(lines))
            file_id = yield from self._service.upload(path, f"{self._name}.jsonl")
            batch = yield from self._service.create(file_id, ENDPOINT, self._pace.window or WINDOW, self._name)
            batch = yield from self._ended(batch)
            answered = yield from self._answered(batch, Path(folder, "answers.jsonl"))
            for found in filter(None, (file_id, batch.get("output_file_id"), batch.get("error_file_id"))):
                yield from self._service.delete(found)
        if missing := len(lines) - len(answered):
            raise BatchError(f"{missing} of {len(lines)} lines of the dry run have no answer; try it again later")
        self._run.report.pages = len({page for page, _ in answered})
        return self._run.report

    def _ended(self, batch: dict[str, Any]) -> Flow[dict[str, Any]]:
        while batch.get("status") not in ENDED:
            yield Pause(self._pace.poll)
            batch = yield from self._service.look(batch["id"])
        if batch["status"] != "completed":
            raise BatchError(f"the dry run {batch['status']}: {'; '.join(failures(batch)) or 'no reason given'}")
        return batch

    def _answered(self, batch: dict[str, Any], path: Path) -> Flow[set[tuple[int, int]]]:
        if not batch.get("output_file_id"):
            return set()
        yield from self._service.fetch(batch["output_file_id"], path)
        return {(answer.page, answer.task) for answer in answers(path) if answer.reply.status == 200}

    def _lines(self, pages: Iterator[list[Call]]) -> Iterator[bytes]:
        number = room = 0
        for page, calls in enumerate(pages, 1):
            for task, call in enumerate(calls):
                assert isinstance(call.body, bytes)
                body = json.dumps({**json.loads(call.body), "model": MODEL}, ensure_ascii=False).encode()
                line = request_line(page, task, body, ENDPOINT)
                number, room = number + 1, room + len(line)
                if number > MOST_LINES or room > MOST_BYTES:
                    return
                yield line

    def _pictures(self, source: SourceLike) -> Iterator[list[Call]]:
        with closing(self._run.jobs(source)) as jobs:
            for job in jobs:
                if job.scan is not None:
                    yield self._run.asker.questions(_small(job.scan), self._run.tasks)[1]

    def _urls(self, source: SourceLike) -> Iterator[list[Call]]:
        for url in links_in(source):
            yield [self._run.asker.request(task, [url]) for task in self._run.tasks]


def _small(scan: Scan) -> Scan:
    picture = scan.image.pixels().copy()
    picture.thumbnail((SIDE, SIDE))
    return scan._replace(image=PageImage.from_pixels(picture))
