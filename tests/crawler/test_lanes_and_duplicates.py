"""Politeness as arithmetic, and which texts say the same."""

from __future__ import annotations

import random
from email.utils import formatdate

import pytest
from datasketch import MinHash
from hypothesis import given
from hypothesis import strategies as st

from crawler.duplicates import PERMUTATIONS, SHINGLE_WORDS, band_keys, signature, similarity
from crawler.lanes import Lane, retry_after
from crawler.settings import CrawlSettings

SETTINGS = CrawlSettings()
LATENCIES = st.lists(st.floats(0, 100), min_size=1, max_size=30)


def test_a_public_host_is_asked_twice_a_second_at_most() -> None:
    """However fast it answers, the delay stays at its floor of half a second, one request at a time."""
    lane = Lane.open("h.org", SETTINGS)
    for _ in range(50):
        lane.observe(0.001, True, SETTINGS)
    assert (lane.delay, lane.concurrency) == (0.5, 1)
    lane.start(10.0)
    assert not lane.free(10.4)
    lane.active = 0
    assert not lane.free(10.4)
    assert lane.free(10.5)


def test_the_delay_follows_the_latency() -> None:
    """AutoThrottle: towards latency / concurrency, up at once, down by halves."""
    lane = Lane.open("h.org", SETTINGS)
    lane.observe(4.0, True, SETTINGS)
    assert lane.delay == 4.0
    lane.observe(1.0, True, SETTINGS)
    assert lane.delay == 2.5


def test_an_error_never_makes_it_faster() -> None:
    """Error pages come quickly; that says nothing about the load."""
    lane = Lane.open("h.org", SETTINGS)
    lane.observe(4.0, True, SETTINGS)
    lane.observe(0.01, False, SETTINGS)
    assert lane.delay == 4.0


@given(LATENCIES, st.booleans())
def test_the_delay_keeps_its_bounds(latencies: list[float], private: bool) -> None:
    """Law: floor <= delay <= ceiling whatever the latencies."""
    lane = Lane.open("h.org", SETTINGS)
    lane.locate(private, SETTINGS)
    for latency in latencies:
        lane.observe(latency, True, SETTINGS)
        assert lane.floor <= lane.delay <= SETTINGS.delay_ceiling_s


def test_a_private_host_has_no_floor_and_a_crawl_delay_gives_it_one() -> None:
    """On our own machines only robots.txt slows us down; its cap holds."""
    lane = Lane.open("127.0.0.1", SETTINGS)
    lane.locate(True, SETTINGS)
    assert (lane.delay, lane.concurrency) == (0.0, SETTINGS.private_host_concurrency)
    lane.obey(2.0, SETTINGS)
    lane.locate(True, SETTINGS)
    assert (lane.delay, lane.concurrency) == (2.0, 1)
    lane.obey(1e9, SETTINGS)
    assert lane.floor == SETTINGS.crawl_delay_cap_s


@pytest.mark.parametrize(
    ("header", "seconds"),
    [(None, None), ("120", 120.0), (" 7 ", 7.0), ("99999999999999", 300.0), ("soon", None), ("-5", None), ("", None),
     ("1.5", None),
     (formatdate(1_000_060, usegmt=True), 60.0), (formatdate(999_000, usegmt=True), 0.0), ("Mon, 99 Foo 2024", None)],
)  # fmt: skip
def test_retry_after(header: str | None, seconds: float | None) -> None:
    """Seconds or an HTTP date, capped; nonsense is no header."""
    assert retry_after(header, 1_000_000.0, 300.0) == seconds


# ---------------------------------------------------------------- duplicates


def text(words: int, seed: int = 0) -> list[str]:
    random.seed(seed)
    return [f"w{random.randrange(5000)}" for _ in range(words)]


def test_equal_texts_have_equal_signatures() -> None:
    """Case and punctuation do not count; short texts have no signature."""
    words = " ".join(text(200))
    assert signature(words) == signature(words.upper().replace(" ", ", "))
    assert signature("too short to compare") is None


def test_signatures_never_change() -> None:
    """They are kept on disk: a new version must not make old ones incomparable."""
    sketch = signature(" ".join(f"word{n}" for n in range(100)))
    assert sketch is not None
    assert len(sketch) == PERMUTATIONS * 4
    assert sketch[:8].hex() == "c4e79a07f3b92400"


@given(st.integers(0, 120))
def test_similarity_estimates_jaccard_as_datasketch_does(changed: int) -> None:
    """Oracles: the exact Jaccard of shingles, and datasketch's estimate from as many permutations."""
    one, other = text(400), text(400)
    other[:changed] = text(changed, seed=1)
    shingles = [{tuple(words[i : i + SHINGLE_WORDS]) for i in range(396)} for words in (one, other)]
    exact = len(shingles[0] & shingles[1]) / len(shingles[0] | shingles[1])
    sketches = signature(" ".join(one)), signature(" ".join(other))
    assert sketches[0] is not None
    assert sketches[1] is not None
    ours = similarity(sketches[0], sketches[1])
    oracles = []
    for words in shingles:
        oracle = MinHash(PERMUTATIONS)
        oracle.update_batch([" ".join(shingle).encode() for shingle in words])
        oracles.append(oracle)
    assert ours == pytest.approx(exact, abs=0.16)  # 3.6 standard errors of 128 permutations
    assert ours == pytest.approx(oracles[0].jaccard(oracles[1]), abs=0.25)


def test_near_texts_meet_in_a_band_and_strangers_do_not() -> None:
    """What is looked up shares a band key; what is unlike never meets."""
    one, near, far = text(1000), text(1000), text(1000, seed=2)
    near[500] = "changed"
    sketches = [signature(" ".join(words)) for words in (one, near, far)]
    keys = [set(band_keys(sketch)) for sketch in sketches if sketch is not None]
    assert keys[0] & keys[1]
    assert not keys[0] & keys[2]
