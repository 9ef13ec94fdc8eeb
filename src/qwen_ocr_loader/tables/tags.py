"""What of an HTML text is a tag and what is print: to be settled before it is parsed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_NAMES = (
    "a abbr acronym address applet area article aside audio b base basefont bdi bdo bgsound big blink blockquote body "
    "br button canvas caption center cite code col colgroup data datalist dd del details dfn dialog dir div dl dt em "
    "embed fieldset figcaption figure font footer form frame frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html i "
    "iframe img input ins isindex kbd keygen label legend li link listing main map mark marquee menu menuitem meta "
    "meter nav nobr noembed noframes noscript object ol optgroup option output p param picture plaintext pre progress "
    "q rb rp rt rtc ruby s samp script search section select slot small source spacer span strike strong style sub "
    "summary sup svg table tbody td template textarea tfoot th thead time title tr track tt u ul var video wbr xmp "
    "annotation maction math menclose merror mfenced mfrac mi mmultiscripts mn mo mover mpadded mphantom mroot mrow ms "
    "mspace msqrt mstyle msub msubsup msup mtable mtd mtext mtr munder munderover semantics"
)
"""Elements of HTML, old ones included, and of MathML: what else stands in pointed brackets is print."""

_HIDDEN = "script|style|template|svg|iframe|object|title"
_RAW = "textarea|xmp|plaintext|noframes|noembed|noscript"
"""The standard library's parser, in later versions, reads no tags in what follows these."""

_VALUE = r"""(?:"[^"]{0,200}"|'[^']{0,200}')"""
_REST = rf"""(?=[\s/>])(?:[^<>]{{0,4000}}>|(?:[^<>"']{{0,200}}{_VALUE}){{1,9}}[^<>"']{{0,200}}>)"""
"""What follows a tag's name, ``>`` included, which may also stand in a quoted value. Bounded, so that time is too."""

_COMMENT = re.compile(r"<!--(?:(?!<!--)[\s\S])*?-->")
_ANY_NAME = _NAMES.replace(" ", "|")
_HALF_TAG = re.compile(rf"<(?:[!/]|[!/]?[a-z][a-z0-9]{{0,15}}|![^<>]*|/?(?:{_ANY_NAME})[\s/][^<>]*)\Z", re.IGNORECASE)
_NO_TAG = re.compile(rf"<(?!/?(?:{_ANY_NAME}){_REST})", re.IGNORECASE)
_SILENT = re.compile(rf"<(?P<closing>/?)(?:(?P<hidden>{_HIDDEN})|{_RAW}){_REST}", re.IGNORECASE)


def only_tags(text: str, *, less: str, gone: Callable[[str], str]) -> str:
    """Without comments, elements that print nothing, and a tag cut off at the end; and with every other ``<`` as print.

    An element that never closes hides nothing: its tag is print, or goes where it has attributes. On a ``<`` that
    begins no tag, the standard library's parser takes time that grows with the square of their number, or fails.

    Args:
        text: HTML, or a piece of it.
        less: What stands for ``<`` as printed.
        gone: What stands for a piece that is taken out.
    """
    bare = _COMMENT.sub(lambda comment: gone(comment[0]), text)
    bare = _NO_TAG.sub(less, _HALF_TAG.sub(lambda half: gone(half[0]), bare))
    written, at = [], 0
    for start, end in _silent(bare):
        written += [bare[at:start], gone(bare[start:end])]
        at = end
    return _NO_TAG.sub(less, _without_tags("".join([*written, bare[at:]]), less, gone))


def _silent(text: str) -> list[tuple[int, int]]:
    """Where elements that print nothing start and end, in order; what overlaps is one."""
    opened: dict[str, list[int]] = {}
    found: list[tuple[int, int]] = []
    for tag in _SILENT.finditer(text):
        starts = opened.setdefault((tag["hidden"] or "").lower(), [])
        if tag["hidden"] and not tag["closing"]:
            starts.append(tag.start())
        elif starts:
            start = starts.pop()
            while found and found[-1][1] > start:
                start = min(start, found.pop()[0])
            found.append((start, tag.end()))
    return found


def _without_tags(text: str, less: str, gone: Callable[[str], str]) -> str:
    """Without the tags, of such elements and raw ones, that are left; one with no more than its name is print."""
    return _SILENT.sub(lambda tag: less + tag[0][1:] if tag[0][1:-1] == tag["hidden"] else gone(tag[0]), text)
