"""Nodes out of an ``IngestionPipeline`` carry their own lines."""

import json
import pickle

import pytest
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.node_parser import HierarchicalNodeParser, SentenceSplitter, SentenceWindowNodeParser
from llama_index.core.schema import Document, MetadataMode, NodeRelationship

from citing import document, numbers
from qwen_ocr_loader.citations import locate
from qwen_ocr_loader.llama_index import AttachBoxes
from qwen_ocr_loader.render import excluded

LINES = [f"{n}. {word} is due on day {n * 7 % 31} of the month." for n, word in enumerate(["Rent", "Heat", "Tax"] * 10)]
SPLITTER = SentenceSplitter(chunk_size=60, chunk_overlap=10)


def page(number=0):
    doc = document(LINES[number * 10 : number * 10 + 10], page=number)
    hidden = excluded(doc.metadata)
    return Document(
        text=doc.page_content,
        metadata=doc.metadata,
        id_=f"page-{number}",
        excluded_embed_metadata_keys=hidden,
        excluded_llm_metadata_keys=hidden,
    )


@pytest.fixture
def docs():
    return [page(number) for number in range(3)]


def check(nodes):
    assert nodes
    for node in nodes:
        location = locate(node)
        assert (location.method, location.exact) == ("rows", True)
        for region in location.regions:
            assert region.text in node.text
        assert {LINES[location.pages[0] * 10 + n][:3].strip() for n in numbers(location, 10)}
    found = {(location.pages[0], n) for location in map(locate, nodes) for n in numbers(location, 10)}
    assert found == {(number, n) for number in range(3) for n in range(10)}


@pytest.mark.parametrize("after", [True, False], ids=["after a splitter", "around one"])
def test_in_a_pipeline(docs, after):
    steps = [SPLITTER, AttachBoxes(documents=docs)] if after else [AttachBoxes(SPLITTER)]
    check(IngestionPipeline(transformations=steps).run(documents=docs))


async def test_in_an_asynchronous_pipeline(docs):
    check(await IngestionPipeline(transformations=[AttachBoxes(SPLITTER)]).arun(documents=docs))


@pytest.mark.parametrize(
    "parser",
    [
        SentenceWindowNodeParser.from_defaults(window_size=1),
        HierarchicalNodeParser.from_defaults(chunk_sizes=[256, 64], chunk_overlap=5),
    ],
    ids=["sentence windows", "hierarchy"],
)
def test_around_other_node_parsers(docs, parser):
    check(AttachBoxes(parser)(docs))


def test_nodes_are_smaller_and_show_no_tables(docs):
    plain, boxed = SPLITTER(docs), AttachBoxes(SPLITTER)(docs)
    assert [node.text for node in plain] == [node.text for node in boxed]
    assert [node.start_char_idx for node in plain] == [node.start_char_idx for node in boxed]
    sizes = [sum(len(json.dumps(node.to_dict())) for node in nodes) for nodes in (plain, boxed)]
    assert sizes[1] < sizes[0] * 0.75
    for node in boxed:
        assert "lines_of" not in node.get_content(MetadataMode.LLM)
        assert "ocr_lines" not in node.get_content(MetadataMode.EMBED)
        assert node.relationships[NodeRelationship.SOURCE].node_id == f"page-{node.metadata['page']}"
        assert "ocr_lines" not in node.relationships[NodeRelationship.SOURCE].metadata


def test_the_nodes_given_are_left_alone(docs):
    nodes = SPLITTER(docs)
    before = [node.to_dict() for node in nodes]
    AttachBoxes(documents=docs)(nodes)
    assert [node.to_dict() for node in nodes] == before


def test_it_pickles_and_says_what_it_is(docs):
    step = pickle.loads(pickle.dumps(AttachBoxes(SPLITTER)))
    check(step(docs))
    assert step.to_dict()["class_name"] == "AttachBoxes"
    assert step.to_dict()["splitter"]["chunk_size"] == 60


def test_it_wants_to_know_the_documents():
    with pytest.raises(TypeError, match=r"AttachBoxes\(SentenceSplitter\(\)\)"):
        AttachBoxes()
