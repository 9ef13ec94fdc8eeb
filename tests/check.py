"""Everything that must hold before a change lands: lint, format, types, tests. CI runs just this.

python tests/check.py [pytest arguments]
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
STEPS = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
    ("pytest", "-q", "-n", "2"),
)


def main() -> int:
    for step in STEPS:
        command = [sys.executable, "-m", *step, *(sys.argv[1:] if step[0] == "pytest" else ())]
        print("$", " ".join(step), flush=True)
        if code := subprocess.run(command, cwd=ROOT, check=False).returncode:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
