"""Settings of every test: hypothesis without deadlines, for the machine may be busy."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("forage", deadline=None)
settings.load_profile("forage")
