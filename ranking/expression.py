"""Score expressions: given the text of a request's `score`, returns its addends and the signals that they read.

    score      = sum of products of numbers, signals, functions and ( ), with unary minus
    condition  = comparison of two numbers | not c | c and c | c or c | ( c ), only as the condition of `if`
    signal     = name | name(parameter=number, ...)

Strongest first: unary minus; * and /; + and -; comparisons; not; and; or. Operators of one strength group from the
left. A precedence-climbing parser (Pratt 1973) that checks types as it reads; what it builds holds nothing but nodes
of expression_nodes.py, and no text is ever executed. Not for values: evaluate.py computes them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, NoReturn

from ranking.constants import MAX_EXPRESSION_NESTING, MAX_EXPRESSION_NODES, MAX_EXPRESSION_REPAIRS
from ranking.errors import ExpressionError
from ranking.expression_functions import COMPARISONS, FUNCTIONS, LOGICAL, NEGATE, NORMS, Function, Kind, Parameter
from ranking.expression_lexer import HYPHENATED, NAME, Source, Token, shortened
from ranking.expression_nodes import Addend as Addend
from ranking.expression_nodes import Apply, Node, Number, Read, Text
from ranking.expression_nodes import Expression as Expression
from ranking.expression_nodes import SignalCall as SignalCall
from ranking.nearest import nearest, plain_name


def parse_expression(text: str, known: Mapping[str, Collection[str]], *, path: str = "$.score") -> Expression:
    """`known`: signal -> the names of its parameters. Signals whose names do not fit the grammar cannot be read.

    Raises ExpressionError for anything else than a well-typed expression of at most MAX_EXPRESSION_NODES nodes; its
    `corrected_expression`, where there is one, parses.
    """
    try:
        return _Parser(Source(text, path), known).expression()
    except ExpressionError as error:
        error.corrected_expression = _repaired(error.corrected_expression, known)
        raise


def _repaired(text: str | None, known: Mapping[str, Collection[str]]) -> str | None:
    """`text` with the faults repaired that come to light in turn; None when that leads nowhere."""
    for _ in range(MAX_EXPRESSION_REPAIRS):
        if text is None:
            break
        try:
            _Parser(Source(text, ""), known).expression()
        except ExpressionError as error:
            text = error.corrected_expression
        else:
            return text
    return None


# ---------------------------------------------------------------- the parser

_STRENGTH: Final[Mapping[str, int]] = MappingProxyType(
    {"or": 1, "and": 2, "not": 3, **dict.fromkeys(COMPARISONS, 4), "+": 5, "-": 5, "*": 6, "/": 6, NEGATE: 7}
)
_INFIX: Final = frozenset(_STRENGTH) - {"not", NEGATE}
_POSITIVE: Final = re.compile(r"(?:mid|half_life|scale|exp)(?:_\w+)?")
"""Parameters of signals that must be above 0, with or without a unit: they mean what those of functions mean."""
_EXAMPLE: Final = "for example bm25 + 0.5*dense"


@dataclass(frozen=True, slots=True)
class _Operand:
    """A part that was read from [start, end). `addends` when it is a sum without brackets around it."""

    node: Node
    kind: Kind
    start: int
    end: int
    addends: tuple[tuple[bool, _Operand], ...] = ()  # (whether subtracted, addend)

    @property
    def terms(self) -> tuple[tuple[bool, _Operand], ...]:
        return self.addends or ((False, self),)


class _Parser:
    """Reads from left to right and stops at the first fault. Depth is bounded by brackets and by nodes."""

    def __init__(self, source: Source, known: Mapping[str, Collection[str]]) -> None:
        self.source = source
        self.known = known
        self.token = source.token(0)
        self.last = self.token
        self.depth = 0  # brackets and prefix operators around the token
        self.reads: dict[str, SignalCall] = {}
        self.nodes = 0

    def expression(self) -> Expression:
        if not self.source.text.strip():
            raise self.source.fault(0, 0, "the expression is empty", f"leave score out, or write one, {_EXAMPLE}")
        whole = self._operand(0)
        if self.token.kind != "end":
            self._refuse_after()
        self._require(whole, "number")
        addends = tuple(self._addend(negative, operand) for negative, operand in whole.terms)
        return Expression(self.source.text, addends, tuple(self.reads.values()), self.nodes)

    def _addend(self, negative: bool, operand: _Operand) -> Addend:
        written = re.sub(r"^-\s+", "-", " ".join(self._text(operand).split()))
        return Addend(f"-{written}", Apply(NEGATE, (operand.node,))) if negative else Addend(written, operand.node)

    # ------------------------------------------------------------ tokens

    def _take(self) -> Token:
        self.last = self.token
        self.token = self.source.token(self.last.end)
        return self.last

    def _take_node(self) -> Token:
        self.nodes += 1
        if self.nodes > MAX_EXPRESSION_NODES:
            what = f"more than {MAX_EXPRESSION_NODES} numbers, names and operators"
            raise self.source.fault(self.token.start, self.token.end, what, "leave out what weighs least")
        return self._take()

    def _text(self, operand: _Operand) -> str:
        return self.source.text[operand.start : operand.end]

    def _within(self, opening: Token, least: int) -> _Operand:
        """An operand one level deeper, inside of `opening`."""
        self.depth += 1
        if self.depth > MAX_EXPRESSION_NESTING:
            what = f"more than {MAX_EXPRESSION_NESTING} levels of brackets and signs"
            raise self.source.fault(opening.start, opening.end, what, "write it flatter")
        operand = self._operand(least)
        self.depth -= 1
        return operand

    # ------------------------------------------------------------ operators

    def _operand(self, least: int) -> _Operand:
        """The longest operand whose operators are all stronger than `least`."""
        left = self._first()
        while self.token.text in _INFIX and _STRENGTH[self.token.text] > least:
            operator = self._take_node()
            left = self._combined(left, operator.text, self._operand(_STRENGTH[operator.text]))
        return left

    def _combined(self, left: _Operand, operator: str, right: _Operand) -> _Operand:
        if operator in COMPARISONS and left.kind == "condition":
            what, hint = "a comparison of a comparison", "compare two at a time: a < b and b < c"
            raise self.source.fault(left.start, left.end, what, hint)
        kind: Literal["number", "condition"] = "condition" if operator in LOGICAL else "number"
        self._require(left, kind)
        self._require(right, kind)
        if operator == "/" and _literal(right.node) == 0:
            raise self.source.fault(right.start, right.end, "a division by 0", "divide by something else")
        node = Apply(operator, (left.node, right.node))
        if operator in ("+", "-"):
            return _Operand(node, "number", left.start, right.end, (*left.terms, (operator == "-", right)))
        return _Operand(node, "number" if operator in ("*", "/") else "condition", left.start, right.end)

    def _require(self, operand: _Operand, kind: Literal["number", "condition"]) -> None:
        """Refuse an operand of another kind."""
        if operand.kind == kind:
            return
        written, fault = self._text(operand), self.source.fault
        what = f"{'text' if operand.kind == 'text' else f'a {operand.kind}'} stands where a {kind} should"
        if operand.kind == "text":
            name = written[1:-1] if written[1:-1] in self.known else None
            hint = "names of signals have no quotes"
            raise fault(operand.start, operand.end, what, hint, did_you_mean=name, instead=name)
        instead, hint = f"{written} > 0", f"compare it: {shortened(written)} > 0"
        if operand.kind == "condition":
            instead, hint = f"if({written}, 1, 0)", f"write if({shortened(written)}, 1, 0)"
        raise fault(operand.start, operand.end, what, hint, instead=instead)

    def _first(self) -> _Operand:
        """A number, a name, a text, something in brackets, or one of them behind `-` or `not`."""
        token = self.token
        if token.kind == "number":
            self._take_node()
            return _Operand(Number(float(token.text)), "number", token.start, token.end)
        if token.kind == "text":
            self._take_node()
            return _Operand(Text(token.text[1:-1]), "text", token.start, token.end)
        if token.text in ("-", "not"):
            operation = NEGATE if token.text == "-" else "not"
            operand = self._within(self._take_node(), _STRENGTH[operation])
            self._require(operand, "number" if operation == NEGATE else "condition")
            return _Operand(Apply(operation, (operand.node,)), operand.kind, token.start, operand.end)
        if token.text == "(":
            inner = self._within(self._take(), 0)
            if self.token.text != ")":
                self._refuse_after(token)
            return _Operand(inner.node, inner.kind, token.start, self._take().end)
        if token.kind == "name" and token.text not in LOGICAL:
            return self._named(self._take_node())
        self._refuse_first(token)

    # ------------------------------------------------------------ names

    def _named(self, name: Token) -> _Operand:
        if name.text in FUNCTIONS and self.token.text == "(":
            return self._function(name, FUNCTIONS[name.text])
        if name.text in self.known:
            return self._signal(name)
        raise self._unknown(name)

    def _arguments(self) -> tuple[list[tuple[Token | None, _Operand]], int]:
        """What stands in the brackets of a call, each with its name if it has one; and where they end."""
        opening, found = self._take(), list[tuple[Token | None, _Operand]]()
        while self.token.text != ")":
            if found:
                if self.token.text != ",":
                    self._refuse_after(opening)
                self._take()
            keyword = None
            if self.token.kind == "name" and self.source.token(self.token.end).text == "=":
                keyword = self._take()
                self._take()
            found.append((keyword, self._within(opening, 0)))
        return found, self._take().end

    def _function(self, name: Token, function: Function) -> _Operand:
        arguments, end = self._arguments()
        parameters = list(function.parameters)
        if function.variadic:
            parameters += parameters[-1:] * (len(arguments) - len(parameters))
        names = [] if function.variadic else [parameter.name for parameter in parameters]
        given: dict[int, _Operand] = {}
        for position, (keyword, operand) in enumerate(arguments):
            place = position if keyword is None else self._place(keyword, names, function.usage)
            if place >= len(parameters) or place in given:
                what = f"an argument too many for {name.text}"
                raise self.source.fault(operand.start, operand.end, what, f"write {function.usage}")
            self._check(operand, parameters[place])
            given[place] = operand
        missing = [one.name for place, one in enumerate(parameters) if place not in given and one.default is None]
        if missing:
            what = f"{name.text} needs {' and '.join(missing)}"
            raise self.source.fault(name.start, end, what, f"write {function.usage}")
        nodes = [
            given[place].node if place in given else Number(one.default or 0.0) for place, one in enumerate(parameters)
        ]
        if name.text == "clamp":
            low, high = _literal(nodes[1]), _literal(nodes[2])
            if low is not None and high is not None and low > high:
                raise self.source.fault(name.start, end, f"{low:g} is above {high:g}", f"write {function.usage}")
        return _Operand(Apply(name.text, tuple(nodes)), "number", name.start, end)

    def _signal(self, name: Token) -> _Operand:
        allowed, given, end = sorted(self.known[name.text]), dict[str, float](), name.end
        usage = f"{name.text}({', '.join(f'{one}=...' for one in allowed)})" if allowed else name.text
        arguments: list[tuple[Token | None, _Operand]] = []
        if self.token.text == "(":
            arguments, end = self._arguments()
        if arguments and not allowed:
            what = f"{name.text} takes no parameters"
            raise self.source.fault(name.start, end, what, f"write {usage}", instead=usage)
        for keyword, operand in arguments:
            if keyword is None:
                instead = f"{allowed[0]}={self._text(operand)}" if len(allowed) == 1 else None
                what = "a parameter of a signal has a name"
                raise self.source.fault(operand.start, operand.end, what, f"write {usage}", instead=instead)
            parameter = allowed[self._place(keyword, allowed, usage)]
            value = _literal(operand.node)
            if parameter in given or value is None:
                what = "a parameter given twice" if parameter in given else f"{parameter} must be a number"
                raise self.source.fault(keyword.start, operand.end, what, f"write one number, {parameter}=30")
            self._check(operand, Parameter(parameter, positive=bool(_POSITIVE.fullmatch(parameter))))
            given[parameter] = value
        call = SignalCall(name.text, tuple(sorted(given.items())))
        self.reads.setdefault(call.key, call)
        return _Operand(Read(call), "number", name.start, end)

    def _place(self, keyword: Token, names: list[str], usage: str) -> int:
        """Which of `names` the keyword is."""
        if keyword.text in names:
            return names.index(keyword.text)
        if keyword.text in self.known:
            equals = self.source.token(keyword.end)
            what, hint = "= gives a parameter its value", "compare with =="
            raise self.source.fault(equals.start, equals.end, what, hint, instead="==")
        guess = nearest(keyword.text, names)
        what = "no parameter has that name"
        raise self.source.fault(keyword.start, keyword.end, what, f"write {usage}", did_you_mean=guess, instead=guess)

    def _check(self, operand: _Operand, parameter: Parameter) -> None:
        """Refuse a kind, a choice or a number that the parameter cannot be."""
        fault, value = self.source.fault, _literal(operand.node)
        if parameter.choices:
            said = operand.node.value if isinstance(operand.node, Text) else self._text(operand)
            if operand.kind != "text" or said not in parameter.choices:
                guess = nearest(said, parameter.choices)
                instead = f'"{guess}"' if guess else None
                what, hint = f"no {parameter.name} has that name", f"one of {', '.join(parameter.choices)}, in quotes"
                raise fault(operand.start, operand.end, what, hint, did_you_mean=guess, instead=instead)
            return
        self._require(operand, "condition" if parameter.kind == "condition" else "number")
        if parameter.positive and value is not None and value <= 0:
            raise fault(operand.start, operand.end, f"{parameter.name} must be above 0", "write a number above 0")

    # ------------------------------------------------------------ refusals

    def _unknown(self, name: Token) -> ExpressionError:
        """Of a name that is neither a signal nor a function that is called."""
        fault, called = self.source.fault, self.token.text == "("
        if name.text in FUNCTIONS:
            what = f"{name.text} is a function and needs its arguments"
            return fault(name.start, name.end, what, f"write {FUNCTIONS[name.text].usage}")
        if name.text in NORMS and self.source.text[: name.start].rstrip().endswith((",", "=")):
            instead = f'"{name.text}"'
            return fault(name.start, name.end, "text without its quotes", f"write {instead}", instead=instead)
        hidden = [one for one in self.known if "-" in one and self.source.text.startswith(one, name.start)]
        if hidden:
            what = f"{hidden[0]} cannot be read, because - is minus"
            return fault(name.start, name.start + len(hidden[0]), what, "give it a name with _ in place of -")
        known = [one for one in self.known if NAME.fullmatch(one)]
        words = [one for one in LOGICAL if one == name.text.lower()]
        names = [*FUNCTIONS, *words, *known] if called else [*words, *known]
        run = HYPHENATED.match(self.source.text, name.start)
        whole = nearest(run[0], names) if run and run.end() > name.end else None
        if run and whole and plain_name(whole) == plain_name(run[0]):  # first-position is first_position
            what = "there is no signal of that name"
            return fault(name.start, run.end(), what, f"write {whole}", did_you_mean=whole, instead=whole)
        guess = nearest(name.text, names)
        what = f"there is no {'function or signal with parameters' if called else 'signal'} of that name"
        hint = f"functions are {', '.join(FUNCTIONS)}" if called else "GET /v1/signals lists them all"
        return fault(name.start, name.end, what, hint, did_you_mean=guess, instead=guess)

    def _refuse_first(self, token: Token) -> NoReturn:
        """Where an operand should begin."""
        if token.kind == "end":
            raise self.source.fault(token.start, token.end, "something is missing", "end with a number, a signal or )")
        instead = "" if token.text == "+" else None
        what = "a number, a signal, a function or ( should stand here"
        hint = "a sign of + is not written" if token.text == "+" else _EXAMPLE
        raise self.source.fault(token.start, token.end, what, hint, instead=instead)

    def _refuse_after(self, opening: Token | None = None) -> NoReturn:
        """Where an operator, or the end of what `opening` opened, should stand."""
        token, fault = self.token, self.source.fault
        if token.kind == "end" and opening is not None:
            unclosed = fault(opening.start, opening.end, "this bracket is not closed", "close it with )")
            unclosed.corrected_expression = f"{self.source.text.rstrip()})"
            raise unclosed
        if token.text == ")":
            raise fault(token.start, token.end, "no bracket is open here", "leave it out", instead="")
        if token.text == "=":
            raise fault(token.start, token.end, "= gives a parameter its value", "compare with ==", instead="==")
        if token.text.lower() in ("and", "or"):
            lower = token.text.lower()
            raise fault(token.start, token.end, "operators are in lower case", f"write {lower}", instead=lower)
        if token.text == "if":
            raise fault(token.start, token.end, "if is a function", f"write {FUNCTIONS['if'].usage}")
        if token.text == ",":
            raise fault(token.start, token.end, "a comma outside of a function's arguments", "addends stand between +")
        factor = self.last.kind == "number" and (token.kind == "name" or token.text == "(")
        instead = f"*{token.text}" if factor else None
        raise fault(token.start, token.end, "an operator is missing before it", "one of + - * /", instead=instead)


def _literal(node: Node) -> float | None:
    """The value of a number that is written out, with or without signs."""
    if isinstance(node, Number):
        return node.value
    if isinstance(node, Apply) and node.operation == NEGATE:
        value = _literal(node.arguments[0])
        return None if value is None else -value + 0.0
    return None
