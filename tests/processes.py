"""Python processes of a test's own: given a script, starts it in the repository; given a process, waits for it."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def script(body: str, *arguments: object) -> subprocess.Popen[str]:
    """A process with its streams as pipes of text; its numpy starts no threads."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(body), *map(str, arguments)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def finished(process: subprocess.Popen[str], timeout: float = 60) -> str:
    """What it wrote, once it ended well."""
    out, err = process.communicate(timeout=timeout)
    assert process.returncode == 0, err
    return out
