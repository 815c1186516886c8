"""Where results go: given a path, returns the folder, made and known to be writable. Not for what is written there."""

from __future__ import annotations

import tempfile
from pathlib import Path

from eval.errors import RunError


def writable(out: Path) -> Path:
    """RunError when nothing can be written there: before an hour of work, not after it."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=out).close()
    except OSError as error:
        raise RunError(
            f"cannot write to {out}: {error.strerror}", hint="give a folder that you may write with --out"
        ) from error
    return out
