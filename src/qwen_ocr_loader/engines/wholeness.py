"""Whether a reply is the whole reading of a page: not cut off, not a loop, not a placeholder, not a refusal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..answers import unreadable
from ..errors import ReplyTruncated, ReplyUnreadable, RequestRejected, ServiceFailed
from ..repeats import cut, find_repeat

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..tasks import Task
    from .transcript import Transcript


class Looped(ReplyTruncated):
    """The model fell into a loop; ``text`` is what it read before, and the repeated part once."""


def check_whole(said: Transcript, task: Task, about: Mapping[str, Any]) -> None:
    """Let a whole reading pass.

    Args:
        said: The reply.
        task: What was asked.
        about: What an error is to tell besides: engine, request id, usage.

    Raises:
        EngineError: ``ReplyTruncated`` (``Looped``) and ``ReplyUnreadable`` carry what was read.
    """
    text, reason = said.processed or said.text, said.finish_reason
    looked_at = said.text if reason is None else text
    if repeat := find_repeat(looked_at, cut_off=reason in (None, "length")):
        told = "the model repeats itself; raise repetition_penalty in parameters=, or try engine='local'"
        raise Looped(told, text=cut(looked_at, repeat), **about)
    if reason is None:
        raise ServiceFailed("the reply breaks off; try again later", **about)
    if reason == "length":
        told = "the reply was cut off; raise max_tokens in parameters= if the model has more, or try engine='local'"
        raise ReplyTruncated(told, text=text, **about)
    if reason != "stop":
        raise RequestRejected(f"the service ended the reply ({reason}); read the page with engine='local'", **about)
    if why := unreadable(text, task.prompt):
        raise ReplyUnreadable(f"{why}; try another model, or engine='local'", text=text, **about)
