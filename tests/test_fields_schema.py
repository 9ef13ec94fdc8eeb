"""The template of fields, before it is sent."""

import json
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_ocr_loader.fields.schema import check_schema, schema_of

NESTED = {"Date": "YYYY-MM-DD", "Number": "", "Seller": {"Name": "", "Address": {"City": ""}}}
ITEMS = {"Items": [{"Name": "as printed", "Taxes": [{"Rate": ""}]}], "Notes": [""]}
names = st.text(min_size=1).filter(str.strip)


def test_all_is_no_template():
    assert schema_of("all") is None


@pytest.mark.parametrize("schema", [NESTED, ITEMS, {"发票号码": "纯数字"}])
def test_good_ones_come_back_as_copies(schema):
    checked = schema_of(schema)
    assert checked == schema == check_schema(schema)
    assert checked is not schema


def test_a_copy_goes_all_the_way_down():
    given_, checked = {"A": {"B": [{"C": ""}]}}, {"A": {"B": [{"C": ""}]}}
    copy = check_schema(given_)
    given_["A"]["B"][0]["C"] = "changed"
    assert copy == checked


def test_other_mappings_become_dicts():
    assert json.dumps(check_schema(MappingProxyType({"A": MappingProxyType({"B": ""})}))) == '{"A": {"B": ""}}'


@pytest.mark.parametrize(
    ("schema", "path", "advice"),
    [
        ({}, "fields is empty", 'fields="all"'),
        ({"A": {}}, "fields['A'] is empty", "at least one field"),
        ([{"A": ""}], "fields is [{'A': ''}]", "write a dict"),
        (None, "fields is None", "write a dict"),
        ({1: ""}, "fields has the name 1", "as a string"),
        ({" ": ""}, "fields has the name ' '", "printed on the page"),
        ({"A": {None: ""}}, "fields['A'] has the name None", "as a string"),
        ({"A": None}, "fields['A'] is None", '""'),
        ({"A": str}, "fields['A'] is <class 'str'>", "what to look for"),
        ({"A": {"B": 3}}, "fields['A']['B'] is 3", "what to look for"),
        ({"A": ("",)}, "fields['A'] is ('',)", "a list"),
        ({"A": []}, "fields['A'] is a list of 0", "one template"),
        ({"A": ["", ""]}, "fields['A'] is a list of 2", "one template"),
        ({"A": [[""]]}, "fields['A'] is a list of 1", "a string or a dict"),
        ({"A": [5]}, "fields['A'][0] is 5", "what to look for"),
        ({"A": {"B": {"C": {"D": ""}}}}, "fields['A']['B']['C'] is in layer 4", "description"),
        ({"A": [{"B": [{"C": [{"D": ""}]}]}]}, "fields['A'][0]['B'][0]['C'][0] is in layer 4", "move it up"),
    ],
)
def test_bad_ones_say_where_and_what_to_write(schema, path, advice):
    with pytest.raises(ValueError) as caught:
        check_schema(schema)
    assert path in str(caught.value)
    assert advice in str(caught.value)


def test_a_lone_name_is_not_a_schema():
    with pytest.raises(ValueError, match=r'fields=\{\'Total\': ""\}'):
        schema_of("Total")


def test_a_schema_within_itself_ends():
    schema = {"A": ""}
    schema["B"] = schema
    with pytest.raises(ValueError, match="layer 4"):
        check_schema(schema)


def layers(depth):
    inner = st.text() if depth == 0 else st.text() | layers(depth - 1) | layers(depth - 1).map(lambda value: [value])
    return st.dictionaries(names, inner, min_size=1, max_size=3)


@given(layers(2))
def test_whatever_has_three_layers_passes_unchanged(schema):
    assert check_schema(schema) == schema
