"""The command line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from qwen_ocr_loader import PageResult, Reader
from qwen_ocr_loader.cli import main
from qwen_ocr_loader.errors import DamagedSource, UnsupportedTask


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
    assert "cannot do task='formula_recognition'" in capsys.readouterr().err


def test_a_wrong_option_value_is_a_usage_error(tiff, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["read", str(tiff), "-e", "fake", "--pages", "x"])
    assert exit_.value.code == 2
    assert "write it like '1,3-5,9-'" in capsys.readouterr().err


def test_standard_input_is_a_file_too(tiff):
    done = subprocess.run(
        [sys.executable, "-m", "qwen_ocr_loader.cli", "read", "-", "-e", "fake"],
        input=tiff.read_bytes(),
        capture_output=True,
        check=True,
    )
    assert done.stdout == b"Page 1\n\x0cPage 2\n\x0cPage 3\n"


def test_engines_are_listed_with_what_they_can(capsys):
    assert main(["engines"]) == 0
    said = capsys.readouterr().out
    assert "local" in said
    assert "advanced_recognition" in said


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
