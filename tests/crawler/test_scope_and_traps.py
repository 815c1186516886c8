"""Which links are followed at all: the hosts of the crawl, and URLs that programs make without end."""

from __future__ import annotations

import pytest

from crawler.errors import SettingsError
from crawler.scope import Scope
from crawler.settings import CrawlSettings
from crawler.traps import patterns, refusal

SETTINGS = CrawlSettings()


def test_a_seed_allows_its_own_host_and_port_only() -> None:
    """Neighbouring ports and subdomains stay out."""
    scope = Scope().with_page("http://example.org:8080/")
    assert scope.allows("http://example.org:8080/x")
    assert not scope.allows("http://example.org/x")
    assert not scope.allows("http://www.example.org:8080/x")


def test_wildcards_allow_subdomains() -> None:
    """`*.example.org` lets in the domain and what is below it, not its look-alikes."""
    scope = Scope().with_hosts(["*.example.org", "other.net"])
    assert scope.allows("https://a.b.example.org/")
    assert scope.allows("https://example.org/")
    assert not scope.allows("https://badexample.org/")
    assert scope.allows("http://other.net/")
    with pytest.raises(SettingsError, match="not a host"):
        Scope().with_hosts(["exa mple"])
    with pytest.raises(SettingsError, match="user name or password") as caught:
        Scope().with_hosts(["*.user:secret@example.org"])
    assert "secret" not in str(caught.value)


def test_a_host_keeps_one_scheme() -> None:
    """http and https links of one host are one page: the scheme is the seed's."""
    scope = Scope().with_page("http://example.org/")
    assert scope.name("https://example.org/a") == "http://example.org/a"
    assert scope.with_page("https://example.org/").name("http://example.org/a") == "https://example.org/a"
    assert scope.name("https://other.org/a") == "https://other.org/a"
    assert scope.own_name("http://example.org/x", "https://example.org/y") == "http://example.org/y"


@pytest.mark.parametrize(
    ("path", "refused"),
    [
        ("a/b/a/b/a/b/", True), ("a/a/a/a", True), ("1/1/1", False), ("a/b/a/b", False), ("x/" * 30, True),
        ("q" * 2000, True),
        ("p?" + "&".join(f"k{i}=1" for i in range(12)), True), ("p?a=1&b=2", False), ("en/docs/en/guide", False),
    ],
)  # fmt: skip
def test_urls_that_nest_or_grow_without_end(path: str, refused: bool) -> None:
    """Repeating segments, depth, length and many parameters are refused; honest paths are not."""
    assert bool(refusal(f"http://h.org/{path}", SETTINGS)) is refused


def test_calendar_pages_share_a_family() -> None:
    """Pages whose URL is a date count together; an article below a date does not."""
    one, two = (patterns(f"http://h.org/events/2024/{month}/", SETTINGS) for month in ("01", "12"))
    assert one[0][0] == two[0][0]
    assert one[0][2] == SETTINGS.calendar_urls
    assert patterns("http://h.org/2024/01/the-article", SETTINGS) == ()
    assert any(family.startswith("calendar") for family, _, _ in patterns("http://h.org/c?month=2024-05", SETTINGS))


def test_query_families_count_names_and_values_apart() -> None:
    """A set of names is one shape; its values are bounded on their own."""
    (shapes, member, _), (values, _, bound), *_ = patterns("http://h.org/list?b=1&a=2", SETTINGS)
    assert (shapes, member) == ("shapes http://h.org/list", "a&b")
    assert values == "values http://h.org/list?a&b"
    assert bound == SETTINGS.query_urls_per_shape


def test_settings_that_cannot_work_are_refused() -> None:
    """Each wrong value is named."""
    with pytest.raises(SettingsError, match="connect_to needs allow_private"):
        CrawlSettings(connect_to={"a": "127.0.0.1:1"})
    with pytest.raises(SettingsError, match="max_pages is 0"):
        CrawlSettings(max_pages=0)
    with pytest.raises(SettingsError, match="depth is -1"):
        CrawlSettings(depth=-1)
    with pytest.raises(SettingsError, match="delay_floor_s"):
        CrawlSettings(delay_floor_s=float("nan"))
