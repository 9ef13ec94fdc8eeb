"""The conformance kit: each rule catches a loader broken in that one way, and good ones pass; so do ours."""

import ast
import gc
import subprocess
import sys
import threading
import unittest
import warnings
from pathlib import Path

import pytest

import broken_loaders
import broken_readers
from broken_loaders import HoldsALock, ReadsNoScans
from conforming import LEFT_OPEN, SECRET, GoodLoader, GoodReader, files
from qwen_ocr_loader import FakeEngine
from qwen_ocr_loader.langchain import QwenOCRBlobParser, QwenOCRLoader
from qwen_ocr_loader.llama_index import QwenOCRReader
from qwen_ocr_loader.testing import (
    LOADER_RULES,
    READER_RULES,
    Files,
    LoaderConformance,
    ParserConformance,
    ReaderConformance,
    RuleBroken,
    check_loader,
    check_parser,
    check_reader,
    contents,
    loading,
)


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(contents, "TICK", 0.01)
    monkeypatch.setattr(loading, "PATIENCE", 0.3)


@pytest.fixture(autouse=True)
def _closed():
    yield
    while LEFT_OPEN:
        LEFT_OPEN.pop().close()


# --- ours ------------------------------------------------------------------------------------------------------------


class TestQwenOCRLoader(LoaderConformance):
    def make(self, path):
        return QwenOCRLoader(path, engine="fake")


class TestQwenOCRBlobParser(ParserConformance):
    def make(self):
        return QwenOCRBlobParser(engine="fake")


class TestQwenOCRReader(ReaderConformance):
    secret = SECRET

    def make(self):
        return QwenOCRReader(engine="fake", password=SECRET)


@pytest.mark.parametrize("options", [{"on_error": "skip", "text_layer": "only"}, {"on_error": "placeholder"}])
def test_ours_passes_under_other_policies(options):
    report = check_loader(lambda path: QwenOCRLoader(path, engine=FakeEngine(), **options))
    silent = {"broken_files_are_reported", "scans_are_not_silently_empty"} if options["on_error"] == "skip" else set()
    assert names(report) <= silent


def test_ours_passes_with_pages_in_single_mode():
    check_loader(lambda path: QwenOCRLoader(path, engine="fake", mode="single")).raise_for_failures()


def test_a_key_of_ours_stays_in():
    from qwen_ocr_loader import DashScopeEngine

    def make():
        return QwenOCRReader(engine=DashScopeEngine(api_key=SECRET), text_layer="only")

    check_reader(make, secret=SECRET, only=["secrets_stay_in", "comes_back_from_to_dict"]).raise_for_failures()


# --- loaders, each broken in one way ---------------------------------------------------------------------------------


def names(report):
    return {finding.rule.name for finding in report.failures}


def check_broken_loader(kind, tmp_path, **settings):
    return check_loader(kind, files=files(tmp_path), **settings)


def test_a_good_loader_passes(tmp_path):
    report = check_broken_loader(GoodLoader, tmp_path, secret=SECRET)
    assert names(report) == set(), report
    assert report.skipped == ()
    assert len(report.findings) == len(LOADER_RULES)


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.parametrize(("kind", "rules"), broken_loaders.CASES)
def test_a_broken_loader_is_caught(kind, rules, tmp_path):
    report = check_broken_loader(kind, tmp_path, secret=SECRET)
    assert names(report) == rules, report
    gc.collect()  # what OpensWhenMade leaves open: a later test would be blamed for it


# --- readers ---------------------------------------------------------------------------------------------------------


def test_a_good_reader_passes(tmp_path):
    report = check_reader(GoodReader, files=files(tmp_path), secret=SECRET)
    assert names(report) == set(), report
    assert report.skipped == ()
    assert len(report.findings) == len(READER_RULES)


@pytest.mark.parametrize(("kind", "rules"), broken_readers.CASES)
def test_a_broken_reader_is_caught(kind, rules, tmp_path):
    report = check_reader(kind, files=files(tmp_path), secret=SECRET)
    assert names(report) == rules, report


def test_every_rule_catches_something():
    caught = set().union(*(case.values[1] for case in [*broken_loaders.CASES, *broken_readers.CASES]))
    assert caught == {rule.name for rule in (*LOADER_RULES, *READER_RULES)}


class Plain(GoodReader):
    def lazy_load_data(self, *args, **kwargs):
        raise NotImplementedError

    def load_data(self, file, extra_info=None, fs=None):
        return list(GoodReader.lazy_load_data(self, file, extra_info, fs))


def test_a_reader_without_the_lazy_form_is_not_blamed_for_it(tmp_path):
    report = check_reader(Plain, files=files(tmp_path), secret=SECRET)
    assert names(report) == set(), report
    assert {finding.rule.name: finding.reason for finding in report.skipped} == dict.fromkeys(
        [
            "lazy_gives_the_same",
            "first_document_comes_early",
            "two_runs_interleave",
            "two_objects_interleave",
            "files_are_closed_after_a_break",
        ],
        "has no lazy_load_data",
    )


# --- the kit itself --------------------------------------------------------------------------------------------------


class Parser:
    lock = threading.RLock()

    def lazy_parse(self, blob):
        with self.lock:
            yield from GoodLoader(Path(blob.path)).lazy_load()

    def parse(self, blob):
        return list(self.lazy_parse(blob))


def test_a_parsers_class_wide_lock_is_found_and_freed(tmp_path):
    report = check_parser(Parser, files=files(tmp_path))
    assert names(report) == {"two_runs_interleave", "two_objects_interleave"}
    assert {found.reason for found in report.skipped} >= {
        "has no asynchronous form; LangChain's blob parsers need none",
        "no 'secret' was given",
    }


def test_a_rule_that_never_ends_is_a_failure(tmp_path):
    ended = threading.Event()

    class Hangs(GoodLoader):
        def load(self):
            ended.wait(5)
            return super().load()

    report = check_broken_loader(Hangs, tmp_path, only=["loads_twice"], time_limit=0.1)
    ended.set()
    assert [str(found) for found in report.findings] == ["failed   loads_twice: not done within 0.1 s"]


def test_a_loaders_own_error_is_told(tmp_path):
    class Raises(GoodLoader):
        def load(self):
            raise KeyError("font")

    (found,) = check_broken_loader(Raises, tmp_path, only=["loads_twice"]).failures
    assert found.reason == "KeyError: 'font'"


def test_a_file_that_only_the_garbage_collector_closes_is_told(tmp_path):
    class MakesACycle(GoodLoader):
        def load(self):
            cycle = [self.path.open()]
            cycle.append(cycle)
            return super().load()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        (found,) = check_broken_loader(MakesACycle, tmp_path, only=["files_are_closed_at_the_end"]).failures
        gc.collect()
    assert found.reason == "the file stays open until the garbage collector comes by"


def test_a_warning_is_word_enough_about_a_scan(tmp_path):
    class Warns(ReadsNoScans):
        def document(self, text, number):
            warnings.warn("nothing was read", stacklevel=1)
            return super().document(text, number)

    check_broken_loader(Warns, tmp_path, only=["scans_are_not_silently_empty"]).raise_for_failures()


def test_rules_can_be_left_out_with_a_reason(tmp_path):
    report = check_broken_loader(HoldsALock, tmp_path, skip={"it_pickles": "by design"}, only=["it_pickles"])
    assert [(found.outcome, found.reason) for found in report.findings] == [("skipped", "by design")]


@pytest.mark.parametrize("settings", [{"only": ["it_pickle"]}, {"skip": {"it_pickle": ""}}])
def test_an_unknown_rule_names_the_nearest(settings):
    with pytest.raises(ValueError, match="did you mean 'it_pickles'"):
        check_loader(GoodLoader, **settings)


def test_callers_own_files_need_not_be_all(tmp_path):
    good = files(tmp_path).good
    report = check_loader(GoodLoader, files=Files(good))
    assert names(report) == set(), report
    assert "no 'broken' file was given" in {found.reason for found in report.skipped}
    assert good.read_text() == "one\ntwo\nthree\n"


def test_failures_are_raised_with_why_they_matter(tmp_path):
    report = check_broken_loader(HoldsALock, tmp_path, only=["it_pickles", "loads_twice"])
    with pytest.raises(RuleBroken, match=r"HoldsALock breaks 1 of 2 rules\nit_pickles: .*\n    That is how .*workers"):
        report.raise_for_failures()
    assert str(report).splitlines()[0] == "HoldsALock: 1 passed, 1 failed, 0 skipped"


def test_a_report_is_a_markdown_table(tmp_path):
    lines = check_broken_loader(GoodLoader, tmp_path, only=["loads_twice"]).markdown().splitlines()
    assert lines == ["| GoodLoader | outcome | seen |", "|---|---|---|", "| `loads_twice` | passed |  |"]


def test_every_rule_says_what_and_why():
    for rule in (*LOADER_RULES, *READER_RULES):
        assert rule.says.endswith("."), rule.name
        assert rule.why.endswith("."), rule.name
    for rules in (LOADER_RULES, READER_RULES):
        assert len({rule.name for rule in rules}) == len(rules)


def test_the_suites_run_under_unittest_and_skip():
    class Suite(LoaderConformance, unittest.TestCase):
        def make(self, path):
            return QwenOCRLoader(path, engine="fake")

    result = unittest.TestResult()
    Suite("test_secrets_stay_in").run(result)
    Suite("test_loads_twice").run(result)
    assert (result.testsRun, len(result.skipped), result.wasSuccessful()) == (2, 1, True)


def test_importing_it_imports_no_framework():
    code = (
        "import sys; import qwen_ocr_loader.testing; "
        "print({'pytest', 'langchain_core', 'llama_index', 'fsspec', 'PIL'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ast.literal_eval(done.stdout.replace("set()", "{}")) == {}
