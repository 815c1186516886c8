"""What the index and its data at rest may refuse.

ForageError
└── IndexerError
    ├── DocumentsError               documents.sqlite cannot be read or written
    ├── IngestError                  lines of an import are bad; nothing of it was stored
    │   └── IngestTooLargeError      the body is over the cap (413)
    ├── CollectionError
    │   ├── CollectionNameError      not a name a collection may have
    │   ├── CollectionNotFoundError
    │   ├── CollectionExistsError
    │   └── CollectionBusyError      another writer holds the collection's lock (409, retry)
    ├── GenerationError
    │   ├── GenerationNotFoundError
    │   ├── GenerationCorruptError   files are missing, cut or changed
    │   └── GenerationFormatError    written by a version that this one cannot read
    ├── StorageFullError             no space left; what was there before is untouched
    ├── EmbedderMismatchError        vectors of two models must not meet
    ├── ModelError                   an embedding model is missing, broken or of a kind that cannot run
    │   ├── InvalidModelError        what was given is no model of the kind that rescoring asks for (422)
    │   └── ModelMissingError        a model that a request names is not on this machine (422)
    │       └── ModelNotFoundError   no uploaded model has this name or version (404)
    └── SettingsMismatchError        segments of two splitters or analyzers must not meet
"""

from __future__ import annotations

from ranking.errors import ForageError


class IndexerError(ForageError):
    """Anything that the indexer raises."""

    code = "index_error"


class DocumentsError(IndexerError):
    code = "documents_error"
    status = 500


class IngestError(IndexerError):
    code = "invalid_documents"
    status = 422
    lines: tuple[tuple[int, str, str], ...] = ()  # (line number, field, what is wrong)


class IngestTooLargeError(IngestError):
    code = "payload_too_large"
    status = 413


class CollectionError(IndexerError):
    """Anything about a collection as a whole."""


class CollectionNameError(CollectionError):
    code = "invalid_collection_name"
    status = 422


class CollectionNotFoundError(CollectionError):
    code = "collection_not_found"
    status = 404


class CollectionExistsError(CollectionError):
    code = "collection_exists"
    status = 409


class CollectionBusyError(CollectionError):
    code = "collection_busy"
    status = 409
    retryable = True


class GenerationError(IndexerError):
    """Anything about one generation."""


class GenerationNotFoundError(GenerationError):
    code = "generation_not_found"
    status = 404


class GenerationCorruptError(GenerationError):
    code = "generation_corrupt"
    status = 500


class GenerationFormatError(GenerationError):
    code = "generation_format"
    status = 500


class StorageFullError(IndexerError):
    code = "storage_full"
    status = 507
    retryable = True


class EmbedderMismatchError(IndexerError):
    code = "embedder_mismatch"
    status = 409


class SettingsMismatchError(IndexerError):
    code = "index_settings_mismatch"
    status = 409


class ModelError(IndexerError):
    code = "model_unavailable"
    status = 503


class InvalidModelError(ModelError):
    code = "invalid_model"
    status = 422


class ModelMissingError(ModelError):
    code = "model_missing"
    status = 422


class ModelNotFoundError(ModelMissingError):
    code = "model_not_found"
    status = 404
