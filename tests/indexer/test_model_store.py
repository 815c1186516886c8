"""Stored models: versions, names, damage, kills, and several writers at once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from indexer.errors import InvalidModelError, ModelError, ModelNotFoundError
from indexer.rerankers.store import ModelStore
from ranking.errors import ParamsError
from tests.indexer.forests import ranker
from tests.processes import script


def test_what_was_put_is_read_back(models: ModelStore, tmp_path: Path) -> None:
    """Text and info, by name and by version, also by another process's store."""
    first, second = models.put("ranker", ranker(0.1)), models.put("ranker", ranker(0.2, "dense"))
    assert (first.reference, second.reference) == ("ranker@1", "ranker@2")
    assert second.features == ("dense",)
    assert (second.trees, second.bytes) == (1, len(ranker(0.2, "dense")))
    assert second.sha256 == hashlib.sha256(ranker(0.2, "dense").encode()).hexdigest()
    assert second.created == "2025-06-15T15:06:40+00:00"
    other = ModelStore(tmp_path / "models")
    assert other.get("ranker") == (ranker(0.2, "dense"), second)
    assert other.get("ranker@1") == (ranker(0.1), first)
    other.put("a.b-c_1", ranker())
    assert [info.reference for info in models.list()] == ["a.b-c_1@1", "ranker@1", "ranker@2"]


def test_equal_text_is_the_same_version(models: ModelStore) -> None:
    """Put again after a lost reply, nothing new; after another text, the old one is the newest again."""
    first = models.put("ranker", ranker(0.1))
    assert models.put("ranker", ranker(0.1)) == first
    models.put("ranker", ranker(0.2))
    assert models.put("ranker", ranker(0.1)).version == 3
    assert models.get("ranker")[0] == ranker(0.1)


def test_deleted_numbers_are_not_given_again(models: ModelStore) -> None:
    """Else a profile that names ranker@2 would silently get another model."""
    for value in (0.1, 0.2, 0.3):
        models.put("ranker", ranker(value))
    assert models.delete("ranker@3") == 1
    assert models.get("ranker")[1].version == 2
    assert models.put("ranker", ranker(0.3)).version == 4
    assert models.delete("ranker") == 3
    assert models.list() == ()
    with pytest.raises(ModelNotFoundError):
        models.delete("ranker")
    assert models.put("ranker", ranker(0.1)).version == 5


def test_unknown_model_names_those_like_it(models: ModelStore) -> None:
    """404, with the nearest name or version."""
    models.put("ranker", ranker())
    with pytest.raises(ModelNotFoundError, match="no model 'rankr'") as caught:
        models.get("rankr")
    assert (caught.value.code, caught.value.status, caught.value.did_you_mean) == ("model_not_found", 404, "ranker")
    with pytest.raises(ModelNotFoundError, match="no version 7") as caught:
        models.get("ranker@7")
    assert caught.value.did_you_mean == "ranker@1"
    with pytest.raises(ModelNotFoundError, match="no model 'nothing-like-it'"):
        models.delete("nothing-like-it")


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "a/b", ".hidden", "a" * 65, "ranker@", "ranker@0", "ranker@x", "é", "a b", "a\n", "@1"],
)
def test_impossible_names_touch_no_file(models: ModelStore, tmp_path: Path, name: str) -> None:
    """422 from every call, and nothing is written or read outside the folder."""
    calls: tuple[Callable[[str], object], ...] = (models.get, models.delete, lambda each: models.put(each, ranker()))
    for call in calls:
        with pytest.raises(ParamsError) as caught:
            call(name)
        assert caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_text_that_is_no_model_is_not_stored(models: ModelStore) -> None:
    """And no name is taken."""
    with pytest.raises(InvalidModelError):
        models.put("ranker", ranker()[:200])
    assert models.list() == ()


def test_interrupted_write_leaves_nothing(models: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk fails at the last step: no version, no scratch, and the next put works."""
    models.put("ranker", ranker(0.1))
    real = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if target.name == "2":
            raise OSError(5, "the disk is gone")
        return real(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(OSError, match="the disk is gone"):
        models.put("ranker", ranker(0.2))
    monkeypatch.undo()
    assert [path.name for path in (tmp_path / "models" / "ranker").iterdir()] == ["1"]
    assert models.put("ranker", ranker(0.2)).version == 2


@pytest.mark.parametrize("killed_at", ["1", "model"])
def test_what_a_killed_process_left_is_removed_by_the_next_writer(
    models: ModelStore, tmp_path: Path, killed_at: str
) -> None:
    """While it wrote a model, or while it threw one away."""
    code = f"""
        import os, sys
        from pathlib import Path
        from indexer.rerankers.store import ModelStore
        from tests.indexer.forests import ranker
        real = Path.rename
        Path.rename = lambda path, target: os._exit(9) if target.name == {killed_at!r} else real(path, target)
        models = ModelStore(Path(sys.argv[1]))
        models.put("ranker", ranker(0.1))
        models.delete("ranker")
    """
    process = script(code, str(tmp_path / "models"))
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (9, ""), errors
    place = tmp_path / "models" / "ranker"
    assert [path for path in place.iterdir() if path.name.startswith(".")]
    models.put("ranker", ranker(0.2))
    assert not [path for path in place.iterdir() if path.name.startswith(".")]
    assert models.get("ranker")[0] == ranker(0.2)


def test_models_put_at_once_all_get_a_number(models: ModelStore, tmp_path: Path) -> None:
    """Two stores on one folder, as two processes have them."""
    stores = (models, ModelStore(tmp_path / "models"))
    texts = [ranker(value / 100) for value in range(1, 25)]
    with ThreadPoolExecutor(8) as pool:
        infos = list(pool.map(lambda i: stores[i % 2].put("ranker", texts[i]), range(24)))
    assert sorted(info.version for info in infos) == list(range(1, 25))
    assert all(models.get(info.reference)[0] == text for info, text in zip(infos, texts, strict=True))


def test_changed_file_is_noticed_and_replaced_by_putting_it_again(models: ModelStore, tmp_path: Path) -> None:
    """Text or info: never a wrong model; the same text becomes a new version."""
    models.put("ranker", ranker())
    (tmp_path / "models" / "ranker" / "1" / "model.txt").write_text(ranker(0.9))
    with pytest.raises(ModelError, match="changed on the disk"):
        models.get("ranker")
    assert models.put("ranker", ranker()).version == 2
    for broken in ("{", "[]", "{}", json.dumps({"name": "ranker", "features": 3})):
        (tmp_path / "models" / "ranker" / "2" / "model.json").write_text(broken)
        with pytest.raises(ModelError, match="changed on the disk"):
            models.resolve("ranker")
    assert models.put("ranker", ranker()).version == 3
