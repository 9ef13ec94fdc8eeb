"""Engines and their settings as JSON and back; pickled, copied, compared; the key nowhere."""

import copy
import json
import pickle
from dataclasses import asdict, dataclass, replace
from datetime import date
from decimal import Decimal
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_ocr_loader import DashScopeEngine, FakeEngine, LocalEngine, PageResult
from qwen_ocr_loader.catalog import lookup
from qwen_ocr_loader.download import Download
from qwen_ocr_loader.engine_settings import engine_from_dict, engine_to_dict, settings_from_dict, settings_to_dict
from qwen_ocr_loader.llama_index import QwenOCRReader
from qwen_ocr_loader.pace import Retry
from qwen_ocr_loader.prices import Price

KEY = "sk-verysecret"
MODEL = lookup("qwen-vl-ocr", "singapore")
OWN = replace(MODEL, prices=(replace(MODEL.prices[0], input=Decimal("0.07"), as_of=date(2027, 1, 31)),))
ENGINES = [
    FakeEngine(),
    FakeEngine({0: "one", 3: "$two"}, delay=0.5),
    LocalEngine(threads=2),
    DashScopeEngine(),
    DashScopeEngine(
        model="qwen-vl-ocr",
        region="singapore",
        base_url="http://127.0.0.1:9/api/v1",
        workspace="ws-1",
        min_pixels=4096,
        stream=False,
        timeout=17.5,
        parameters={"temperature": 0.1, "stop": ["a", "b"]},
        retry=Retry(attempts=2, first=0.25),
        catalog=OWN,
    ),
]


def shortly(engine):
    return f"{engine.name}-{ENGINES.index(engine)}"


@pytest.mark.parametrize("engine", ENGINES, ids=shortly)
def test_an_engine_comes_back_with_all_its_settings(engine):
    written = json.loads(json.dumps(engine_to_dict(engine)))
    assert engine_from_dict(written) == engine
    assert type(engine_from_dict(written)) is type(engine)


def test_only_what_differs_is_written():
    assert engine_to_dict(DashScopeEngine()) == {"name": "dashscope", "settings": {}}
    written = engine_to_dict(DashScopeEngine(region="singapore", retry=Retry(attempts=1)))
    assert written["settings"] == {"region": "singapore", "retry": {"$pace.Retry": {"attempts": 1}}}


@dataclass(frozen=True)
class TheirEngine(FakeEngine):
    """Somebody's, and not installed."""

    name: ClassVar[str] = "theirs"


@pytest.mark.parametrize(
    ("engine", "says"),
    [
        (TheirEngine(), "engine='theirs' cannot be written: .* entry point"),
        (FakeEngine(lambda scan: "x"), "replies= cannot be written: JSON has no function; pickle"),
        (FakeEngine({0: ValueError("x")}), "replies= cannot be written: JSON has no ValueError"),
    ],
)
def test_what_cannot_come_back_is_not_written(engine, says):
    with pytest.raises(ValueError, match=says):
        engine_to_dict(engine)
    with pytest.raises(ValueError, match=says):
        QwenOCRReader(engine=engine).to_dict()


@pytest.mark.parametrize(
    ("written", "error", "says"),
    [
        ({"name": "dashscop", "settings": {}}, ValueError, "no 'dashscop'; did you mean 'dashscope'"),
        ({"settings": {}}, ValueError, "as to_dict"),
        ({"name": "fake", "settings": {"lag": 1}}, TypeError, "lag"),
        (
            {"name": "fake", "settings": {"replies": {"$os.system": {}}}},
            ValueError,
            "no settings of class",
        ),
        ({"name": "fake", "settings": {"replies": {"$cli.main": {}}}}, ValueError, "no settings of class"),
        ({"name": "fake", "settings": {"replies": {"$source.Path": {}}}}, ValueError, "no settings of class"),
    ],
)
def test_nothing_else_is_made_from_what_is_read(written, error, says):
    with pytest.raises(error, match=says):
        engine_from_dict(written)


amounts = st.decimals(allow_nan=False)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.dates() | amounts,
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=8,
)


@given(values)
def test_any_value_comes_back_as_it_was(value):
    settings = FakeEngine({0: value})
    again = settings_from_dict(json.loads(json.dumps(settings_to_dict(settings))))
    assert again["replies"][0] == value
    assert repr(again["replies"][0]) == repr(value)


def test_a_reply_that_is_a_whole_result_is_written_too():
    engine = FakeEngine({0: PageResult(0, 1, 1, "px", "x")})
    assert engine_from_dict(engine_to_dict(engine)) == engine


# --- LlamaIndex ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES, ids=shortly)
def test_a_reader_comes_back_with_its_engine(engine):
    reader = QwenOCRReader(engine=engine, pages="2-", max_cost=Decimal("0.30"), download=Download(timeout=5))
    again = QwenOCRReader.from_json(reader.to_json())
    assert again._reader.engine == engine
    assert again._reader.options == replace(reader._reader.options, max_cost=0.3)
    assert again.to_dict() == reader.to_dict()


def test_neither_key_nor_headers_are_written():
    engine, download = DashScopeEngine(api_key=KEY), Download(headers={"Authorization": f"Bearer {KEY}"})
    reader = QwenOCRReader(engine=engine, download=download, password=KEY)
    assert KEY not in reader.to_json() + repr(reader) + str(reader) + repr(reader._reader.options)
    assert QwenOCRReader.from_dict(reader.to_dict())._reader.engine == DashScopeEngine()


# --- what every dataclass promises -----------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES[2:], ids=shortly)
def test_equal_engines_are_one_in_a_set(engine):
    assert len({engine, copy.copy(engine), copy.deepcopy(engine), pickle.loads(pickle.dumps(engine))}) == 1
    assert engine != replace(engine, **({"threads": 7} if isinstance(engine, LocalEngine) else {"timeout": 7}))


def test_an_engines_key_is_in_no_view_of_it():
    engine = DashScopeEngine(api_key=KEY, parameters={"stop": ["a"]})
    shown = [repr(engine), str(asdict(engine)), engine.settings, f"{engine}", repr(vars(Retry))]
    assert KEY not in "".join(shown)
    assert KEY.encode() not in pickle.dumps(engine)
    assert asdict(engine)["parameters"] == {"stop": ["a"]}


def test_a_price_is_settings_too():
    price = OWN.prices[0]
    assert Price(**settings_from_dict(settings_to_dict(price))) == price
