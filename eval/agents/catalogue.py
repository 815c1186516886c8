"""The simulated agents by name. They differ in kind, and no parameter is tuned for one of them."""

from __future__ import annotations

from typing import Final

from eval.agents.clauses import CLAUSES
from eval.agents.decomposition import DECOMPOSITION
from eval.agents.evidence import EVIDENCE
from eval.agents.fan_out import FAN_OUT
from eval.agents.keyword import KEYWORD
from eval.agents.long_question import LONG
from eval.agents.loop import LOOP
from eval.agents.view import Agent
from eval.errors import SessionRunError
from ranking.nearest import nearest

AGENTS: Final = {agent.name: agent for agent in (KEYWORD, CLAUSES, EVIDENCE, LOOP, LONG, DECOMPOSITION, FAN_OUT)}


def agent_of(name: str) -> Agent:
    """SessionRunError for a name that there is not."""
    if name not in AGENTS:
        near = nearest(name, AGENTS)
        raise SessionRunError(f"there is no agent {name!r}", hint=f"one of {', '.join(AGENTS)}", did_you_mean=near)
    return AGENTS[name]
