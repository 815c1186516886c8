"""What sessions may refuse.

ForageError
└── SessionError
    ├── SessionNotFound        there is no live session of this id, for this tenant
    ├── BranchNotFound         the session has no branch of that name
    ├── BranchExists           fork was asked for a name that is in use
    ├── TooManyBranches        the session has as many branches, or merges, as it may have
    ├── SessionExists          create was asked for an id that is in use
    ├── InvalidName            an id, reader, branch or request id that cannot be one
    ├── EventError             an event that cannot be written down (non-finite score, missing document)
    ├── HistoryFolded          the past asked for has been folded into the summary
    ├── RequestConflict        this request id was used with another body
    └── SessionStoreError      the store cannot be used now (locked, full, gone): search goes on without it
        └── LogFormatError     what is stored was written by another version, or is damaged
"""

from __future__ import annotations

from ranking.errors import ForageError


class SessionError(ForageError):
    """Anything that sessions raise."""

    code = "session_error"


class SessionNotFound(SessionError):
    code = "not_found"
    status = 404


class BranchNotFound(SessionError):
    code = "branch_not_found"
    status = 404


class BranchExists(SessionError):
    code = "branch_exists"
    status = 409


class TooManyBranches(SessionError):
    code = "too_many_branches"
    status = 409


class SessionExists(SessionError):
    code = "session_exists"
    status = 409


class InvalidName(SessionError):
    code = "invalid_parameter"
    status = 422


class EventError(SessionError):
    code = "invalid_event"
    status = 422


class HistoryFolded(SessionError):
    code = "history_folded"
    status = 410


class RequestConflict(SessionError):
    code = "request_conflict"
    status = 409


class SessionStoreError(SessionError):
    code = "session_unavailable"
    status = 503
    retryable = True


class LogFormatError(SessionStoreError):
    code = "session_unreadable"
    retryable = False
