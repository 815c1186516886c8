"""What a score expression is once it was read: the nouns between expression.py, which makes them, and evaluate.py.

Nothing here checks anything: an Expression comes from parse_expression, which does.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SignalCall:
    """A signal that an expression reads, with the parameters that it sets."""

    name: str
    arguments: tuple[tuple[str, float], ...] = ()  # sorted by name

    @property
    def key(self) -> str:
        """Its canonical text, `recency(half_life_days=30)`, or the bare name: itself an expression."""
        written = ", ".join(f"{name}={value!r}".removesuffix(".0") for name, value in self.arguments)
        return f"{self.name}({written})" if written else self.name


@dataclass(frozen=True, slots=True)
class Number:
    value: float


@dataclass(frozen=True, slots=True)
class Text:
    """The method of norm."""

    value: str


@dataclass(frozen=True, slots=True)
class Read:
    call: SignalCall


@dataclass(frozen=True, slots=True)
class Apply:
    """An operator or a function; `operation` is its text, `negate` for unary minus."""

    operation: str
    arguments: tuple[Node, ...]


Node = Number | Text | Read | Apply


@dataclass(frozen=True, slots=True)
class Addend:
    """A term of the sum that the expression is. `text`: as written but for white space, with a leading "-" where it is
    subtracted; the sign is in `node` too. Read as an expression of its own it has the same value."""

    text: str
    node: Node


@dataclass(frozen=True, slots=True)
class Expression:
    """`reads`: each signal once, in order of first use. `nodes`: its numbers, names, texts and operators,
    the values of parameters among them."""

    text: str
    addends: tuple[Addend, ...]
    reads: tuple[SignalCall, ...]
    nodes: int

    @property
    def normalises(self) -> bool:
        """Whether a candidate's value depends on the others: `norm` stands somewhere in it."""
        left: list[Node] = [addend.node for addend in self.addends]
        while left:
            node = left.pop()
            if isinstance(node, Apply):
                if node.operation == "norm":
                    return True
                left.extend(node.arguments)
        return False
