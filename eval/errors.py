"""What an evaluation may refuse.

ForageError
└── EvalError
    ├── DatasetError      a folder is not a test collection in a layout known here
    ├── RunError          two runs cannot be compared, or one cannot be read
    ├── SessionRunError   simulated sessions cannot be run as asked
    └── FrozenError       candidates cannot be frozen as asked, or a file of them is damaged or of other searches
"""

from __future__ import annotations

from ranking.errors import ForageError


class EvalError(ForageError):
    """Anything that eval raises."""

    status = 422


class DatasetError(EvalError):
    code = "invalid_dataset"


class RunError(EvalError):
    code = "invalid_run"


class SessionRunError(EvalError):
    code = "invalid_session_run"


class FrozenError(EvalError):
    code = "invalid_frozen"
