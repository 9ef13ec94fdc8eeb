"""How a cloud engine asks and what it understands, without a network: settings, requests, replies, prices.

A protocol says how a question is put (``request``) and what a reply's body means (``_transcript``, ``_answer``); all
else is here, once. The pure pair ``ask`` and ``parse`` serves the live calls, the Batch API and recorded replies.
"""

from __future__ import annotations

import json
import logging
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ..catalog import calibrated, cost, estimated_usage, image_tokens
from ..errors import ReplyTruncated, ReplyUnreadable
from ..fit import fitted
from ..geometry import Box
from ..results import PageResult, Usage
from ..tasks import PROMPT, TASKS
from .address import Address
from .base import Asked, Scan
from .keys import Secret, concealed
from .parameters import checked_parameters
from .wholeness import Looped, check_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ..answers import Answer
    from ..catalog import Model
    from ..fit import Encoded, Limits
    from ..prices import Money, RegionName
    from ..tasks import Ability, Task, TaskName
    from .flows import Call, Reply
    from .transcript import Transcript

PENALTY = 1.1  # what a page that made the model loop is asked with once more
STREAMED_TASKS = frozenset({"document_parsing", "table_parsing", "advanced_recognition"})  # their replies are long
logger = logging.getLogger("qwen_ocr_loader")


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudProtocol(ABC):
    """How a vision model is asked and what its replies mean; the settings that all such engines have.

    Attributes:
        model: As the service names it.
        region: Where the key is from.
        base_url: Instead of the region's. A user and password in it are sent, but never shown.
        api_key: Instead of the environment's. Never shown, never pickled.
        min_pixels, max_pixels: Between these a page is scaled; None for the model's own.
        stream: True, False, or ``"auto"``: where a reply may take long.
        timeout: Seconds to connect, and to wait for each piece of the answer.
        parameters: Sampling: ``max_tokens``, ``temperature``, ``top_p``, ``top_k``, ``repetition_penalty``,
            ``presence_penalty``, ``seed``, ``stop``, ``logprobs``, ``top_logprobs``. Only what is given is sent.
        catalog: What is known of the model, instead of the catalogue's own.
    """

    model: str
    region: RegionName = "beijing"
    base_url: str | None = None
    api_key: str | Secret | None = field(default=None, repr=False)
    min_pixels: int | None = None
    max_pixels: int | None = None
    stream: bool | Literal["auto"] = "auto"
    timeout: float = 300.0
    parameters: Mapping[str, Any] = field(default_factory=dict, hash=False)
    catalog: Model | None = None
    _measured: dict[str, Model] = field(default_factory=dict, init=False, repr=False, compare=False)

    protocol: ClassVar[str]
    tasks: ClassVar[frozenset[Ability]] = frozenset({*TASKS, PROMPT})

    def __post_init__(self) -> None:
        if self.stream not in (True, False, "auto"):
            raise ValueError(f"stream={self.stream!r}: want True, False or 'auto'")
        if isinstance(self.timeout, bool) or not isinstance(self.timeout, int | float) or not self.timeout > 0:
            raise ValueError(f"timeout={self.timeout!r}: want a number of seconds above 0")
        self.catalogued.check_pixels(self.min_pixels, self.max_pixels)
        if self.base_url is not None:
            object.__setattr__(self, "base_url", Address(self.base_url))
        _ = self.url()
        if not isinstance(self.api_key, Secret):
            object.__setattr__(self, "api_key", Secret(self.api_key))
        object.__setattr__(self, "parameters", checked_parameters(self.parameters, self.catalogued))

    @property
    def name(self) -> str:
        """As in ``metadata["ocr_engine"]``."""
        return f"{self.protocol}:{self.model}"

    @property
    def catalogued(self) -> Model:
        """What is known of the model: limits, prices, and its pixel factor, as measured once there are replies."""
        return self._measured.get(self.model) or self.catalog or self._lookup()

    @property
    def settings(self) -> str:
        """What changes the reading, as JSON: model, pixels, sampling and whatever the protocol adds."""
        changing = {
            "model": self.model,
            "region": self.region,
            "min_pixels": self.min_pixels,
            "max_pixels": self.max_pixels,
            "parameters": dict(self.parameters),
            **self._further_settings(),
        }
        return json.dumps(changing, sort_keys=True, default=str)

    # --- what a protocol says -----------------------------------------------------------------------------------------

    @abstractmethod
    def url(self) -> str:
        """The base URL, without a slash at its end.

        Raises:
            ValueError: ``base_url`` cannot be one of this protocol.
        """

    @abstractmethod
    def headers(self) -> dict[str, str]:
        """Of a call: the key, and what kind of body it has.

        Raises:
            MissingKey: A key is needed and there is none.
        """

    @abstractmethod
    def request(self, task: Task, images: Sequence[str], extra: Mapping[str, Any] | None = None) -> Call:
        """The request for a task about one page, or about several in one message.

        Args:
            task: What is asked.
            images: Each page's picture: a ``data:``, ``http(s):`` or ``oss:`` URL.
            extra: Parameters beside the engine's own.
        """

    @abstractmethod
    def _lookup(self) -> Model:
        """What the catalogue knows of the model."""

    @abstractmethod
    def _transcript(self, reply: Reply) -> Transcript:
        """What a reply's body says."""

    @abstractmethod
    def _answer(self, task: Task, said: Transcript, sent: Asked, *, exact: bool) -> Answer:
        """What the words mean for a page; ``exact`` where its boxes can belong to this one page."""

    @abstractmethod
    def _limits(self, *, upload: bool) -> Limits:
        """What the service accepts as one picture."""

    def _further_settings(self) -> dict[str, Any]:
        return {}

    def _own_words(self, task: Task) -> str:
        """What is said for a task beside the vendor's words, which the catalogue has counted."""
        return task.prompt or ""

    # --- what it costs ------------------------------------------------------------------------------------------------

    def estimate(self, scan: Scan, tasks: Sequence[Task]) -> Usage:
        """Calls and tokens the page is likely to need, rather too many than too few."""
        return sum((self._estimate(scan, task) for task in tasks), Usage())

    def ceiling(self, scan: Scan, tasks: Sequence[Task]) -> Usage:
        """The most it can need: replies as long as they may get, and the second try that a cut-off one is given."""
        longest = self.parameters.get("max_tokens", self.catalogued.max_output)
        once = [replace(self._estimate(scan, task), output_tokens=longest) for task in tasks]
        return sum(once + once, Usage())

    def _estimate(self, scan: Scan, task: Task) -> Usage:
        name: TaskName = "text_recognition" if task.name == "prompt" else task.name
        said = self._own_words(task) + (json.dumps(task.schema, ensure_ascii=False) if task.schema else "")
        width, height, model = scan.image.width, scan.image.height, self.catalogued
        into, out = estimated_usage(width, height, model, name, prompt=said, **self._pixels())
        return Usage(1, into, out, image_tokens(width, height, model, **self._pixels()))

    def cost(self, usage: Usage) -> Money | None:
        """What calls and tokens cost, by the catalogue's dated prices; None where none is known."""
        return cost(usage, self.catalogued, self.region)

    # --- ask and parse ------------------------------------------------------------------------------------------------

    def ask(self, scan: Scan, task: Task) -> Call:
        """The one request for a task about a page, the picture inside it."""
        return self.request(task, [self._encoded(scan, upload=False).data_url()])

    def asked(self, scan: Scan) -> Asked:
        """What ``parse`` needs of a page once its pixels are gone."""
        return self.questions(scan, [])[0]

    def questions(
        self, scan: Scan, tasks: Sequence[Task], *, max_base64: int | None = None
    ) -> tuple[Asked, list[Call]]:
        """``asked``, and ``ask`` for each task, with the picture encoded once.

        Args:
            scan: The page.
            tasks: What is asked of it.
            max_base64: Characters the picture's ``data:`` URL may have, where they are fewer than the service takes.

        Raises:
            SourceTooLarge: It would have to be made illegible.
        """
        limits = self._limits(upload=False)
        if max_base64 is not None:
            limits = replace(limits, max_base64=min(max_base64, limits.max_base64 or max_base64))
        sent = fitted(scan.image, limits)
        url = sent.data_url()
        return Asked.about(scan, sent, blank=scan.image.is_blank()), [self.request(task, [url]) for task in tasks]

    def parse(self, page: Scan | Asked, task: Task, reply: Reply) -> PageResult:
        """What a reply to ``ask`` says about the page.

        Raises:
            EngineError: A fault; ``ReplyTruncated`` and ``ReplyUnreadable`` carry what was read.
        """
        asked = self.asked(page) if isinstance(page, Scan) else page
        return self._result([asked], task, self._transcript(reply), lambda: asked.blank)

    def _result(self, pages: Sequence[Asked], task: Task, said: Transcript, blank: Callable[[], bool]) -> PageResult:
        """What a reply says, as a result of the first page: boxes are in its frame, so several pages have none."""
        page, about = pages[0], self._about(said)
        check_whole(said, task, about)
        if len(pages) == 1:
            self._measure(page, said.usage)
        try:
            answer = self._answer(task, said, page, exact=len(pages) == 1)
        except ReplyUnreadable as error:
            raise ReplyUnreadable(error.message, text=error.text, **about) from error
        something = answer.text.strip() or answer.lines or answer.fields or answer.tables or answer.formulas
        if not something and not blank():
            raise ReplyUnreadable("the reply is empty and the page is not; try another model", **about)
        if answer.doubt:
            logger.warning("page %d: %s", page.page + 1, answer.doubt)
        lines = (replace(line, quad=line.quad and line.quad.within(Box(*page.box))) for line in answer.lines)
        tables = (replace(table, quad=table.quad and table.quad.within(Box(*page.box))) for table in answer.tables)
        return page.result(
            self,
            [task],
            answer.text,
            text_format=answer.text_format,
            lines=tuple(replace(line, confidence=said.confidence) for line in lines),
            fields={name: replace(value, page=page.page) for name, value in answer.fields.items()},
            tables=tuple(tables),
            formulas=answer.formulas,
            truncated=answer.truncated,
            usage=said.usage,
        )

    def _measure(self, sent: Asked, usage: Usage) -> None:
        """Learn from a reply how many pixels make a token: an alias may have moved to another generation of models."""
        tokens = self._image_tokens(sent, usage) if sent.sent_width else 0
        if not tokens:
            return
        model = calibrated(self.catalogued, sent.sent_width, sent.sent_height, tokens, **self._pixels())
        if model != self.catalogued:
            self._measured[self.model] = model

    def _image_tokens(self, sent: Asked, usage: Usage) -> int:  # noqa: ARG002 - a protocol may have to guess
        """Of the picture; 0 where that is not known."""
        return usage.image_tokens

    def _about(self, said: Transcript) -> dict[str, Any]:
        return {"request_id": said.request_id, "usage": said.usage, "engine": self.name}

    def second_chance(self, error: ReplyTruncated) -> dict[str, Any]:
        """Parameters worth another try after a reply that was cut off; empty where there are none."""
        if isinstance(error, Looped):
            return {} if "repetition_penalty" in self.parameters else {"repetition_penalty": PENALTY}
        most, had = self.catalogued.max_output, error.usage.output_tokens if error.usage else 0
        return {"max_tokens": most} if "max_tokens" not in self.parameters and had < most else {}

    def _sampling(self, extra: Mapping[str, Any] | None) -> dict[str, Any]:
        """The parameters to send, ``max_tokens`` never above what the service was found to allow."""
        sent = {**self.parameters, **(extra or {})}
        known = self._measured.get(self.model)
        if known and "max_tokens" in sent:
            sent["max_tokens"] = min(sent["max_tokens"], known.max_output)
        return sent

    def _streamed(self, task: Task) -> bool:
        return self.stream if isinstance(self.stream, bool) else task.name in STREAMED_TASKS

    def _pixels(self) -> dict[str, int | None]:
        return {"min_pixels": self.min_pixels, "max_pixels": self.max_pixels}

    def _encoded(self, scan: Scan, *, upload: bool) -> Encoded:
        return fitted(scan.image, self._limits(upload=upload))

    def without_key(self, message: str) -> str:
        """A message as it may be shown: a service may repeat the key it was sent."""
        return concealed(message, self.api_key if isinstance(self.api_key, Secret) else Secret(self.api_key))
