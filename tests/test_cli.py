"""The command line."""

import json
import logging
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from qwen_ocr_loader import PageResult, Reader
from qwen_ocr_loader.cli import _parser, main
from qwen_ocr_loader.cli_pages import TYPED, Told, tell, typed
from qwen_ocr_loader.errors import DamagedSource, UnsupportedTask
from qwen_ocr_loader.options import Options
from qwen_ocr_loader.page_pictures import Pictures
from qwen_ocr_loader.report import Report

README = Path(__file__).parent.parent / "README.md"


@pytest.fixture
def tiff(tmp_path):
    frames = [Image.new("L", (60, 40), 200 + n) for n in range(3)]
    frames[0].save(tmp_path / "three.tiff", save_all=True, append_images=frames[1:])
    return tmp_path / "three.tiff"


def test_text_goes_to_stdout_with_a_form_feed_between_pages(tiff, capsys):
    assert main(["read", str(tiff), "-e", "fake"]) == 0
    assert capsys.readouterr() == ("Page 1\n\fPage 2\n\fPage 3\n", "")


def test_json_is_the_source_and_its_page_results(tiff, capsys):
    assert main(["read", str(tiff), "-e", "fake", "-f", "json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["source"] == str(tiff)
    assert [PageResult.from_dict(page) for page in said["pages"]] == list(Reader(engine="fake").read(tiff))


def test_jsonl_is_a_page_a_line(tiff, capsys):
    main(["read", str(tiff), str(tiff), "-e", "fake", "-f", "jsonl", "--pages", "2-"])
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["source"], row["page"]) for row in rows] == [(str(tiff), 1), (str(tiff), 2)] * 2


def test_json_of_several_files_is_a_list(tiff, tmp_path, capsys):
    Image.new("L", (9, 9)).save(tmp_path / "a.png")
    main(["read", str(tmp_path), "-e", "fake", "-f", "json"])
    assert [len(file["pages"]) for file in json.loads(capsys.readouterr().out)] == [1, 3]


def test_json_of_a_file_that_gives_no_page_names_it_all_the_same(tiff, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for asked, name in (
        (["nofile.pdf"], "nofile.pdf"),
        ([str(tiff), "-p", "9"], str(tiff)),
        (["http://me:secret@127.0.0.1:9/a.pdf"], "http://127.0.0.1:9/a.pdf"),
    ):
        assert main(["read", *asked, "-e", "fake", "-f", "json"]) != 0
        said = capsys.readouterr()
        assert json.loads(said.out) == {"source": name, "pages": []}
        assert "secret" not in said.out + said.err


def test_json_keeps_all_files_of_a_folder_that_is_named_by_its_url(tiff, tmp_path, capsys):
    Image.new("L", (9, 9)).save(tmp_path / "a.png")
    main(["read", tmp_path.as_uri(), "-e", "fake", "-f", "json"])
    assert [len(file["pages"]) for file in json.loads(capsys.readouterr().out)] == [1, 3]


def test_output_can_go_to_a_file(tiff, tmp_path, capsys):
    main(["read", str(tiff), "-e", "fake", "-o", str(tmp_path / "out.txt")])
    assert (tmp_path / "out.txt").read_text() == "Page 1\n\fPage 2\n\fPage 3\n"
    assert capsys.readouterr().out == ""


def test_a_bad_file_is_named_the_others_are_read_and_the_exit_code_tells(tiff, tmp_path, capsys):
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n cut")
    assert main(["read", str(tmp_path), "-e", "fake"]) == DamagedSource.exit_code
    said = capsys.readouterr()
    assert "Page 3" in said.out
    assert "bad.png" in said.err


def test_an_impossible_task_exits_with_its_class_code(tiff, capsys):
    assert main(["read", str(tiff), "-e", "local", "-t", "formula_recognition"]) == UnsupportedTask.exit_code
    assert "cannot do --task 'formula_recognition'; engines that can: --engine 'dashscope'" in capsys.readouterr().err


def test_a_wrong_option_value_is_a_usage_error(tiff, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["read", str(tiff), "-e", "fake", "--pages", "x"])
    assert exit_.value.code == 2
    assert "write it like '1,3-5,9-'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("read {} --pagse 1", "qwen-ocr read: error: there is no option --pagse; did you mean '--pages'?"),
        ("read {} --fomrat=json", "there is no option --fomrat; did you mean '--format'?"),
        ("view {} --otput page.html", "qwen-ocr view: error: there is no option --otput; did you mean '--output'?"),
        ("batch submit {} --widnow 48", "there is no option --widnow; did you mean '--window'?"),
        ("cache stats -q", "there is no option -q; there are '--help', '--verbose', '-h', '-v'"),
        ("read {} --pages 1 -- --pages", "no such file or folder"),
        ("cache stats one two", "unrecognized arguments: two"),
    ],
)
def test_an_unknown_option_is_told_its_neighbour(given, says, tiff, capsys):
    try:
        code = main(given.format(tiff).split())
    except SystemExit as exit_:
        code = exit_.code
    assert code
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("give its password as password=...", "give its password as --password ..."),
        ('pass prompt=, or text_layer="never"', 'pass --prompt, or --text-layer "never"'),
        ("pages_per_call=3: want 1; cache=FOLDER", "--pages-per-call 3: want 1; --cache FOLDER"),
        ("LocalEngine(languages=('ko',)), coordinates=", "LocalEngine(languages=('ko',)), coordinates="),
        ("http://a.example/x?pages=3&dpi=2 my_pages=4", "http://a.example/x?pages=3&dpi=2 my_pages=4"),
        ("pass Download(allow_private=True).", "pass --allow-private."),
    ],
)
def test_messages_say_what_to_type_on_a_command_line(message, told):
    assert typed(message) == told


def test_a_file_may_be_named_like_an_option(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("pages=3.pdf").write_bytes(b"%PDF-1.7 and no more")
    assert main(["read", "pages=3.pdf", "--on-error", "raise"]) == DamagedSource.exit_code
    assert capsys.readouterr().err.startswith("qwen-ocr: pages=3.pdf: ")


@pytest.mark.parametrize("given", ["-v read {} -e fake", "read {} -e fake -v", "read -v -e fake {}"])
def test_verbose_may_stand_anywhere(given, tiff):
    assert _parser().parse_args(given.format(tiff).split()).verbose
    assert not _parser().parse_args(["read", str(tiff)]).verbose


def test_options_in_messages_are_options():
    known = vars(_parser().parse_args(["read", "scan.pdf"])).keys()
    assert set(TYPED) <= known


@pytest.mark.parametrize("given", ["read {0} -e fake {0}", "read {0} {0} -e fake", "read -e fake -- {0} {0}"])
def test_files_may_stand_before_options_and_after(given, tiff, capsys):
    assert main(["read", str(tiff), "-e", "fake"]) == 0
    once = capsys.readouterr().out
    assert main(given.format(tiff).split()) == 0
    assert capsys.readouterr().out == f"{once}\f{once}"


def test_standard_input_is_a_file_too(tiff):
    done = subprocess.run(
        [sys.executable, "-m", "qwen_ocr_loader.cli", "read", "-", "-e", "fake"],
        input=tiff.read_bytes(),
        capture_output=True,
        check=True,
    )
    assert done.stdout == b"Page 1\n\x0cPage 2\n\x0cPage 3\n"


def test_an_estimate_spends_nothing_and_says_what_it_would_take(tiff, capsys):
    pdf = Path(__file__).parent.parent / "examples" / "documents" / "report.pdf"
    assert main(["estimate", str(tiff), str(pdf), "-e", "dashscope", "--no-progress"]) == 0
    rows = dict(line.rsplit(maxsplit=1) for line in capsys.readouterr().out.replace(" CNY", "").splitlines())
    assert rows["pages"] == "6"
    assert rows["with sound text of their own"] == "2"
    assert rows["for dashscope:qwen-vl-ocr-2025-11-20"] == "4"
    assert rows["calls"] == "4"
    assert 0 < float(rows["cost"]) < 1


def test_what_costs_nothing_is_said_to(tiff, capsys):
    main(["estimate", str(tiff), "-e", "local"])
    assert capsys.readouterr().out.split()[-1] == "nothing"


def test_fields_come_from_a_json_file(tiff, tmp_path, capsys):
    schema = tmp_path / "schema.json"
    schema.write_text('{"Total": "digits only"}')
    assert main(["read", str(tiff), "-e", "fake", "--fields", str(schema), "-f", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["pages"][0]["tasks"][-1] == "key_information_extraction"
    with pytest.raises(SystemExit):
        main(["read", str(tiff), "-e", "fake", "--fields", str(tmp_path / "absent.json")])
    assert "want 'all' or a JSON file" in capsys.readouterr().err


def test_languages_are_told_to_the_local_engine(tiff, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr("qwen_ocr_loader.engines.local.LocalEngine.read", lambda engine, *page: asked.append(engine))
    main(["read", str(tiff), "--language", "ko", "--language", "ru", "--pages", "1"])
    main(["read", str(tiff), "-e", "local:PP-OCRv6-small", "--language", "vi", "--pages", "1"])
    assert [(engine.languages, engine.model) for engine in asked] == [
        (("ko", "ru"), "small"),
        (("vi",), "PP-OCRv6-small"),
    ]
    for wrong, why in (
        (["-e", "fake", "--language", "ko"], "of no use to engine fake"),
        (["--language", "xx"], "no 'xx'"),
    ):
        with pytest.raises(SystemExit):
            main(["read", str(tiff), *wrong])
        assert why in capsys.readouterr().err


@pytest.fixture
def line(tmp_path):
    image = Image.new("L", (700, 160), 250)
    ImageDraw.Draw(image).text((40, 50), "Harbour dredging resumed", font=ImageFont.load_default(44), fill=20)
    image.save(tmp_path / "line.png")
    return tmp_path / "line.png"


def test_a_witness_is_heard(line, capsys):
    assert main(["read", str(line), "-e", "fake", "--witness", "local", "-f", "json"]) == 0
    (page,) = json.loads(capsys.readouterr().out)["pages"]
    assert page["agreement"]["witness"].startswith("local:")
    assert [left_out["text"] for left_out in page["agreement"]["left_out"]] == ["Harbour dredging resumed"]
    with pytest.raises(SystemExit):
        main(["read", str(line), "-e", "fake", "--witness", "fake"])
    assert "--witness: invalid choice: 'fake'" in capsys.readouterr().err


def test_doubts_are_drawn_where_there_is_a_witness(line, tmp_path):
    drawn = []
    for witness in ([], ["--witness", "local"]):
        main(["draw", str(line), "-e", "fake", "--only", "doubts", "-o", str(tmp_path / "boxes"), *witness])
        with Image.open(tmp_path / "boxes" / "line-1.png") as image:
            drawn.append(any(red != blue for _, (red, _, blue) in image.convert("RGB").getcolors(100_000)))
    assert drawn == [False, True]


@pytest.mark.parametrize(
    ("given", "kept"),
    [([], "published"), (["30"], 30.0), (["0.5"], 0.5), (["none"], None), (["published"], "published")],
)
def test_a_rate_limit_is_handed_on(given, kept, tiff, monkeypatch):
    made = []
    monkeypatch.setattr("qwen_ocr_loader.reader.make_engines", lambda _, limit: made.append(limit) or [])
    with pytest.raises(IndexError):  # no engine
        main(["read", str(tiff), *(["--rate-limit", *given] if given else [])])
    assert made == [kept]


@pytest.mark.parametrize("wrong", ["0", "-3", "nan"])
def test_a_rate_limit_that_lets_nothing_through_is_a_usage_error(wrong, tiff, capsys):
    for command in ("read", "estimate"):
        with pytest.raises(SystemExit) as exit_:
            main([command, str(tiff), "-e", "fake", f"--rate-limit={wrong}"])
        assert exit_.value.code == 2
        assert "want more than 0 a minute" in capsys.readouterr().err


def test_a_rate_limit_is_a_number(tiff, capsys):
    with pytest.raises(SystemExit):
        main(["read", str(tiff), "--rate-limit", "often"])
    assert "'often': want requests a minute, or none" in capsys.readouterr().err


def test_the_readme_names_the_options_that_the_command_line_lacks():
    asked = vars(_parser().parse_args(["read", "scan.pdf"])).keys()
    lacking = {name for name in Options.__dataclass_fields__ if name not in asked}
    section = README.read_text().partition("## Options")[2].partition("|")[0]
    said = set(re.findall(r"`(\w+)`", section.partition("The command line makes no Documents")[2]))
    assert lacking - said == {"show_progress"}  # `--no-progress` instead
    assert said <= lacking


def test_a_page_that_was_cut_off_is_told(capsys):
    report = Report(pages=3, cut_off=[("a.pdf", 1)])
    assert tell(report) == 0
    assert capsys.readouterr().err == "cut off, so there may be more on it: a.pdf, page 2\n"


def test_a_review_without_fields_is_a_usage_error(tiff, capsys):
    with pytest.raises(SystemExit):
        main(["read", str(tiff), "-e", "fake", "--review"])
    assert "--review lists fields that a person should look at; give --fields too" in capsys.readouterr().err


@pytest.mark.parametrize("given", ["scan.tiff", "inbox"])
def test_documents_are_no_cache(given, tiff, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inbox").mkdir()
    for place in ("scan.tiff", "inbox/scan.tiff"):
        (tmp_path / place).write_bytes(tiff.read_bytes())
    with pytest.raises(SystemExit):
        main(["read", "--cache", given, str(tiff), "-e", "fake"])
    assert f"--cache {given}: that is no cache; put --cache last" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "inbox").iterdir()] == ["scan.tiff"]
    for _ in range(2):
        assert main(["read", "--cache", "pages", str(tiff), "-e", "fake"]) == 0
        (tmp_path / "pages" / "scan.tiff").write_bytes(b"")  # it has been a cache before


def test_a_folder_without_documents_is_said(tmp_path, capsys, caplog):
    (tmp_path / "notes.txt").write_text("hello")
    assert main(["read", str(tmp_path), "-e", "fake"]) == 0
    assert capsys.readouterr().out == ""
    assert "nothing is read: 1 of the files are no images or PDFs" in caplog.text


def test_what_is_logged_says_what_to_type_here(tiff):
    command = [
        sys.executable,
        "-m",
        "qwen_ocr_loader.cli",
        "read",
        str(tiff),
        "-e",
        "fake",
        "--cache",
        "/dev/null/pages",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "give another folder: --cache FOLDER; reading on" in done.stderr


def test_what_is_logged_leaves_names_of_files_alone():
    error = DamagedSource("type: password='...'", source="dpi=300.pdf")
    args = ("task=1.pdf", 3, error)
    record = logging.LogRecord(
        "qwen_ocr_loader", logging.WARNING, "", 0, "%s, page %d: %s; or engine='local'", args, None
    )
    assert Told("%(message)s").format(record) == (
        "task=1.pdf, page 3: dpi=300.pdf: type: --password '...'; or --engine 'local'"
    )


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="Linux has a disk that is always full")
def test_a_full_disk_is_no_traceback(tiff):
    command = [sys.executable, "-m", "qwen_ocr_loader.cli", "read", str(tiff), "-e", "fake"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert "qwen-ocr: [Errno 28] No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_page_whose_file_has_changed_costs_no_other_drawing(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "b.png", "c.png"):
        Image.new("L", (60, 40), 200).save(tmp_path / name)
    pictures_of = Pictures.of

    def of(self, page):
        if page.origin.file_name == "b.png":
            raise DamagedSource("it has changed")
        return pictures_of(self, page)

    monkeypatch.setattr(Pictures, "of", of)
    assert main(["draw", "a.png", "b.png", "c.png", "-e", "fake"]) == DamagedSource.exit_code
    said = capsys.readouterr()
    assert said.out.split() == ["boxes/a-1.png", "boxes/c-1.png"]
    assert "it has changed" in said.err
