"""LightGBM models: given the text that `Booster.save_model` writes, returns a model that scores columns of signals.

Read and evaluated here, in numpy. The lightgbm library trains such models, and may not read what a stranger uploads:
of 22 broken texts 14 ended the process and one never came back (version 4.7). What it predicts is predicted
here, bit by bit: margins are added tree by tree, in the order of the text. Not for training, nor for linear leaves and
several classes, which are refused.

The format: LightGBM's `src/boosting/gbdt_model_text.cpp` and `include/LightGBM/tree.h`. Node i of a tree sends a row
to `left_child[i]` or `right_child[i]`; a negative child c is leaf ~c. `decision_type` is a set of bits: 1 categorical,
2 missing values go left, and twice the kind of missing value in bits 4 and 8 (0 none, 1 zero, 2 NaN).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from indexer.errors import InvalidModelError
from ranking.shown import cut, shown
from ranking.types import Doubles, Longs, Mask

MAX_BYTES: Final = 20_000_000
"""Of the text in UTF-8; a thousand trees of 63 leaves are 5 MB."""

MAX_TREES: Final = 10_000
"""More than LightGBM is trained with; a search for the best model rarely ends above a thousand."""

MAX_DEPTH: Final = 256
"""Decisions in a row. Trees that were learned are not a tenth as deep; one of text alone could be 100,000 deep."""

MAX_STEPS: Final = 250_000
"""Decisions that one row can cost in all trees: 10,000 trees of depth 25. At 20 ns each, 100 rows are half a second."""

VERSIONS: Final = frozenset({"v3", "v4"})
"""Of the format: LightGBM 3 and 4. In v2 a missing category meant something else."""

HINT: Final = "upload the text that LightGBM's booster.save_model() writes (version 3 or later), whole and unchanged"

ZERO: Final = float(np.float32(1e-35))
"""LightGBM takes values this near to zero for zero."""

_LANES: Final = 1 << 15
"""Rows x trees that walk at a time: their state fits the CPU's cache."""

_CATEGORICAL, _DEFAULT_LEFT, _MISSING_ZERO, _MISSING_NAN = 1, 2, 1, 2
_LARGEST_CATEGORY: Final = 2.0**31
_SLOPE: Final = re.compile(r"binary sigmoid:([0-9.eE+-]+)")


@dataclass(frozen=True, slots=True)
class Forest:
    """All trees in one: node and leaf numbers run through. M nodes, L leaves, T trees."""

    roots: Longs  # [T] a node, or ~leaf for a tree that is one leaf
    column: Longs  # [M] index into the columns that are read
    threshold: Doubles  # [M] left when value <= threshold
    children: Longs  # [2 M] left and right of each node in turn; ~leaf when negative
    categorical: Mask  # [M]
    default_left: Mask  # [M] where a missing value goes
    missing: NDArray[np.uint8]  # [M] kind of missing value
    bits: NDArray[np.uint32]  # categories that go left, of all nodes
    first_bits: Longs  # [M] where the node's bits begin
    words: Longs  # [M] how many words of 32 bits they are
    leaf_value: Doubles  # [L]
    plain: bool  # no categories, and no zero that means missing


@dataclass(frozen=True, slots=True)
class TreeModel:
    """A model that was read. `steps` is the most decisions that one row can cost, of all trees together."""

    feature_names: tuple[str, ...]  # as trained, in order
    used_features: tuple[str, ...]  # those that a decision reads, in the same order
    objective: str
    trees: int
    steps: int
    fingerprint: str  # SHA-256 of the text, hexadecimal
    average: bool = field(repr=False)  # a random forest: the margin is the mean
    slope: float = field(repr=False)  # `sigmoid` of a binary objective
    forest: Forest = field(repr=False)

    @property
    def id(self) -> str:
        return f"lightgbm/{self.fingerprint[:12]}"

    def score(self, features: Mapping[str, Doubles], size: int) -> Doubles:
        """[size] sigmoid of the raw margin, in [0, 1]. It saturates: margins above 37 are all 1, below -745 all 0.

        For a binary objective this is the probability that LightGBM predicts; for all others (regression, lambdarank)
        it keeps the order of the margins and says nothing else. A row's score does not depend on the others.
        """
        with np.errstate(over="ignore"):  # of margins near the largest number there is, infinity is right here
            margin = self.slope * self.margin(features, size)
        decay = np.exp(-np.abs(margin))
        score: Doubles = np.where(margin >= 0.0, 1.0, decay) / (1.0 + decay)
        return score

    def margin(self, features: Mapping[str, Doubles], size: int) -> Doubles:
        """[size] what the trees say, added; NaN in a feature is a missing value. InvalidModelError when a used
        feature is not among `features`, ValueError when one is not [size]."""
        absent = [name for name in self.used_features if name not in features]
        if absent:
            raise InvalidModelError(f"the model reads signals that are not there: {', '.join(absent[:5])}")
        columns = np.empty((len(self.used_features), size), np.float64)
        for place, name in enumerate(self.used_features):
            if np.shape(features[name]) != (size,):
                raise ValueError(f"feature {name!r} has shape {np.shape(features[name])} and not ({size},)")
            columns[place] = features[name]
        total = np.zeros(size)
        together = max(1, _LANES // max(size, 1))
        for start in range(0, self.trees, together):
            with np.errstate(over="ignore"):
                for row in _walk(self.forest, self.forest.roots[start : start + together], columns):
                    total += row  # tree by tree, as LightGBM adds
        return total / self.trees if self.average else total


def _walk(forest: Forest, roots: Longs, columns: Doubles) -> Doubles:
    """[trees, rows] the value of the leaf where each row ends in each tree."""
    rows = columns.shape[1]
    values = columns.ravel()
    plain = forest.plain and not np.isnan(columns).any()
    node = np.repeat(roots, rows)
    row = np.tile(np.arange(rows), len(roots))
    lane = np.arange(len(node))
    ends = np.empty(len(node), np.int64)
    while True:
        if (node < 0).any():
            there = node < 0
            ends[lane[there]] = ~node[there]
            node, row, lane = node[~there], row[~there], lane[~there]
        if not len(node):
            return forest.leaf_value[ends].reshape(len(roots), rows)
        value = values[forest.column[node] * rows + row]
        left = value <= forest.threshold[node] if plain else _goes_left(forest, node, value)
        node = forest.children[2 * node + ~left]


def _goes_left(forest: Forest, node: Longs, value: Doubles) -> Mask:
    """NumericalDecision and CategoricalDecision of LightGBM's tree.h."""
    kind, nothing = forest.missing[node], np.isnan(value)
    value = np.where(nothing & (kind != _MISSING_NAN), 0.0, value)
    missing = ((kind == _MISSING_ZERO) & (np.abs(value) <= ZERO)) | ((kind == _MISSING_NAN) & nothing)
    left = np.where(missing, forest.default_left[node], value <= forest.threshold[node])
    where = np.flatnonzero(forest.categorical[node])
    if len(where):
        left[where] = _category_is_left(forest, node[where], np.where(nothing, np.nan, value)[where])
    return left


def _category_is_left(forest: Forest, node: Longs, value: Doubles) -> Mask:
    """Whether the category is in the node's set; NaN, negative and unknown ones never are."""
    known = (value > -1.0) & (value < _LARGEST_CATEGORY)  # the fraction is cut off, so -0.5 is category 0
    category = np.where(known, value, 0.0).astype(np.int64)
    word = category >> 5
    known &= word < forest.words[node]
    bits = forest.bits[np.where(known, forest.first_bits[node] + word, 0)].astype(np.int64)
    return known & (bits >> (category & 31) & 1).astype(np.bool_)


# ---------------------------------------------------------------- reading the text


def load_trees(text: str) -> TreeModel:
    """The model in `text`. InvalidModelError says what is wrong with it, and in which tree; also for a text over
    MAX_BYTES and a model over MAX_TREES, MAX_DEPTH or MAX_STEPS."""
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError:
        _refuse("it is not UTF-8 text")
    if len(data) > MAX_BYTES:
        _refuse(f"it has {len(data):,} bytes, more than {MAX_BYTES:,}", "train fewer trees, or fewer leaves a tree")
    lines = text.replace("\r\n", "\n").split("\n")
    header, at = _header(lines)
    names = _feature_names(header)
    blocks = _trees(lines, at, len(header.get("tree_sizes", "").split()))
    forest, used, steps = _forest(blocks, len(names))
    objective = header.get("objective", "custom")
    return TreeModel(
        feature_names=names,
        used_features=tuple(names[i] for i in used),
        objective=objective,
        trees=len(blocks),
        steps=steps,
        fingerprint=fingerprint_of(data),
        average="average_output" in header,
        slope=_slope(objective),
        forest=forest,
    )


def fingerprint_of(data: bytes) -> str:
    """SHA-256 of a model's text in UTF-8, hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def _refuse(what: str, hint: str = HINT) -> NoReturn:
    raise InvalidModelError(f"this is no LightGBM model that can be used: {what}", hint=hint)


def _header(lines: list[str]) -> tuple[dict[str, str], int]:
    """Names and values before the first tree, and the line of that tree."""
    if lines[0].strip() != "tree":
        _refuse(f"it begins with {shown(lines[0], 30)} and not with the line 'tree'")
    first = next((at for at, line in enumerate(lines) if line.startswith(("Tree=", "end of trees"))), None)
    if first is None:
        _refuse("it has no trees")
    header = {name: value for name, _, value in (line.partition("=") for line in lines[1:first])}
    for name, only in (("num_class", "1"), ("num_tree_per_iteration", "1")):
        if header.get(name) != only:
            _refuse(f"{name} is {cut(header.get(name, 'not there'), 20)}", "train with one class: one score a document")
    if header.get("version") not in VERSIONS:
        _refuse(
            f"its format is {cut(header.get('version', 'not named'), 20)}, not one of {', '.join(sorted(VERSIONS))}"
        )
    return header, first


def _feature_names(header: Mapping[str, str]) -> tuple[str, ...]:
    names = tuple(header.get("feature_names", "").split(" "))
    last = header.get("max_feature_idx", "nothing")
    if last != str(len(names) - 1):
        _refuse(f"max_feature_idx is {cut(last, 20)}, but feature_names has {len(names)}")
    if len(set(names)) < len(names) or not all(names):
        _refuse("feature_names has an empty name, or one twice")
    return names


def _slope(objective: str) -> float:
    """What LightGBM multiplies the margin of a binary model with."""
    found = _SLOPE.match(objective)
    slope = float(_numbers(found[1], "the objective's sigmoid", float, 1)[0]) if found else 1.0
    if not 0.0 < slope < np.inf:
        _refuse(f"the objective's sigmoid is {slope}; it is above 0 and finite")
    return slope


def _trees(lines: list[str], at: int, wanted: int) -> list[dict[str, str]]:
    """Names and values of each tree, up to the line that ends them."""
    try:
        end = lines.index("end of trees", at)
    except ValueError:
        last = sum(line.startswith("Tree=") for line in lines) - 1
        _refuse(f"it was cut off in tree {last}: the line 'end of trees' is missing")
    blocks: list[dict[str, str]] = []
    for line in lines[at:end]:
        name, equals, value = line.partition("=")
        if name == "Tree":
            if value != str(len(blocks)):
                _refuse(f"tree {len(blocks)} is numbered {shown(value, 20)}")
            if len(blocks) == MAX_TREES:
                _refuse(f"it has more than {MAX_TREES:,} trees", "train fewer trees with a higher learning rate")
            blocks.append({})
        elif equals and name in blocks[-1]:
            _refuse(f"tree {len(blocks) - 1} has {shown(name, 30)} twice")
        elif equals:
            blocks[-1][name] = value
        elif line.strip():
            _refuse(f"tree {len(blocks) - 1} has a line {shown(line, 30)}")
    if not blocks or len(blocks) != wanted:
        _refuse(f"tree_sizes names {wanted} trees, and there are {len(blocks)}")
    return blocks


def _numbers(text: str, what: str, kind: type, size: int | None) -> NDArray[Any]:
    """[size] the numbers of a line; any number of them when `size` is None. May be infinite, as the threshold is of a
    decision that asks for missing values alone; never NaN."""
    words = text.split()
    if size is not None and len(words) != size:
        _refuse(f"{what} has {len(words)} values instead of {size}")
    try:
        numbers = np.array([kind(word) for word in words], np.int64 if kind is int else np.float64)
    except (ValueError, OverflowError):
        _refuse(f"{what} holds something that is no {'whole number of a sane size' if kind is int else 'number'}")
    if kind is float and np.isnan(numbers).any():
        _refuse(f"{what} holds a NaN")
    return numbers


def _forest(blocks: list[dict[str, str]], features: int) -> tuple[Forest, list[int], int]:
    """The trees as one forest, the features that it reads, and the most decisions that a row costs."""
    parts: dict[str, list[NDArray[Any]]] = {}
    roots, nodes, leaves, words = [], 0, 0, 0
    for number, block in enumerate(blocks):
        tree = _tree(block, f"tree {number}", features)
        size = len(tree["split_feature"])
        roots.append(nodes if size else ~leaves)
        for name in ("left_child", "right_child"):
            tree[name] = np.where(tree[name] < 0, tree[name] - leaves, tree[name] + nodes)
        tree["first_bits"] += words
        nodes, leaves, words = nodes + size, leaves + len(tree["leaf_value"]), words + len(tree["cat_threshold"])
        for name, array in tree.items():
            parts.setdefault(name, []).append(array)
    whole = {name: np.concatenate(arrays) for name, arrays in parts.items()}
    used, column = np.unique(whole["split_feature"], return_inverse=True)
    kind = whole["decision_type"]
    missing = (kind >> 2).astype(np.uint8)
    forest = Forest(
        roots=np.array(roots, np.int64),
        column=column.astype(np.int64),
        threshold=whole["threshold"],
        children=np.stack([whole["left_child"], whole["right_child"]], axis=1).ravel(),
        categorical=(kind & _CATEGORICAL) > 0,
        default_left=(kind & _DEFAULT_LEFT) > 0,
        missing=missing,
        bits=np.append(whole["cat_threshold"], 0).astype(np.uint32),
        first_bits=whole["first_bits"],
        words=whole["words"],
        leaf_value=whole["leaf_value"],
        plain=not ((kind & _CATEGORICAL).any() or (missing == _MISSING_ZERO).any()),
    )
    return forest, used.tolist(), _steps(forest)


def _tree(block: Mapping[str, str], what: str, features: int) -> dict[str, NDArray[Any]]:
    """One tree, checked, its numbers counted from its own first node and leaf."""

    def read(name: str, kind: type, size: int | None) -> NDArray[Any]:
        if name not in block:
            _refuse(f"{what} has no {name}")
        return _numbers(block[name], f"{what}: {name}", kind, size)

    if block.get("is_linear", "0").strip() != "0":
        _refuse(f"{what} has linear leaves", "train with linear_tree=false")
    leaves = int(read("num_leaves", int, 1)[0])
    value = read("leaf_value", float, None)
    if leaves != len(value) or not leaves:
        _refuse(f"{what}: num_leaves is {leaves}, and leaf_value has {len(value)}")
    if np.isinf(value).any():
        _refuse(f"{what}: leaf_value holds a number that is not finite")
    size = leaves - 1
    tree = {name: read(name, int, size) for name in ("split_feature", "decision_type", "left_child", "right_child")}
    tree |= {"threshold": read("threshold", float, size), "leaf_value": value}
    if ((tree["split_feature"] < 0) | (tree["split_feature"] >= features)).any():
        _refuse(f"{what} splits on a feature that has no name")
    if ((tree["decision_type"] < 0) | (tree["decision_type"] >> 2 > _MISSING_NAN)).any():
        _refuse(f"{what} has a decision_type that does not exist")
    children = np.concatenate([tree["left_child"], tree["right_child"]])
    if size and not np.array_equal(np.sort(children), np.concatenate([np.arange(-leaves, 0), np.arange(1, size)])):
        _refuse(f"{what} does not name each node and each leaf as a child once")
    if (children[children > 0] <= np.tile(np.arange(size), 2)[children > 0]).any():
        _refuse(f"{what} has a child before its parent")  # so no circle can be
    return tree | _categories(block, what, tree["decision_type"], tree["threshold"])


def _categories(block: Mapping[str, str], what: str, kind: Longs, threshold: Doubles) -> dict[str, NDArray[Any]]:
    """Of each node its categories, as a run of 32-bit words; `threshold` of a categorical node says which run."""
    first, words = np.zeros(len(kind), np.int64), np.zeros(len(kind), np.int64)
    where = np.flatnonzero(kind & _CATEGORICAL)
    bits = np.zeros(0, np.int64)
    if len(where):
        bits = _numbers(block.get("cat_threshold", ""), f"{what}: cat_threshold", int, None)
        bounds = _numbers(block.get("cat_boundaries", ""), f"{what}: cat_boundaries", int, None)
        if len(bounds) < 2 or bounds[0] != 0 or bounds[-1] != len(bits) or (np.diff(bounds) < 0).any():
            _refuse(f"{what}: cat_boundaries do not divide cat_threshold")
        if ((bits < 0) | (bits >= 1 << 32)).any():
            _refuse(f"{what}: cat_threshold holds something that is no 32-bit word")
        chosen = threshold[where]
        if ((chosen != np.floor(chosen)) | (chosen < 0) | (chosen >= len(bounds) - 1)).any():
            _refuse(f"{what} splits on a set of categories that is not there")
        first[where] = bounds[chosen.astype(np.int64)]
        words[where] = bounds[chosen.astype(np.int64) + 1] - first[where]
    return {"cat_threshold": bits, "first_bits": first, "words": words}


def _steps(forest: Forest) -> int:
    """The depths of all trees added; InvalidModelError above MAX_DEPTH or MAX_STEPS."""
    hint = "train with a max_depth, or fewer trees"
    level = forest.roots[forest.roots >= 0]
    tree = np.flatnonzero(forest.roots >= 0)
    steps = 0
    for _ in range(MAX_DEPTH):
        if not len(level):
            break
        steps += len(np.unique(tree))
        below = forest.children.reshape(-1, 2)[level].ravel()
        level, tree = below[below >= 0], np.repeat(tree, 2)[below >= 0]
    if len(level):
        _refuse(f"tree {tree[0]} is more than {MAX_DEPTH} decisions deep", hint)
    if steps > MAX_STEPS:
        _refuse(f"a row would cost up to {steps:,} decisions, more than {MAX_STEPS:,}", hint)
    return steps
