"""The process of one crawl job: given its folder, crawls, indexes and writes events until it ends.

Started by api/crawls.py as `python -m api.crawl_job FOLDER`; not for other callers.
"""

from __future__ import annotations

import fcntl
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

import orjson

from api.lanes import build_index, crawl_into
from api.requests import CrawlRequest
from api.settings import Settings
from ranking.errors import ForageError
from sessions.readback import instant


def main(folder: Path) -> int:
    """Exit status 0 when the index was built."""
    lock = (folder / "lock").open("ab")
    fcntl.flock(lock, fcntl.LOCK_EX)
    job = orjson.loads((folder / "job.json").read_bytes())
    request = CrawlRequest.model_validate(job["request"])
    settings = Settings()
    with (folder / "events.jsonl").open("ab", buffering=0) as stream:

        def emit(row: dict[str, Any]) -> None:
            stream.write(orjson.dumps({"at": instant(time.time()), **row}, default=str) + b"\n")

        def on_signal(_: int, __: FrameType | None) -> None:
            raise KeyboardInterrupt

        signal.signal(signal.SIGTERM, on_signal)
        try:
            emit({"kind": "started", "urls": list(request.urls)})
            report = crawl_into(
                settings,
                job["tenant"],
                request.collection,
                request.urls,
                max_pages=request.max_pages,
                depth=request.depth,
                allow_hosts=request.allow_hosts,
                allow_private=job["allow_private"],
                emit=emit,
            )
            emit({"kind": "indexing"})
            built = build_index(settings, job["tenant"], request.collection, emit=emit)
            emit({"kind": "finished", "crawl": report, "index": built})
        except KeyboardInterrupt:
            emit({"kind": "stopped", "message": "stopped on request; the same crawl goes on from here"})
            return 130
        except ForageError as error:
            emit({"kind": "failed", "code": error.code, "message": error.message, "hint": _at_this_door(error.hint)})
            return 1
        except Exception as error:
            emit({"kind": "failed", "code": "internal_error", "message": f"the crawl failed: {error!r}", "hint": None})
            raise
    return 0


def _at_this_door(hint: str | None) -> str | None:
    """A job has no options of a command line: what the server allows, its environment says."""
    return hint and hint.replace("--allow-private", "FORAGE_ALLOW_PRIVATE=true in the server's environment")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
