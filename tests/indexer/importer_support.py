"""Lines of an import, and what becomes of them."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from typing import Any

import pytest

from indexer.errors import IngestError
from indexer.importer import import_documents
from ranking.types import Document

GOOD = {"id": "a", "url": "http://a.example/x", "title": "A title", "text": "some text"}


class Sink:
    """Keeps what it is given, all or none: the port in six lines."""

    def __init__(self) -> None:
        self.documents: dict[str, Document] = {}

    def add(self, documents: Iterable[Document]) -> int:
        fresh = {document.id: document for document in documents}
        changed = sum(self.documents.get(id) != document for id, document in fresh.items())
        self.documents |= fresh
        return changed

    def remove(self, ids: Iterable[str]) -> int:
        raise NotImplementedError


def lines(*objects: Any) -> bytes:
    return b"".join((value if isinstance(value, bytes) else json.dumps(value).encode()) + b"\n" for value in objects)


def read(*objects: Any, **options: Any) -> dict[str, Document]:
    sink = Sink()
    import_documents(io.BytesIO(lines(*objects)), sink, **options)
    return sink.documents


def one(**fields: Any) -> Document:
    (document,) = read({**GOOD, **fields}).values()
    return document


def refusal(*objects: Any, **options: Any) -> IngestError:
    sink = Sink()
    with pytest.raises(IngestError) as caught:
        import_documents(io.BytesIO(lines(*objects)), sink, **options)
    assert not sink.documents
    return caught.value
