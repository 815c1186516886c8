"""Reads pages in other processes: given a task, returns a future of its reading. One bad page loses only itself.

Each worker is a fresh interpreter (no fork: safe beside threads) on a socket, served by one thread here that hands
it a few tasks at a time and takes answers one by one, so that the page at fault is always known. Not for asyncio:
wrap the future. Idle workers are kept for a minute after their pool closed: a recrawl, or the next crawl of a
server, finds them warm.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import queue
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future, InvalidStateError
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Final

from crawler.errors import ExtractionError, NoReaderError
from crawler.reading import Reading, Task
from crawler.scope import Scope
from crawler.settings import CrawlSettings
from crawler.worker import GRACE_S

_BATCH: Final = 8  # tasks handed over at once: hides the turn-around of a busy parent
_BATCH_BYTES: Final = 1 << 20  # of their bodies: a worker's death costs little
_KEPT_S: Final = 60.0  # an idle worker holds some 100 MB
_START_S: Final = 60.0  # for a worker to import its libraries on a loaded machine
_NONE: Final = "no process to read pages with"

_Job = tuple[Task, Scope, "Future[Reading]"]


class ReadingPool:
    """`settings.workers` processes. A context manager; `submit` may be called from any thread."""

    def __init__(self, settings: CrawlSettings) -> None:
        self._settings = settings
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._open = True
        self._busy: set[_Worker] = set()
        self._lock = threading.Lock()
        self._serving = settings.workers  # threads that have a worker, or may get one
        self._threads = [
            threading.Thread(target=self._serve, name=f"reading-{number}", daemon=True)
            for number in range(settings.workers)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, task: Task, scope: Scope) -> Future[Reading]:
        """The future's exception is ExtractionError when this page cannot be read, NoReaderError when none can."""
        future: Future[Reading] = Future()
        self._jobs.put((task, scope, future))
        return future

    def close(self) -> None:
        """Ends the workers at once; tasks not read yet are cancelled. Idempotent."""
        if not self._open:
            return
        self._open = False
        for _ in self._threads:
            self._jobs.put(None)
        for worker in tuple(self._busy):
            worker.stop()
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> ReadingPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ------------------------------------------------------------ one thread per worker

    def _serve(self) -> None:
        worker: _Worker | None = None
        jobs: list[_Job] = []
        try:
            worker = _hire(self._settings)  # at once: its imports take as long as the first pages
            while jobs or (jobs := self._next()):
                if worker is not None and worker.served >= self._settings.worker_pages:
                    worker.kill()
                    worker = None
                if worker is None:
                    worker = _hire(self._settings)
                scope = jobs[0][1]
                batch = [job for job in jobs if job[1] is scope]
                rest = [job for job in jobs if job[1] is not scope]
                self._busy.add(worker)
                if not self._open:
                    worker.stop()
                failure = worker.read(batch, scope, self._settings)
                self._busy.discard(worker)
                if failure:
                    worker.kill()
                    worker = None
                    # The first unanswered task was being read when it happened; those behind it never began.
                    unanswered = [job for job in batch if not job[2].done()]
                    if unanswered:
                        _fail(unanswered[0], failure)
                    rest = unanswered[1:] + rest
                jobs = rest
        except NoReaderError as error:
            self._retire(jobs, error.message)
            jobs = []  # others may have them now
        except Exception as error:  # a future that nobody resolves is waited for for ever
            reason = f"{_NONE}: {error!r}"
            for job in jobs:
                _fail(job, reason, NoReaderError)
            self._retire([], reason)
        finally:
            if worker is not None:
                _IDLE.keep(worker)
            for job in jobs:
                job[2].cancel()
            if not self._open:
                self._cancel_waiting()

    def _next(self) -> list[_Job]:
        """At least one job (waits for it), and what else is there up to a batch; [] when the pool closes."""
        first = self._jobs.get()
        if first is None or not self._open:
            if first is not None:
                first[2].cancel()
            return []
        jobs, size = [first], len(first[0].body)
        while len(jobs) < self._share() and size < _BATCH_BYTES:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None:
                self._jobs.put(None)
                break
            jobs.append(job)
            size += len(job[0].body)
        return jobs

    def _share(self) -> int:
        """Not more than this worker's part of what waits: the others must not stand idle."""
        return max(1, min(_BATCH, -(-self._jobs.qsize() // self._settings.workers)))

    def _retire(self, jobs: Sequence[_Job], reason: str) -> None:
        """This thread gets no worker any more. Those that have one read its jobs; the last to retire refuses them, and
        all that wait or come."""
        with self._lock:
            self._serving -= 1
            last = self._serving == 0
            for job in jobs:
                if last:
                    _fail(job, reason, NoReaderError)
                elif not job[2].done():
                    self._jobs.put(job)
        while last and self._open:
            waiting = self._jobs.get()
            if waiting is None:
                return
            _fail(waiting, reason, NoReaderError)

    def _cancel_waiting(self) -> None:
        """Cancel what waits, and leave the word to stop for the threads that have not heard it yet."""
        stops = 0
        while True:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None:
                stops += 1
            else:
                job[2].cancel()
        for _ in range(stops):
            self._jobs.put(None)


def _fail(job: _Job, reason: str, kind: type[ExtractionError] = ExtractionError) -> None:
    with contextlib.suppress(InvalidStateError):
        job[2].set_exception(kind(reason))


def _hire(settings: CrawlSettings) -> _Worker:
    """A worker that is ready. Raises NoReaderError when none can be had."""
    worker = _IDLE.take(settings)
    if worker is None:
        try:
            worker = _Worker(settings)
        except OSError as error:  # too many processes or files, too little memory
            raise NoReaderError(f"{_NONE}: {error}") from error
        worker.greet()
    return worker


class _Idle:
    """Workers without a pool, by what they were started with. Safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._workers: list[_Worker] = []
        atexit.register(self.clear)

    def keep(self, worker: _Worker) -> None:
        """Keeps the worker for a while."""
        with self._lock:
            self._workers.append(worker)
        timer = threading.Timer(_KEPT_S, self._end, (worker,))
        timer.daemon = True
        timer.start()

    def take(self, settings: CrawlSettings) -> _Worker | None:
        """A kept worker that fits these settings and still lives."""
        with self._lock:
            for worker in self._workers:
                if worker.fits(settings):
                    self._workers.remove(worker)
                    return worker
        return None

    def _end(self, worker: _Worker) -> None:
        with self._lock:
            if worker not in self._workers:
                return
            self._workers.remove(worker)
        worker.kill()

    def clear(self) -> None:
        """Ends them all."""
        with self._lock:
            workers, self._workers = self._workers, []
        for worker in workers:
            worker.kill()


_IDLE: Final = _Idle()


class _Worker:
    """One process and our end of its socket. Raises OSError when the system refuses either."""

    def __init__(self, settings: CrawlSettings) -> None:
        ours, theirs = socket.socketpair()
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        # Array libraries start a thread per core: with a process per core that is only overhead.
        environment.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
        with ours, theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "crawler.worker", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
            self._connection = Connection(ours.detach())
        self._kind = (settings.extractor, settings.worker_memory_bytes)
        self.served = 0

    def fits(self, settings: CrawlSettings) -> bool:
        """Whether it was started for such settings, lives and has pages left before it is worn out."""
        kind = (settings.extractor, settings.worker_memory_bytes)
        return self._kind == kind and self._process.poll() is None and self.served < settings.worker_pages

    def greet(self) -> None:
        """Waits until it is ready. Raises NoReaderError when it does not start."""
        try:
            self._connection.send(self._kind)
            if self._connection.poll(_START_S) and self._connection.recv() == "ready":
                return
        except (EOFError, OSError):
            pass
        self._process.kill()
        said = self._process.communicate()[1].decode("utf-8", "replace").strip().splitlines()
        self.kill()
        raise NoReaderError(f"{_NONE}: {said[-1] if said else 'it does not start'}")

    def read(self, jobs: Sequence[_Job], scope: Scope, settings: CrawlSettings) -> str:
        """Hands over the tasks and settles their futures; returns why the worker is of no use any more, or ""."""
        try:
            self._connection.send((scope, settings, [job[0] for job in jobs]))
            for job in jobs:
                if not self._connection.poll(settings.page_seconds + 2 * GRACE_S):
                    return "did not react"
                answer = self._connection.recv()
                self.served += 1
                if isinstance(answer, Reading):
                    with contextlib.suppress(InvalidStateError):  # nobody waits for it any more
                        job[2].set_result(answer)
                else:
                    _fail(job, answer)
        except (EOFError, OSError):
            code = self._process.wait() if self._process.poll() is None else self._process.returncode
            return "took too long or needed too much" if code == 1 else f"ended the process that read it ({code})"
        return ""

    def stop(self) -> None:
        """Ends the process, whatever it does; its socket then reads as closed. From any thread."""
        self._process.kill()

    def kill(self) -> None:
        """Ends the process and lets go of everything. Idempotent."""
        self._process.kill()
        self._process.wait()
        if self._process.stderr is not None:
            self._process.stderr.close()
        if not self._connection.closed:
            self._connection.close()
