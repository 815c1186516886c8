"""The programs we compare with: given a cache folder, returns a Python that has them, in a virtual environment apart.

They are not dependencies of the project, and their own dependencies would clash with ours. Not for running them.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

PACKAGES: Final = (
    "lancedb==0.40.0",
    "chromadb==1.5.9",
    "scrapy==2.19.0",
    "trafilatura==2.3.1",
    "lxml_html_clean",  # which old pip does not see that trafilatura's justext needs
    "pyarrow",
    "numpy",
)


def peer_python(cache: Path) -> Path:
    """The interpreter; makes the environment when it is not there or of other versions (some minutes)."""
    folder = cache / "peers"
    python, mark = folder / "bin" / "python", folder / "packages.txt"
    wanted = "\n".join(PACKAGES)
    if not mark.exists() or mark.read_text("utf-8") != wanted:
        print(f"installing {', '.join(PACKAGES)} into {folder}", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *PACKAGES], check=True)
        mark.write_text(wanted, "utf-8")
    return python
