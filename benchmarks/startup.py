"""How long a fresh process takes until it has something: imports, the first page of a PDF, the first page recognised.

    python benchmarks/startup.py [--rounds 5]

Each line is a process of its own, started in turns with the others; the table holds medians of the whole process, and
what is left of it above a Python that does nothing. The picture and the PDF are those in ``examples/documents``. Peers
that are not installed are said so: ``pip install "qwen-ocr-loader[benchmark]"``.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

AS_INSTALLED = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""An installed package has its bytecode written; without it every start would compile the sources anew."""

ROOT = Path(__file__).parent.parent
DOCUMENTS = ROOT / "examples" / "documents"
PDF, PICTURE = DOCUMENTS / "report.pdf", DOCUMENTS / "receipt.jpg"

BARE = "Python alone"
LOCAL = (
    "from PIL import Image; from qwen_ocr_loader import LocalEngine, Reader; "
    "next(Reader(engine=LocalEngine(runtime='{}')).read({}))"
)
PROCESSES = {
    BARE: "pass",
    "import qwen_ocr_loader": "import qwen_ocr_loader",
    "... Reader": "from qwen_ocr_loader import Reader",
    "... QwenOCRLoader (LangChain)": "from qwen_ocr_loader.langchain import QwenOCRLoader",
    "... QwenOCRReader (LlamaIndex)": "from qwen_ocr_loader.llama_index import QwenOCRReader",
    "langchain_core alone": "from langchain_core.document_loaders import BaseLoader; import langchain_core.documents",
    "llama_index.core alone": "from llama_index.core.readers.base import BasePydanticReader",
    "PyPDFLoader (LangChain)": "import pypdf; from langchain_community.document_loaders import PyPDFLoader",
    "first page of a PDF": f"from qwen_ocr_loader import Reader; next(Reader(engine='fake').read({str(PDF)!r}))",
    "local engine ready": LOCAL.format("onnxruntime", "Image.new('L', (200, 60), 255)"),
    "local engine ready, on OpenVINO": LOCAL.format("openvino", "Image.new('L', (200, 60), 255)"),
    "first page recognised": LOCAL.format("onnxruntime", repr(str(PICTURE))),
    "first page recognised, on OpenVINO": LOCAL.format("openvino", repr(str(PICTURE))),
    "... by stock RapidOCR": f"from rapidocr import RapidOCR; RapidOCR()({str(PICTURE)!r})",
}


def seconds(code: str) -> float | None:
    """The whole process; None where something is not installed."""
    start = time.perf_counter()
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, env=AS_INSTALLED)
    if done.returncode == 0:
        return time.perf_counter() - start
    if "ModuleNotFoundError" in done.stderr or "MissingDependency" in done.stderr:
        return None
    raise SystemExit(done.stderr)


def compare(rounds: int) -> str:
    """Every process so often, in turns, as a Markdown table of medians."""
    taken: dict[str, list[float]] = {}
    for name in [*PROCESSES] * (rounds + 1):  # the first round warms the disk's cache, and is dropped below
        if (time_of := seconds(PROCESSES[name])) is not None:
            taken.setdefault(name, []).append(time_of)
    rows = [("", "seconds", "above Python alone"), ("---",) * 3]
    bare = statistics.median(taken[BARE][1:])
    for name in PROCESSES:
        if name not in taken:
            rows.append((name, "not installed", ""))
            continue
        middle = statistics.median(taken[name][1:])
        rows.append((name, f"{middle:.2f}", f"{middle - bare:.2f}"))
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    print(compare(parser.parse_args().rounds))


if __name__ == "__main__":
    main()
