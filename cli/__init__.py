"""The command `forage`. `api` comes first: it settles the threads of numpy before numpy is there."""

import api  # noqa: F401
