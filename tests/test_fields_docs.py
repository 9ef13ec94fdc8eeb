"""What the page on fields shows, as its reader would run it."""

import re
import subprocess
import sys
from pathlib import Path

from qwen_ocr_loader.fields import grounding, validation

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/fields.md").read_text()


def test_the_example_runs():
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("seller='HARBOUR & PINE' day=datetime.date(2026, 10, 17) items=[Item(")
    assert "receipt.jpg seller='HARBOUR & PINE'" in done.stdout


def test_the_problems_are_the_codes():
    assert f"`{grounding.UNFOUND}`" in PAGE
    assert f"`{validation.MISSING}`" in PAGE
