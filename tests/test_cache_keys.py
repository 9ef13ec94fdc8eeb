"""What a page is kept under and as, where an option names a cache, and LangChain's stores as caches."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_classic.storage import LocalFileStore
from langchain_core.stores import InMemoryByteStore

from cache_kinds import K, run
from qwen_ocr_loader import DashScopeEngine, FakeEngine
from qwen_ocr_loader.cache import CacheStats, open_cache, packed, page_key, unpacked
from qwen_ocr_loader.cache.contract import Cache
from qwen_ocr_loader.cache.directory import DirectoryCache
from qwen_ocr_loader.cache.sqlite import SqliteCache
from qwen_ocr_loader.cache.store import StoreCache
from qwen_ocr_loader.geometry import Quad
from qwen_ocr_loader.results import Agreement, Field, Line, PageResult, Table, Usage
from qwen_ocr_loader.tasks import Task

# --- LangChain's stores ----------------------------------------------------------------------------------------------


@pytest.fixture(params=["memory", "files"])
def store(request, tmp_path):
    return InMemoryByteStore() if request.param == "memory" else LocalFileStore(tmp_path / "store")


def test_a_langchain_store(store):
    store.mset([("somebody-elses", b"!")])
    cache = open_cache(store)
    assert isinstance(cache, StoreCache)
    assert cache.get(K) is None
    assert cache.claim(K)
    assert not open_cache(store).claim(K)
    cache.put(K, b"four")
    cache.put("at-" + K, b"a note")
    assert cache.get(K) == b"four"
    assert cache.claim(K)
    cache.release(K)
    assert cache.stats() == CacheStats(1, 4)
    assert cache.clear() == 1
    assert cache.stats() == CacheStats(0, 0)
    assert cache.get("at-" + K) is None
    assert store.mget(["somebody-elses"]) == [b"!"]
    cache.close()


def test_claims_on_one_store_are_none_on_another():
    one, other = InMemoryByteStore(), InMemoryByteStore()
    assert StoreCache(one).claim(K)
    assert StoreCache(other).claim(K)
    StoreCache(one).release(K)
    StoreCache(other).release(K)


def test_a_store_pickles_with_its_cache(tmp_path):
    cache = StoreCache(LocalFileStore(tmp_path))
    cache.put(K, b"x")
    assert pickle.loads(pickle.dumps(cache)).get(K) == b"x"


def test_what_a_store_gives_back_torn_is_absent(tmp_path):
    store, whole = LocalFileStore(tmp_path), packed(RESULT)
    cache = StoreCache(store)
    cache.put(K, whole)
    assert unpacked(cache.get(K)) == RESULT
    (file,) = (path for path in tmp_path.rglob("*") if path.is_file())
    for size in range(0, len(whole), 7):
        file.write_bytes(whole[:size])
        assert unpacked(cache.get(K)) is None


# --- what an option names --------------------------------------------------------------------------------------------


def test_an_option_names_a_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert repr(open_cache("~/.cache/qwen-ocr")) == f"SqliteCache('{tmp_path}/.cache/qwen-ocr')"
    assert open_cache(tmp_path).folder == tmp_path
    mine = DirectoryCache(tmp_path)
    assert open_cache(mine) is mine
    assert not list(tmp_path.iterdir())  # nothing is made before it is used
    for cache in (mine, open_cache(tmp_path), open_cache(InMemoryByteStore())):
        assert isinstance(cache, Cache)


@pytest.mark.parametrize(("nonsense", "named"), [(3, "int"), (SqliteCache, "the class SqliteCache"), (b"x", "bytes")])
def test_other_things_are_refused(nonsense, named):
    with pytest.raises(TypeError, match=f"want a folder, a cache or a LangChain BaseStore, not {named}"):
        open_cache(nonsense)
    with pytest.raises(ValueError, match="want a folder"):
        open_cache("")


# --- keys ------------------------------------------------------------------------------------------------------------

SCHEMA = {"Date": "YYYY-MM-DD", "Items": [{"Name": "", "Sum": ""}]}
DIFFERENT = {
    "plain": (["a"], FakeEngine(), [Task("text_recognition")]),
    "picture": (["b"], FakeEngine(), [Task("text_recognition")]),
    "pictures": (["a", "b"], FakeEngine(), [Task("text_recognition")]),
    "their order": (["b", "a"], FakeEngine(), [Task("text_recognition")]),
    "settings": (["a"], FakeEngine({0: "x"}), [Task("text_recognition")]),
    "engine": (["a"], DashScopeEngine(), [Task("text_recognition")]),
    "model": (["a"], DashScopeEngine(model="qwen-vl-ocr"), [Task("text_recognition")]),
    "parameter": (["a"], DashScopeEngine(parameters={"temperature": 0.5}), [Task("text_recognition")]),
    "pixels": (["a"], DashScopeEngine(max_pixels=1_000_000), [Task("text_recognition")]),
    "task": (["a"], FakeEngine(), [Task("multi_lan")]),
    "tasks": (["a"], FakeEngine(), [Task("text_recognition"), Task("multi_lan")]),
    "order of tasks": (["a"], FakeEngine(), [Task("multi_lan"), Task("text_recognition")]),
    "prompt": (["a"], FakeEngine(), [Task("text_recognition", prompt="Read")]),
    "schema": (["a"], FakeEngine(), [Task("key_information_extraction", SCHEMA)]),
    "no schema": (["a"], FakeEngine(), [Task("key_information_extraction")]),
    "description": (["a"], FakeEngine(), [Task("key_information_extraction", {**SCHEMA, "Date": ""})]),
    "order of fields": (["a"], FakeEngine(), [Task("key_information_extraction", dict(reversed(SCHEMA.items())))]),
}


def test_everything_that_changes_a_reading_changes_the_key(monkeypatch):
    keys = {name: page_key(*made_of) for name, made_of in DIFFERENT.items()}
    assert len(set(keys.values())) == len(keys)
    monkeypatch.setattr("qwen_ocr_loader.cache.FORMAT", 999)
    assert not set(keys.values()) & {page_key(*made_of) for made_of in DIFFERENT.values()}


def test_nothing_else_does():
    from types import MappingProxyType

    task = Task("key_information_extraction", SCHEMA)
    frozen = Task("key_information_extraction", MappingProxyType(SCHEMA))
    engines = [DashScopeEngine(), DashScopeEngine(api_key="sk-secret"), DashScopeEngine(timeout=5, rate_limit=3)]
    assert len({page_key(["a"], engine, [task]) for engine in engines}) == 1
    assert page_key(("a",), engines[0], (frozen,)) == page_key(["a"], engines[0], [task])


def test_keys_are_the_same_in_every_process():
    code = "from test_cache_keys import *; print(*[page_key(*made_of) for made_of in DIFFERENT.values()])"
    seen = {run(code, env={"PYTHONHASHSEED": seed}).stdout for seed in ("1", "2")}
    assert seen == {" ".join(page_key(*made_of) for made_of in DIFFERENT.values()) + "\n"}


# --- values ----------------------------------------------------------------------------------------------------------

TEXT = st.text(st.characters(codec=None), max_size=12)  # lone surrogates and NULs too
NUMBER = st.floats(0, 1)
QUADS = st.none() | st.builds(Quad.from_box, NUMBER, NUMBER, NUMBER, NUMBER)
VALUES = st.recursive(
    st.none() | TEXT, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2)
)
FIELDS = st.builds(Field, VALUES, QUADS, st.none() | NUMBER, st.integers(0, 9), st.lists(TEXT, max_size=2).map(tuple))
LINES = st.builds(Line, TEXT, st.integers(0, 9), st.integers(9, 18), QUADS, st.none() | NUMBER, st.booleans())
SOME_LINES = st.lists(LINES, max_size=2).map(tuple)
AGREEMENTS = st.builds(Agreement, TEXT, NUMBER, SOME_LINES, SOME_LINES, st.booleans())
TABLES = st.builds(Table, TEXT, st.lists(st.lists(TEXT, max_size=2).map(tuple), max_size=2).map(tuple), QUADS)


@st.composite
def results(draw):
    words = draw(st.lists(TEXT, max_size=4))
    text, lines = "", []
    for word in words:
        lines.append(Line(word, len(text), len(text) + len(word), draw(QUADS), draw(st.none() | NUMBER)))
        text += word + "\n"
    return PageResult(
        *(
            draw(st.integers(0, 999)),
            draw(st.floats(0, 1e5)),
            draw(st.floats(0, 1e5)),
            draw(st.sampled_from(["px", "pt"])),
        ),
        *(text, draw(st.sampled_from(["plain", "markdown", "latex", "html"])), tuple(lines)),
        draw(st.dictionaries(TEXT, FIELDS, max_size=2)),
        draw(st.lists(TABLES, max_size=2).map(tuple)),
        *(draw(st.lists(TEXT, max_size=2).map(tuple)), draw(TEXT), draw(st.lists(TEXT, max_size=2).map(tuple))),
        draw(st.sampled_from(["ocr", "text_layer"])),
        draw(st.booleans()),
        agreement=draw(st.none() | AGREEMENTS),
        usage=Usage(*(draw(st.integers(0, 9999)) for _ in range(4))),
    )


RESULT = PageResult(
    3, 100.0, 200.0, "pt", "Straße 7\n合計", lines=(Line("Straße 7", 0, 8, Quad.from_box(0, 0, 1, 1), 0.9),)
)


@given(results())
def test_a_result_comes_back_as_it_was(result):
    assert unpacked(packed(result)) == result


@given(st.binary(max_size=60))
def test_anything_else_is_no_result(data):
    assert unpacked(data) is None


def test_neither_is_anything_cut_off_or_changed_or_of_another_shape():
    import json
    import zlib

    whole = packed(RESULT)
    assert unpacked(whole) == RESULT
    assert unpacked(None) is None
    assert all(unpacked(whole[:size]) is None for size in range(len(whole)))
    changed = [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in range(len(whole))]
    assert all(unpacked(data) in (None, RESULT) for data in changed)  # of a header's few bits some mean nothing
    for other in (
        None,
        [],
        {},
        "x",
        3,
        {"page": 1},
        {**RESULT.to_dict(), "new": 1},
        {**RESULT.to_dict(), "lines": [3]},
    ):
        assert unpacked(zlib.compress(json.dumps(other).encode())) is None
