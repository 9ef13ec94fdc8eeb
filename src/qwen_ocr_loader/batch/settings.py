"""What a batch was asked for, as options and as the JSON its state file keeps: never a key, never a password."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, cast

from ..catalog import MODELS, lookup
from ..download import without_secrets
from ..engines import make_engine
from ..engines.openai import OpenAIEngine
from ..errors import BatchError
from ..fields.schema import schema_of
from ..forking import cached_property
from ..options import Options
from ..reader import Reader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .service import BatchEngine

ENGINE = "openai:qwen-vl-ocr-latest"
READING = ("task", "prompt", "fields", "text_layer", "dpi", "rasterizer")
"""Options that change what is read: they belong to a state file for good."""
KEPT = (*READING, "pages", "mode", "pages_delimiter", "metadata", "on_error", "text_format")
_OF_NO_USE = {"cache", "refresh", "rate_limit", "concurrency"}
_NOT_KEPT = ("api_key", "retry", "catalog")  # of an engine
_SERVED = [name for name in MODELS if "beijing" in lookup(name).batch_regions]


@dataclass(frozen=True)
class Settings:
    """Options as they were given.

    Attributes:
        given: By name; the others are the state file's, or the defaults.
        links: Whether sources are links; None where nobody said.
    """

    given: Mapping[str, Any]
    links: bool | None = None

    def __post_init__(self) -> None:
        options = Options.of(self.given)
        if options.pages_per_call > 1:
            raise ValueError(f"pages_per_call={options.pages_per_call}: a batch asks about one page at a time")
        if options.witness is not None:
            raise ValueError("witness= reads pages as they come; a batch has none, so leave it out")
        if options.steps:
            raise ValueError("preprocess= prepares pages as they come; a batch has none of it, so leave it out")
        for name in _OF_NO_USE & set(self.given):
            raise ValueError(f"{name}= is of no use to a batch; leave it out")

    @cached_property
    def options(self) -> Options:
        """All of them."""
        return Options.of(self.given)

    @cached_property
    def engine(self) -> OpenAIEngine:
        """Who is asked.

        Raises:
            BatchError: It has no Batch API.
        """
        given = self.given.get("engine", ENGINE)
        if isinstance(given, list | tuple):
            raise BatchError(f"a batch is read by one engine; pass engine={ENGINE!r}")
        engine = make_engine(given)
        if not isinstance(engine, OpenAIEngine):
            raise BatchError(f"{engine.name} has no Batch API; pass engine={ENGINE!r}")
        model = engine.catalogued
        if engine.is_dashscope and model.known and engine.region not in model.batch_regions:
            raise BatchError(
                f"the Batch API does not serve {engine.model} in {engine.region}; it serves {' and '.join(_SERVED)} in "
                f"beijing: with a key from there pass engine={ENGINE!r}, and no region"
            )
        if not engine.is_dashscope and not engine.base_url:
            raise BatchError(
                f"OPENAI_BASE_URL names {without_secrets(engine.url())}, and the Batch API is Model Studio's; unset "
                "it, or give base_url= where that server has the same"
            )
        return engine

    def reader(self) -> Reader:
        """With these options."""
        return Reader(**{**self.given, "engine": self.engine})

    def kept(self) -> dict[str, Any]:
        """What the state file keeps."""
        engine = self.engine
        made = {
            item.name: getattr(engine, item.name)
            for item in fields(engine)
            if item.init and item.name not in _NOT_KEPT and getattr(engine, item.name) != item.default
        }
        if without_secrets(made.get("base_url", "")) != made.get("base_url", ""):
            del made["base_url"]  # with a password in it: it has to be given each time
        return {
            "options": {name: _plain(name, self.given[name]) for name in KEPT if name in self.given},
            "engine": {name: dict(value) if hasattr(value, "keys") else value for name, value in made.items()},
            "engine_settings": _digest(engine),
            "links": bool(self.links),
        }

    def completed(self, kept: Mapping[str, Any] | None, place: object = "the state file") -> Settings:
        """With what the state file keeps for whatever was not given.

        Raises:
            BatchError: Something else was given than what it was made with.
        """
        if kept is None:
            return self
        for name in (name for name in READING if name in self.given):
            now, then = (_plain(name, value) for value in (self.given[name], kept["options"].get(name, _default(name))))
            if now != then:
                raise _differs(place, f"{name}={then!r}", f"{name}={now!r}")
        if self.links is not None and self.links != kept["links"]:
            raise _differs(place, f"links={kept['links']}", f"links={self.links}")
        given = {"engine": OpenAIEngine(**kept["engine"]), **kept["options"], **self.given}
        settings = Settings(given, links=kept["links"])
        if _digest(settings.engine) != kept["engine_settings"]:
            other = ", ".join(_changed(kept["engine"], settings.kept()["engine"])) or "base_url"
            was = kept["engine"].get("model", settings.engine.model)
            raise _differs(place, f"engine openai:{was}", f"{settings.engine.name}, which has another {other}")
        return settings


def asker(engine: OpenAIEngine) -> BatchEngine:
    """The engine as lines of a file want it: nothing is streamed into a file, and its address is settled."""
    from dataclasses import replace

    return cast("BatchEngine", replace(engine, stream=False, base_url=engine.url()))


def _changed(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Names of an engine's settings that are not what they were; not their values, which may hold a password."""
    return sorted(name for name in {*then, *now} if then.get(name) != now.get(name))


def _plain(name: str, value: Any) -> Any:
    """As it comes back from JSON."""
    if name == "fields" and value is not None and not isinstance(value, str):
        value = schema_of(value)
    return json.loads(json.dumps(value, default=list))


def _default(name: str) -> Any:
    return getattr(Options(), name)


def _digest(engine: OpenAIEngine) -> str:
    """Of all that changes a reading, base URL included, which may hold a password."""
    return hashlib.blake2b(f"{engine.name} {engine.settings}".encode(), digest_size=16).hexdigest()


def _differs(place: object, then: str, now: str) -> BatchError:
    return BatchError(
        f"{place} was made with {then}, not with {now}; leave it out, or give another state file: -s OTHER.batch"
    )
