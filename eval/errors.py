"""What an evaluation may refuse.

ForageError
└── EvalError
    ├── DatasetError      a folder is not a test collection in a layout known here
    ├── RunError          two runs cannot be compared, or one cannot be read
    ├── MeasureError      a measure that is not known, or cannot be computed here
    ├── SessionRunError   simulated sessions cannot be run as asked
    ├── EndpointError     a model or a server that a real agent needs cannot be used, or refused
    ├── JudgementError    sessions cannot become judgements as asked
    ├── FrozenError       candidates cannot be frozen as asked, or a file of them is damaged or of other searches
    └── TuneError         ranges, sets or folds that cannot be tuned with, or trials of another tuning
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


class MeasureError(EvalError):
    code = "invalid_measure"


class SessionRunError(EvalError):
    code = "invalid_session_run"


class EndpointError(EvalError):
    code = "endpoint_failed"


class JudgementError(EvalError):
    code = "no_judgements"


class FrozenError(EvalError):
    code = "invalid_frozen"


class TuneError(EvalError):
    code = "invalid_tuning"
