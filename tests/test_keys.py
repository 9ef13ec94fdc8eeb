"""Where a key comes from, and that it shows nowhere: every way of looking is tried, and what it prints is searched."""

import asyncio
import copy
import json
import logging
import os
import pickle
import sys
import traceback
from dataclasses import asdict, replace
from urllib.parse import quote, quote_plus

import pytest

from dashscope_faults import ALGO
from dashscope_reading import KEY, PAGE, engine_for, read, serving
from dashscope_scenarios import Answer, Raw, by_request
from marked_pages import marked_page
from qwen_ocr_loader import Reader
from qwen_ocr_loader.engines.dashscope import DashScopeEngine
from qwen_ocr_loader.engines.keys import Secret, concealed, dashscope_key, openai_key
from qwen_ocr_loader.errors import EngineError, MissingKey, OCRError
from qwen_ocr_loader.pace import Retry
from qwen_ocr_loader.tasks import Task, parse_tasks

NONE = Secret(None)
ODD = "sk-a+b/c=d&e%f:g"  # changes where it is quoted for a URL


@pytest.fixture
def server():
    yield from serving()


@pytest.fixture
def odd():
    """A server whose key is the odd one."""
    yield from serving(ODD)


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    """A home of the test's own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def home_key(home, data: bytes) -> None:
    (home / ".dashscope").mkdir()
    (home / ".dashscope" / "api_key").write_bytes(data)


# --- where it comes from ---------------------------------------------------------------------------------------------


def test_where_the_key_comes_from(monkeypatch, tmp_path):
    def header(**settings):
        return DashScopeEngine(**settings).ask(PAGE, Task("multi_lan")).headers["Authorization"]

    with pytest.raises(MissingKey, match="DASHSCOPE_API_KEY"):
        header()
    (tmp_path / ".dashscope").mkdir()
    (tmp_path / ".dashscope" / "api_key").write_text("from-home\n")
    assert header() == "Bearer from-home"
    (tmp_path / "key").write_text(" from-file \n")
    monkeypatch.setenv("DASHSCOPE_API_KEY_FILE_PATH", str(tmp_path / "key"))
    assert header() == "Bearer from-file"
    monkeypatch.setenv("DASHSCOPE_API_KEY", "from-env")
    assert header() == "Bearer from-env"
    assert header(api_key="given") == "Bearer given"


@pytest.mark.parametrize(
    "data",
    [
        b"sk-1",
        b"  sk-1 \t\r\n",
        b"\n\r\n sk-1\nsecond line\n",
        b"\xef\xbb\xbfsk-1\n",
        "sk-1\r\n".encode("utf-16"),
        b"\xfe\xff" + "sk-1\r\n".encode("utf-16-be"),
    ],
    ids=["bare", "spaces", "blank lines", "byte order mark", "PowerShell", "big endian"],
)
def test_a_key_file_as_people_make_them(home, monkeypatch, data):
    home_key(home, data)
    assert dashscope_key(NONE) == "sk-1"
    monkeypatch.setenv("DASHSCOPE_API_KEY_FILE_PATH", "~/.dashscope/api_key")
    assert dashscope_key(NONE) == "sk-1"


def test_blanks_are_no_key(home, monkeypatch):
    home_key(home, b"sk-home")
    for name in ("DASHSCOPE_API_KEY", "DASHSCOPE_API_KEY_FILE_PATH"):
        monkeypatch.setenv(name, "")
    assert dashscope_key(Secret("  ")) == "sk-home"
    monkeypatch.setenv("DASHSCOPE_API_KEY", " \n")
    assert dashscope_key(NONE) == "sk-home"
    monkeypatch.setenv("DASHSCOPE_API_KEY", " sk-env\n")
    assert dashscope_key(NONE) == "sk-env"


def test_an_empty_key_file_at_home_is_no_key(home):
    home_key(home, b" \n")
    with pytest.raises(MissingKey, match="there is no key"):
        dashscope_key(NONE)


def test_a_key_file_that_was_named_must_hold_one(home, monkeypatch):
    home_key(home, b"sk-of-another-account")
    empty, folder, missing = home / "empty", home / "folder", home / "missing"
    empty.write_text("\n")
    folder.mkdir()
    for path, why in ((empty, "is empty"), (folder, "cannot be read: Is a directory"), (missing, "No such file")):
        monkeypatch.setenv("DASHSCOPE_API_KEY_FILE_PATH", str(path))
        with pytest.raises(MissingKey, match=why) as caught:
            dashscope_key(NONE)
        assert str(path) in str(caught.value)


def test_an_unreadable_key_file_at_home_is_told(home):
    (home / ".dashscope" / "api_key").mkdir(parents=True)
    with pytest.raises(MissingKey, match=r"~/.dashscope/api_key cannot be read"):
        dashscope_key(NONE)


def test_a_home_that_is_none_is_no_matter(monkeypatch, home):
    (home / ".dashscope").write_text("a file where a folder should be")
    with pytest.raises(MissingKey, match="there is no key"):
        dashscope_key(NONE)
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(os, "getuid", lambda: 987_654)  # as in a container: a user nobody has heard of
    with pytest.raises(MissingKey, match="there is no key"):
        dashscope_key(NONE)


@pytest.mark.parametrize("name", ["DASHSCOPE_API_KEY", "OPENAI_API_KEY"])
@pytest.mark.parametrize(
    ("key", "number", "what"),
    [
        ("sk-12\u200b34", 6, "U+200B ZERO WIDTH SPACE"),
        ("\u200bsk-1234", 1, "U+200B ZERO WIDTH SPACE"),
        ("sk-1234\ufeff", 8, "U+FEFF ZERO WIDTH NO-BREAK SPACE"),
        ("ｓｋ-1234", 1, "U+FF53 FULLWIDTH LATIN SMALL LETTER S"),
        ("sk–1234", 3, "U+2013 EN DASH"),
        ("Bearer sk-1234", 7, "U+0020 SPACE"),
        ("sk-1234\nsk-5678", 8, "U+000A CONTROL CHARACTER"),
    ],
)
def test_a_pasted_key_with_something_odd_in_it(monkeypatch, name, key, number, what):
    find = dashscope_key if name.startswith("DASH") else openai_key
    monkeypatch.setenv(name, key)
    for given, origin in ((NONE, name), (Secret(key), "api_key=")):
        with pytest.raises(MissingKey) as caught:
            find(given)
        said = str(caught.value)
        assert f"character {number} of the key in {origin} is {what}" in said
        assert "1234" not in said


def test_a_key_of_openai_is_no_must(monkeypatch):
    assert openai_key(NONE) is None
    monkeypatch.setenv("OPENAI_API_KEY", " sk-o ")
    assert openai_key(NONE) == "sk-o"
    assert openai_key(Secret("given")) == "given"


def test_a_key_that_cannot_be_one_is_refused_without_showing_it(monkeypatch):
    for key in ("sk-ab\ncd", "sk-“quoted”", "Bearer sk-x y", "sk\0x"):
        with pytest.raises(MissingKey) as caught:
            read(DashScopeEngine(base_url="http://127.0.0.1:9/api/v1", api_key=key))
        assert key not in str(caught.value)


# --- where it does not go --------------------------------------------------------------------------------------------


def test_a_secret_keeps_itself():
    secret = Secret(ODD)
    shown = [
        *(repr(secret), str(secret), f"{secret}", f"{secret!s:>40}", ascii(secret)),
        *(repr([secret]), repr({"key": secret}), repr(secret.__getstate__()), repr(secret.__reduce_ex__(4))),
        *(pickle.dumps(secret, protocol).decode("latin-1") for protocol in range(pickle.HIGHEST_PROTOCOL + 1)),
        *(repr(copy.copy(secret)), repr(copy.deepcopy([secret]))),
    ]
    assert not [text for text in shown if ODD in text]
    with pytest.raises(TypeError):
        json.dumps(secret)
    assert copy.deepcopy(secret).reveal() == copy.copy(secret).reveal() == secret.reveal() == ODD
    assert pickle.loads(pickle.dumps(secret)).reveal() is None
    assert not hasattr(secret, "__dict__")
    assert repr(Secret(None)) == "Secret(None)"
    assert secret == Secret(ODD) != Secret("other")
    assert hash(secret) == hash(Secret(ODD))


def test_an_engine_keeps_it_too():
    engine = DashScopeEngine(api_key=ODD)
    again = replace(engine, timeout=9)
    shown = [repr(engine), str(engine), repr(asdict(engine)), repr(again), engine.settings, repr(vars(type(engine)))]
    shown += [pickle.dumps(copy.deepcopy(engine), protocol).decode("latin-1") for protocol in range(2, 6)]
    shown += [repr(copy.copy(engine)), repr(engine.ask(PAGE, Task("multi_lan")))]
    assert not [text for text in shown if ODD in text]
    assert again.ask(PAGE, Task("multi_lan")).headers["Authorization"] == f"Bearer {ODD}"


def test_concealed(monkeypatch, home):
    assert concealed("a sk-secret, and sk-secret", Secret(" sk-secret\n")) == "a …, and …"
    assert concealed(f"{ODD} {quote(ODD, safe='')} {quote_plus(ODD)}", Secret(ODD)) == "… … …"
    assert concealed(f"?key={quote(ODD, safe='')}&x", Secret(ODD)) == "?key=…&x"
    assert concealed("a small monkey", Secret("key")) == "a small monkey", "what is that short is part of words"
    assert concealed("as it was", NONE) == "as it was"
    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-environment")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai")
    monkeypatch.setenv("DASHSCOPE_API_KEY_FILE_PATH", str(home / "key"))
    (home / "key").write_text("sk-from-a-file\n")
    home_key(home, b"sk-from-home")
    text = "sk-environment sk-openai sk-from-a-file sk-from-home"
    assert concealed(text, NONE) == "… … … …"


def test_the_key_shows_nowhere(server, tmp_path, caplog):
    from qwen_ocr_loader.langchain import QwenOCRLoader
    from qwen_ocr_loader.llama_index import QwenOCRReader

    secret = KEY
    engine = engine_for(server)
    with caplog.at_level(logging.DEBUG):
        (doc,) = QwenOCRLoader(marked_page(7), engine=engine).load()
        call = engine.ask(PAGE, Task("multi_lan"))
        shown = [
            *(
                repr(engine),
                str(engine),
                engine.settings,
                engine.name,
                repr(call),
                repr(Secret(secret)),
                f"{Secret(secret)}",
            ),
            *(repr(doc), repr(Reader(engine=engine).options), QwenOCRReader(engine=engine).to_json()),
            pickle.dumps(engine).decode("latin-1"),
            pickle.dumps(Reader(engine=engine)).decode("latin-1"),
            caplog.text,
        ]
    assert not [text for text in shown if secret in text]
    assert pickle.loads(pickle.dumps(engine)).model == engine.model


def echo(status: int, key: str, shape: str) -> Raw:
    """A reply that repeats the key in every place it has."""
    said = f"{ALGO}the key {key}, that is {quote(key, safe='')} or {quote_plus(key)}, is of no use"
    body = {"code": f"Odd.{key}", "message": said, "request_id": f"r-{key}"}
    if shape == "compatible":
        body = {"error": {"code": f"odd_{key}", "message": said, "type": key}, "id": key}
    text = json.dumps(body)
    if shape == "stream":
        text = f"id:1\nevent:error\n:HTTP_STATUS/{status}\ndata:{text}\n\n"
    return Raw((key if shape == "text" else text).encode(), status)


def printed(error: BaseException) -> str:
    """All that may be shown of an error."""
    shown = [repr(error), str(error), repr(error.args), repr(vars(error)), pickle.dumps(error).decode("latin-1")]
    return "\n".join([*shown, *traceback.format_exception(error), repr(copy.copy(error))])


@pytest.mark.parametrize("how", ["sync", "async"])
@pytest.mark.parametrize("origin", ["given", "environment", "file"])
@pytest.mark.parametrize("shape", ["native", "compatible", "stream", "text"])
@pytest.mark.parametrize("status", [400, 401, 429, 500, 200])
def test_a_service_that_repeats_the_key(odd, monkeypatch, home, caplog, capfd, status, shape, origin, how):
    odd.script = echo(status, ODD, shape)
    if origin == "environment":
        monkeypatch.setenv("DASHSCOPE_API_KEY", ODD)
    if origin == "file":
        home_key(home, ODD.encode())
    engine = engine_for(odd, api_key=ODD if origin == "given" else None)
    tasks = parse_tasks("text_recognition")
    with caplog.at_level(logging.DEBUG), pytest.raises(EngineError) as caught:
        engine.read(PAGE, tasks) if how == "sync" else asyncio.run(engine.aread(PAGE, tasks))
    logging.getLogger("test").error("failed", exc_info=caught.value)
    sys.excepthook(type(caught.value), caught.value, caught.value.__traceback__)
    out, err = capfd.readouterr()
    assert "EngineError" in err or type(caught.value).__name__ in err
    shown = "\n".join([printed(caught.value), caplog.text, out, err])
    for spelling in (ODD, quote(ODD, safe=""), quote_plus(ODD)):
        assert spelling not in shown


@pytest.mark.parametrize("how", ["sync", "async"])
def test_a_key_in_the_words_of_a_reply_or_of_a_cause(odd, how):
    """The first try is cut off and holds the key, the second is refused with it: one error is the other's cause."""
    odd.script = by_request({0: Answer(text=f"Key: {ODD}\n" * 2, keep=12), 1: echo(400, ODD, "native")})
    engine, tasks = engine_for(odd, api_key=ODD), parse_tasks("text_recognition")
    with pytest.raises(OCRError) as caught:
        engine.read(PAGE, tasks) if how == "sync" else asyncio.run(engine.aread(PAGE, tasks))
    assert caught.value.__cause__ is not None
    assert ODD not in printed(caught.value)


def test_a_report_and_a_placeholder_do_not_hold_it(odd, caplog):
    odd.script = echo(400, ODD, "native")
    reader = Reader(engine=engine_for(odd, api_key=ODD), on_error="placeholder")
    with caplog.at_level(logging.DEBUG):
        pages = list(reader.read(marked_page(1)))
    assert len(pages) == len(reader.report.failures) == 1
    shown = [repr(pages), json.dumps([page.to_dict() for page in pages]), repr(reader.report), caplog.text]
    shown += [printed(failure.error) for failure in reader.report.failures]
    assert len(shown) == 5
    assert not [text for text in shown if ODD in text]


@pytest.mark.parametrize("how", ["sync", "async"])
def test_a_connection_that_fails_does_not_print_it(how, caplog):
    engine = DashScopeEngine(base_url="http://127.0.0.1:9/api/v1", api_key=ODD, retry=Retry(attempts=1))
    tasks = parse_tasks("text_recognition")
    with caplog.at_level(logging.DEBUG), pytest.raises(EngineError) as caught:
        engine.read(PAGE, tasks) if how == "sync" else asyncio.run(engine.aread(PAGE, tasks))
    assert caught.value.__cause__ is not None
    assert ODD not in printed(caught.value) + caplog.text
