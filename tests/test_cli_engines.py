"""``qwen-ocr engines``: what is installed, what it can do, what is missing."""

import re
import subprocess
import sys

import pytest

from qwen_ocr_loader.cli import main
from qwen_ocr_loader.engines import GROUP, OWN, networks

KEY = "sk-0123456789abcdef"
OTHERS = {
    "broken": "{}['a setting of its own']",
    "ended": "raise SystemExit('no licence')",
    "lacking": "import a_package_that_is_not_there",
    "made": "def Engine(model=None):\n  pass",
    "needing": "class Engine:\n  tasks = ['multi_lan']\n  requires = ('json', 'not_there_a', 'not_there_b')",
    "odd": "class Engine:\n  requires = property(lambda self: ())\n  tasks = property(lambda self: {'multi_lan'})",
    "partial": "from json import nothere",
    "sound": "class Engine:\n  tasks = {'table_parsing', 'multi_lan'}",
}


@pytest.fixture(autouse=True)
def _nobody(tmp_path, monkeypatch):
    """No key and no server of whoever runs the tests."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def listed(capsys):
    """Runs the command: what it says, by the name in front; a name's lines are joined."""

    def run() -> dict[str, str]:
        assert main(["engines"]) == 0
        entries = re.findall(r"^(\S+) +(.+(?:\n +.+)*)", capsys.readouterr().out, re.MULTILINE)
        return {name: re.sub(r"\n +", "\n", said) for name, said in entries}

    return run


@pytest.fixture
def others(tmp_path, monkeypatch):
    """A package with engines of all kinds."""
    about = tmp_path / "others-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: others\nVersion: 1\n")
    (about / "entry_points.txt").write_text(f"[{GROUP}]\n" + "".join(f"{n} = {n}_other:Engine\n" for n in OTHERS))
    for name, code in OTHERS.items():
        (tmp_path / f"{name}_other.py").write_text(f"{code}\n")
    monkeypatch.syspath_prepend(tmp_path)


def test_engines_are_listed_with_what_they_can(listed):
    rows = listed()
    assert rows.keys() >= OWN.keys()
    assert rows["fake"].startswith("ready\n")
    assert rows["local"].endswith(
        "\ntext_recognition, multi_lan, advanced_recognition, key_information_extraction, "
        "table_parsing, document_parsing"
    )


@pytest.mark.usefixtures("others")
def test_a_broken_engine_is_said_to_be_and_the_others_are_listed(listed):
    rows = listed()
    assert rows["broken"] == "cannot be loaded: KeyError: 'a setting of its own'"
    assert rows["ended"] == "cannot be loaded: SystemExit: no licence"
    assert rows["lacking"] == (
        "cannot be loaded: it needs a_package_that_is_not_there; type: pip install a_package_that_is_not_there"
    )
    assert rows["partial"].startswith("cannot be loaded: cannot import name 'nothere' from 'json'")
    assert "pip install" not in rows["partial"]
    assert rows["sound"] == "ready\nmulti_lan, table_parsing"
    assert rows.keys() >= {*OWN, *OTHERS}


@pytest.mark.usefixtures("others")
def test_an_engine_that_tells_its_tasks_once_made_is_listed_too(listed):
    rows = listed()
    assert rows["made"] == rows["odd"] == "ready\nits tasks are told once it is made"


@pytest.mark.usefixtures("others")
def test_only_for_our_engines_there_are_extras_to_install(listed, monkeypatch):
    assert (
        listed()["needing"] == "missing not_there_a, not_there_b; type: pip install not_there_a not_there_b\nmulti_lan"
    )
    monkeypatch.setattr("qwen_ocr_loader.engines.find_spec", lambda _: None)
    missing = "missing rapidocr, onnxruntime; type: pip install 'qwen-ocr-loader[local]'\n"
    assert listed()["local"].startswith(missing)


def test_a_missing_key_is_told_and_no_key_is_ever_shown(listed, tmp_path, monkeypatch):
    rows = listed()
    assert rows["dashscope"].startswith("there is no key: set DASHSCOPE_API_KEY, or ")
    assert rows["openai"].startswith("there is no key: set DASHSCOPE_API_KEY, or ")
    assert "OPENAI_BASE_URL" in rows["openai"]
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1")
    assert listed()["openai"].startswith("ready\n")
    monkeypatch.setenv("DASHSCOPE_API_KEY_FILE_PATH", KEY)  # the key itself, by mistake
    rows = listed()
    assert rows["dashscope"].startswith("… (named by DASHSCOPE_API_KEY_FILE_PATH) cannot be read")
    assert KEY not in str(rows)
    monkeypatch.setenv("DASHSCOPE_API_KEY", f"{KEY}\u200b")
    rows = listed()
    assert "U+200B ZERO WIDTH SPACE" in rows["dashscope"]
    assert KEY not in str(rows)
    monkeypatch.setenv("DASHSCOPE_API_KEY", KEY)
    rows = listed()
    assert rows["dashscope"].startswith("ready\n")
    assert KEY not in str(rows)


def test_a_wrong_address_is_told(listed, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "me:secret@localhost")
    rows = listed()
    assert "want an http(s) URL" in rows["openai"]
    assert "secret" not in str(rows)


def test_language_packs_are_told(listed, tmp_path, monkeypatch):
    monkeypatch.setattr("qwen_ocr_loader.engines.tesseract.FOLDERS", ())
    monkeypatch.setenv("TESSDATA_PREFIX", str(tmp_path))
    monkeypatch.setattr("qwen_ocr_loader.engines.tesseract.find_spec", lambda _: True)
    monkeypatch.setattr("qwen_ocr_loader.cli.find_spec", lambda _: True)
    assert listed()["tesseract"].startswith("no language packs; type: apt-get install tesseract-ocr-")
    for pack in ("kor", "osd"):
        (tmp_path / f"{pack}.traineddata").touch()
    assert listed()["tesseract"] == "ready; language packs: kor, osd"
    for number in range(100):
        (tmp_path / f"l{number:02}.traineddata").touch()
    assert len(listed()["tesseract"]) < 120
    monkeypatch.setattr("qwen_ocr_loader.cli.find_spec", lambda _: None)
    assert listed()["tesseract"].endswith("type: pip install 'qwen-ocr-loader[tesseract]'")


def test_openvino_is_told_and_whether_it_is_of_use(listed, tmp_path, monkeypatch):
    processor = tmp_path / "cpuinfo"
    processor.write_text("flags: avx512_bf16")
    monkeypatch.setattr(networks, "_given_up", [])
    for package, known, said in (
        (None, "no such file", "missing"),
        (True, "no such file", "installed; not used"),
        (True, processor, "ready"),
    ):
        monkeypatch.setattr("qwen_ocr_loader.cli.find_spec", lambda _, package=package: package)
        monkeypatch.setattr(networks, "find_spec", lambda _, package=package: package)
        monkeypatch.setattr(networks, "PROCESSOR", tmp_path / known)
        assert listed()["openvino"].startswith(said)


def test_recognisers_and_the_table_model_are_told(listed, tmp_path, monkeypatch):
    monkeypatch.setattr("qwen_ocr_loader.engines.recognisers._rapidocr", lambda: tmp_path)
    monkeypatch.setattr("qwen_ocr_loader.tables.slanet.model_path", lambda: None)
    rows = listed()
    assert "fetch=True" in rows["rapidocr"]
    assert rows["tables"].startswith("missing")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "korean_PP-OCRv5_rec_mobile.onnx").touch()
    monkeypatch.setattr("qwen_ocr_loader.tables.slanet.model_path", lambda: tmp_path)
    rows = listed()
    assert rows["rapidocr"] == "ready; recognisers of other scripts: korean"
    assert rows["tables"].startswith("ready")


def test_poppler_is_told(listed, tmp_path, monkeypatch):
    pytest.importorskip("pdf2image")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "needs Poppler's programs pdftoppm and pdfinfo" in listed()["poppler"]
    for name in ("pdftoppm", "pdfinfo"):
        (tmp_path / name).touch(mode=0o755)
    assert listed()["poppler"].startswith("ready")


def test_no_model_is_loaded_to_tell():
    code = (
        "import sys; from qwen_ocr_loader.cli import main; main(['engines']); "
        "print(*{'onnxruntime', 'openvino', 'rapidocr', 'tesserocr', 'cv2'} & sys.modules.keys(), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.split() == []
