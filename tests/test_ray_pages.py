"""What runs on a Ray cluster, run here without one: rows, ids, options."""

import os
import pickle

import numpy as np
import pytest

from dashscope_reading import engine_for, serving
from marked_pages import marked_page, marked_png
from qwen_ocr_loader import FakeEngine, LocalEngine, RateLimit, Reader
from qwen_ocr_loader.cache.directory import DirectoryCache
from qwen_ocr_loader.errors import MissingKey, ServiceFailed
from qwen_ocr_loader.render import records
from ray_reading import files, filled, listed, read

ray = pytest.importorskip("ray", reason="pip install 'qwen-ocr-loader[ray]'")

import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402

from qwen_ocr_loader.ray import (  # noqa: E402
    ClusterLimiter,
    ListPages,
    ReadPages,
    done_pages,
    page_schema,
    read_documents,
)
from qwen_ocr_loader.ray.dataset import cpus_each  # noqa: E402
from qwen_ocr_loader.ray.listing import PAGES, WHOLE_FILE, File, as_column, as_place, list_files  # noqa: E402
from qwen_ocr_loader.ray.settings import (  # noqa: E402
    TOKENS_A_CALL,
    as_arguments,
    check_keys,
    cluster_options,
    warn_of_paying_twice,
)

server = pytest.fixture(serving)


folder = pytest.fixture(filled)


# --- rows ------------------------------------------------------------------------------------------------------------


def test_a_row_is_what_the_plain_reader_says_of_the_page(folder):
    rows = read(folder, engine="fake")
    plain = records(Reader(engine="fake", on_error="placeholder"), folder)
    for row, record in zip(rows, plain, strict=True):
        spent = {"calls": row.pop("calls"), "input_tokens": row.pop("input_tokens")}
        assert spent == {"calls": int(row["text_source"] == "ocr" and not row["error"]), "input_tokens": 0}
        assert row == {"id": record.id, "text": record.text, **record.metadata, "output_tokens": 0}


SETTINGS = [
    {},
    {"fields": {"Total": "", "Lines": [{"Name": ""}]}},
    {"fields": "all"},
    {"witness": "local", "pages": "1"},
    {"pages_per_call": 2, "task": "text_recognition"},
    {"engine": ["fake", "fake"]},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=map(str, SETTINGS))
def test_the_columns_are_known_beforehand(settings, folder, server):
    engine = engine_for(server) if "pages_per_call" in settings or "fields" in settings else "fake"
    options = {"engine": engine, **settings}
    plain = Reader(**{**options, "on_error": "placeholder"})
    (record, *_) = records(plain, folder / "pages.tiff")
    spent = {"calls", "input_tokens", "output_tokens"}
    schema = page_schema(cluster_options(options))
    assert {*schema.types, *PAGES.types} <= {pa.string(), pa.int64(), pa.float64(), pa.bool_()}  # no picture fits in
    assert set(schema.names) == {"id", "text", *record.metadata, *spent}
    row = read(folder / "pages.tiff", **options)[0]
    assert list(row) == schema.names
    assert None not in row.values()


def test_values_of_fields_are_text_whatever_they_are():
    from qwen_ocr_loader.jobs import Job
    from qwen_ocr_loader.ray.columns import page_row
    from qwen_ocr_loader.render import Record
    from qwen_ocr_loader.report import Origin

    record = Record("", {"page": 3, "field.Sum": 1.5, "field.Name": "5", "field.Paid": True}, "id")
    row = page_row(record, Job(Origin("a"), 3))
    assert row["page"] == 3
    assert (row["field.Sum"], row["field.Name"], row["field.Paid"]) == ("1.5", "5", "true")


def test_ids_are_told_before_anything_is_read(folder):
    pages = listed(folder, engine="fake")
    rows = ReadPages(engine="fake")(pages).to_pylist()
    told = [(one, page) for one, page in zip(pages["id"], pages["page"], strict=True) if page != WHOLE_FILE]
    assert told == [(row["id"], row["page"]) for row in rows if not row["error"]]
    assert len(told) == 8


def test_copies_of_a_file_have_its_ids(folder):
    (folder / "again.png").write_bytes(marked_png(9))
    pages = listed(folder / "one.png", folder / "again.png", engine="fake")
    rows = ReadPages(engine="fake")(pages).to_pylist()
    assert [row["file_name"] for row in rows] == ["one.png", "again.png"]
    assert len({*pages["id"], *(row["id"] for row in rows)}) == 1


@pytest.mark.parametrize("batch", ["map_batches", "flat_map"])
def test_a_bad_page_or_file_is_a_row(batch, folder):
    engine = FakeEngine({2: ServiceFailed("down for the day")})
    if batch == "map_batches":
        rows = read(folder, engine=engine)
    else:
        pages = listed(folder, engine=engine)
        one_by_one = [dict(zip(pages, row, strict=True)) for row in zip(*pages.values(), strict=True)]
        rows = [row for page in one_by_one for row in ReadPages(engine=engine)(page)]
    bad = {(row["file_name"], row["page"]): row["error"] for row in rows if row["error"]}
    assert list(bad) == [("pages.tiff", 2), ("", 0)]
    assert bad["pages.tiff", 2] == "ServiceFailed: down for the day"
    assert bad["", 0].startswith("DamagedSource: ")
    assert [row["source"] for row in rows if row["error"]] == [str(folder / "pages.tiff"), str(folder / "torn.pdf")]


def test_rows_without_a_page_are_whole_files(folder):
    sources = np.array([str(folder / "pages.tiff"), str(folder / "one.png")], object)
    rows = ReadPages(engine="fake", pages="1,3-")({"source": sources}).to_pylist()
    assert [(row["file_name"], row["page"]) for row in rows] == [("pages.tiff", n) for n in (0, 2, 3, 4)] + [
        ("one.png", 0)
    ]
    assert ReadPages(engine="fake")({"source": str(folder / "one.png")}) == rows[-1:]


def test_pages_wanted_are_those_listed(folder):
    listing = listed(folder, engine="fake", pages="5,1-2")
    pages = list(zip(listing["source"], listing["page"], strict=True))
    assert [page for source, page in pages if source.endswith("pages.tiff")] == [4, 0, 1]
    assert [page for source, page in pages if source.endswith("one.png")] == [0]
    assert [page for source, page in pages if source.endswith("torn.pdf")] == [WHOLE_FILE]


def test_a_folder_is_listed_wherever_it_is_met(folder):
    batch = {"source": np.array([str(folder)], object), "from_folder": np.array([False])}
    pages = ListPages(engine="fake")(batch)
    assert pages.to_pylist() == ListPages(engine="fake")(files(folder, engine="fake")).to_pylist()


def test_files_whose_pages_are_read_together_are_not_cut(server, folder):
    options = {"engine": engine_for(server), "task": "text_recognition", "pages_per_call": 3}
    assert list(listed(folder / "pages.tiff", **options)["page"]) == [WHOLE_FILE]
    assert [(row["page"], row["page_last"]) for row in read(folder / "pages.tiff", **options)] == [(0, 2), (3, 4)]


def test_a_reader_of_pages_pickles_and_can_be_used_again(folder):
    reading = ReadPages(engine="fake", password="secret")
    pages = listed(folder, engine="fake")
    first = reading(pages)
    assert pickle.loads(pickle.dumps(reading))(pages) == reading(pages) == first


def test_a_file_is_opened_once_for_many_batches(folder):
    import fsspec

    opened = []
    memory = fsspec.filesystem("memory")
    memory.pipe("/ray/pages.tiff", (folder / "pages.tiff").read_bytes())

    class Counting(type(memory)):
        cachable = False

        def open(self, path, *args, **more):
            opened.append(path)
            return memory.open(path, *args, **more)

    reading = ReadPages(engine="fake", fs=Counting())
    texts = [reading({"source": "/ray/pages.tiff", "page": page})[0]["text"] for page in range(5)]
    assert texts == [f"Page {n}" for n in range(1, 6)]
    assert opened == ["/ray/pages.tiff"]


def test_names_that_are_not_utf8_are_read_like_the_others_and_stop_nothing(tmp_path):
    good, torn = (tmp_path / os.fsdecode(name) for name in (b"b\xff.png", b"c%41\xff.png"))
    try:
        good.write_bytes(marked_png(9))
    except OSError:
        pytest.skip("this file system has UTF-8 names only")
    torn.write_bytes(marked_png(9)[:40])
    (tmp_path / "a.png").write_bytes(marked_png(9))
    rows = read(tmp_path, engine="fake")
    assert [(row["source"], row["text"]) for row in rows] == [
        (str(tmp_path / "a.png"), "Page 1"),
        (str(tmp_path / "b.png"), "Page 1"),
        (str(tmp_path / "c%41.png"), ""),
    ]
    assert [bool(row["error"]) for row in rows] == [False, False, True]
    assert [row["text"] for row in read(good, engine="fake")] == ["Page 1"]
    assert pa.array(files(tmp_path, engine="fake")["source"], pa.string()).null_count == 0
    assert ReadPages(engine="fake")({"source": str(good)})[0]["text"] == "Page 1"


@pytest.mark.parametrize(
    "place", ["/a/b c%.pdf", "/a/\udcff%41 日.pdf", "b\udcff", "file:///a/b%20c.pdf", "s3://a/%FF"]
)
def test_a_place_can_stand_in_a_column_and_is_found_again(place):
    column = as_column(place)
    assert pa.array([column], pa.string()).to_pylist() == [column]
    assert as_place(column) == place
    assert (column == place) == ("\udcff" not in place)


def test_a_place_that_nothing_can_be_at_stands_in_a_column_too():
    assert as_column("/a/\ud800.pdf") == "/a/.pdf"


def test_file_systems_of_pyarrow_are_taken(folder):
    from pyarrow.fs import LocalFileSystem

    options = {"engine": "fake", "fs": LocalFileSystem()}
    rows = pickle.loads(pickle.dumps(ReadPages(**options)))(listed(folder, **options)).to_pylist()
    assert {row["file_name"] for row in rows if row["error"]} == {""}
    plain = read(folder, engine="fake")
    assert [(row["file_name"], row["page"], row["text"], row["id"]) for row in rows if not row["error"]] == [
        (row["file_name"], row["page"], row["text"], row["id"]) for row in plain if not row["error"]
    ]


# --- what was done before --------------------------------------------------------------------------------------------


def test_pages_of_an_earlier_run_are_left_out_and_failed_ones_are_not(folder, tmp_path):
    done = tmp_path / "out"
    assert len(done_pages(done)) == 0
    broken = FakeEngine({2: ServiceFailed("down")})
    rows = read(folder, engine=broken)
    done.mkdir()
    pq.write_table(pa.Table.from_pylist(rows), done / "first.parquet")
    (done / "torn.parquet").write_bytes(b"PAR1 and no more")
    left = listed(folder, engine=broken, done=done_pages(done))
    assert list(left["page"]) == [2, WHOLE_FILE]
    assert len(listed(folder, engine="fake", dpi=100, done=done_pages(done))["page"]) == 9  # made in another way


def test_pages_read_together_cannot_be_left_out_one_by_one(server, folder, tmp_path):
    options = {"engine": engine_for(server), "task": "text_recognition", "pages_per_call": 2}
    with pytest.raises(ValueError, match="pages_per_call=2 makes one row of several; leave one of them out"):
        ListPages(pa.array([], pa.string()), **options)
    with pytest.raises(ValueError, match="done= goes by single pages"):
        read_documents(folder, done=tmp_path, **options)
    ListPages(None, **options)
    ListPages(pa.array([], pa.string()), **{**options, "pages_per_call": 1})


def test_parquet_goes_into_a_vector_store_as_it_is(folder, tmp_path):
    """Chroma refuses None and anything nested."""
    import uuid

    from langchain_chroma import Chroma
    from langchain_core.documents import Document
    from langchain_core.embeddings import DeterministicFakeEmbedding

    from qwen_ocr_loader.citations import locate

    pq.write_table(ReadPages(engine="fake")(listed(folder, engine="fake")), tmp_path / "pages.parquet")
    rows = pq.read_table(tmp_path / "pages.parquet", filters=[("error", "==", "")]).to_pylist()
    store = Chroma(f"c{uuid.uuid4().hex}", DeterministicFakeEmbedding(size=16))
    store.add_documents([Document(id=row.pop("id"), page_content=row.pop("text"), metadata=row) for row in rows])
    (found,) = store.similarity_search("any", k=1, filter={"$and": [{"file_name": "text.pdf"}, {"page": 1}]})
    assert found.metadata == next(row for row in rows if row["file_name"] == "text.pdf" and row["page"] == 1)
    place = locate(found)
    assert place.exact
    assert {region.page for region in place.regions} == {1}


# --- options ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        {"mode": "single"},
        {"metadata": "rich"},
        {"on_error": "raise"},
        {"max_cost": 1},
        {"show_progress": True},
        {"on_page": print},
        {"dpi": 0},
    ],
    ids=str,
)
def test_what_cannot_be_on_a_cluster_is_refused(given):
    with pytest.raises(ValueError, match=next(iter(given))):
        ReadPages(engine="fake", **given)


def test_unknown_options_and_sources_of_this_process_are_refused():
    with pytest.raises(TypeError, match="engine"):
        ReadPages(enginee="fake")
    for source in (b"%PDF-", marked_page(1), [None], 7):
        with pytest.raises(TypeError, match="give a path or URI"):
            list(list_files(source, cluster_options({"engine": "fake"})))


def test_paths_hold_wherever_a_process_runs(folder, monkeypatch):
    monkeypatch.chdir(folder)
    options = cluster_options({"engine": "fake"})
    named = list(list_files(["one.png", "memory://x/y.pdf"], options))
    assert named == [File(str(folder / "one.png")), File("memory://x/y.pdf")]
    found = list(list_files(".", options))
    assert File(str(folder / "notes.txt"), from_folder=True) in found
    assert list(list_files("none.pdf", options)) == [File(str(folder / "none.pdf"))]


def test_engines_here_take_a_thread_each_and_options_stay_what_they_are(tmp_path):
    options = cluster_options({"engine": "local", "cache": tmp_path, "on_error": "placeholder"})
    assert options.engine == LocalEngine(threads=1)
    assert cluster_options({"engine": LocalEngine(threads=3)}).engine.threads == 3
    assert isinstance(options.cache, DirectoryCache)
    assert cluster_options(as_arguments(options)) == options


def test_a_limit_is_one_for_all_processes(server):
    def limit(**settings):
        return cluster_options({"engine": engine_for(server), **settings}).engine.rate_limit

    shared = limit(rate_limit=600)
    assert isinstance(shared, ClusterLimiter)
    assert shared.requests == 600
    assert limit(rate_limit=RateLimit(requests=600, tokens=60 * TOKENS_A_CALL)).requests == 60
    assert limit(rate_limit=None) is None
    assert limit() == "published"  # not the vendor's server: nothing is published
    assert limit(rate_limit=shared) is shared
    assert limit(rate_limit=5).account == shared.account


def test_the_vendors_limit_is_kept_and_needs_the_key(monkeypatch):
    with pytest.raises(MissingKey):
        cluster_options({"engine": "dashscope:qwen-vl-ocr-2025-11-20"})
    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-test")
    limiter = cluster_options({"engine": "auto"}).engine.rate_limit
    assert isinstance(limiter, ClusterLimiter)
    assert "sk-test" not in repr(vars(limiter))


def test_a_key_that_stays_in_this_process_is_missed_at_once(server, monkeypatch):
    options = cluster_options({"engine": engine_for(server)})
    with pytest.raises(MissingKey, match="does not travel"):
        check_keys(options)
    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-test")
    check_keys(options)
    check_keys(cluster_options({"engine": ["fake", "local"]}))


def test_paying_for_every_pass_is_said(server, tmp_path, caplog):
    for more in ({"engine": "fake"}, {"engine": engine_for(server), "cache": tmp_path}):
        warn_of_paying_twice(cluster_options(more))
    assert not caplog.records
    warn_of_paying_twice(cluster_options({"engine": engine_for(server)}))
    assert "without cache=" in caplog.text


@pytest.mark.parametrize(
    ("actors", "wanted", "there", "each"),
    [
        (None, 1.0, 2, 1.0),
        (3, 1.0, 4, 1.0),
        (4, 1.0, 4, 0.75),
        (2, 0.5, 2, 0.5),
        (4, 0.5, 2, 0.25),
        (3, 1.0, 3, 0.66),
        (1, 0.5, 1, 0.0),
        ((2, 8), 1.0, 2, 0.5),
    ],
)
def test_actors_leave_a_core_to_the_tasks_they_wait_for(actors, wanted, there, each):
    assert cpus_each(actors, wanted, there) == each


def test_more_actors_than_there_are_cpus_for_are_refused():
    with pytest.raises(ValueError, match=r"give num_cpus=0.25, or num_cpus=1 where the cluster will grow"):
        cpus_each(4, 1.0, 2)
