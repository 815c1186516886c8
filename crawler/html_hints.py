"""What class names and ids say of an element: given an attribute as written, returns a verdict.

The words are those that site makers use the world over, none of one site. A name alone never removes text
that carries the page: html_content.py weighs it against the text. Not for anything that looks at text.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

NOISE: Final = 1  # navigation, sharing, advertisement, related pages, sign-up forms
WEAK: Final = 2  # names that noise and content share: teaser, widget, gallery
COMMENTS: Final = 4
ARTICLE: Final = 8  # post, story, content
BODY: Final = 16  # article-body, entry-content
META: Final = 32  # byline, date, tags
CAPTION: Final = 64
HIDDEN: Final = 128
INDEX: Final = 256  # table of contents
STATED: Final = 512  # marked up as a date or an author by an attribute

_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_WORD: Final = re.compile(r"[a-z]+")


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NOISE: Final = _set(
    """
    nav navbar navi navigation navigator subnav mainnav topnav navlinks navheader navfooter menu menus submenu
    mainmenu topmenu breadcrumb breadcrumbs crumb crumbs sidebar sphinxsidebar footer foot colophon masthead
    topbar bottombar navbox catlinks printfooter share shares sharing sharebar sharebuttons sharedaddy shariff
    social socials socialmedia addthis addtoany facebook twitter whatsapp pinterest linkedin xing reddit flattr
    teilen compartir partager related relatedposts relatedarticles yarpp outbrain taboola plista recommended
    recommendation recommendations recommend recirculation recirc trending popular mostread newsletter
    newsletters subscribe subscription signup optin mailchimp cookie cookies cookiebanner cookieconsent
    cookiebar cookienotice consent gdpr adv advert adverts advertise advertising advertisement advertisements
    adsense adslot adbox adunit dfp gpt promo promos promotion promobox sponsor sponsors sponsored werbung
    anzeige publicidad popup popmake pum lightbox tooltip offcanvas toast snackbar pagination pager paging
    pagenavi toolbar login register searchform searchbox taglist tagcloud tags disclaimer copyright imprint
    donate donation noprint breaking ticker jumpto skip skiplink screenreader sronly invisible followus follow
    rss editsection headerlink infoline livechat disclosure feedback prevnext nextprev print printonly hatnote
    navhint crosslink crosslinks interstitial
    """
)
_PAIRS: Final = _set(
    """
    read-more most-read most-popular most-viewed more-from more-stories more-posts more-news more-articles
    more-on also-like also-read see-also latest-news latest-posts recent-posts recent-comments recent-news
    related-posts keep-reading continue-reading next-post prev-post next-article previous-post previous-article
    post-navigation post-nav next-story nextstory-x author-box author-bio author-info author-card author-profile
    author-description author-about about-author post-author post-tags entry-tags cat-links post-categories
    tag-list tag-cloud tag-links site-header page-header-x header-nav top-bar bottom-bar side-bar side-column
    right-column left-column right-col left-col right-rail left-rail sign-up pop-up log-in opt-in jump-link
    skip-link skip-to screen-reader sr-only visually-hidden off-canvas link-list search-form search-box
    search-results search-bar cookie-x back-top scroll-top to-top go-top edit-link contact-form call-action
    page-numbers site-info site-footer article-footer-x explore-x lee-tambien lea-mas lire-aussi mehr-zum
    mehr-lesen wp-rp no-print user-menu report-error app-store download-app press-contact trust-badge rec-posts
    rec-post load-more news-list post-list posts-list article-list teaser-list newsletter-box mini-bio
    """
)
_WEAK: Final = _set(
    """
    widget widgets teaser teasers banner banners gallery galleries carousel slider slick slideshow overlay modal
    dropdown bottom tools utility utilities like likes keywords category categories topics topic rating ratings
    vote voting poll shop cart basket bio biography vcard aside complementary rail hidden hide infobox legal
    similar latest tab tabs bar box
    """
)
_COMMENTS: Final = _set(
    """
    comment comments commentlist commentform disqus dsq respond reply replies kommentar kommentare comentario
    comentarios commentaire commentaires leserkommentare livefyre community reactions trackback trackbacks
    pingback pingbacks
    """
)
_ARTICLE: Final = _set(
    """
    article articles artikel articulo post blogpost hentry entry story content contents maincontent inhalt
    beitrag contenido contenu main newsitem document documentation body page text nota noticia notizia detail
    """
)
_META: Final = _set(
    """
    byline dateline postmeta entrymeta meta metadata metainfo postmetadata timestamp date datetime pubdate
    published author authors autor auteur submitted credits credit posted readtime dachzeile kicker crumbline
    """
)
_META_PAIRS: Final = _set(
    """
    by-line post-meta entry-meta article-meta post-info article-info entry-utility entry-footer post-footer
    post-date entry-date article-date meta-info meta-data read-time reading-time post-time publish-date
    date-published
    """
)
_CAPTION: Final = _set("caption captions figcaption bildunterschrift imgcaption copyrightinfo photocredit")
_ADVERT: Final = frozenset(("ad", "ads"))
_PART: Final = re.compile(r"[-_]+")
_COMMENT_WORDS: Final = 3
_BODY_CHARACTERS: Final = 8  # of the shortest single word that names a body
_INDEX: Final = _set("toc toctree tableofcontents indextable genindextable modindextable")
_LAYOUT: Final = _set("has no non not with without tag category type format status enable show cat")
_BODY: Final = re.compile(
    r"(?:article|post|entry|story|news|blog|artikel|beitrag|page|nota|articulo|noticia|detail)(?:text|body|content|copy|inhalt|cuerpo|contenido)"
    r"|(?:article|post|entry|story|news|artikel|nota)(?:main|inner)(?:text|body|content)"
    r"|(?:body|main|inner|rich|single|the|full)(?:text|copy|content)$|maincontent|contentbody|contentmain|contentarticle|fieldnamebody|fieldbody"
    r"|mwparseroutput|econtent$|markdownbody|(?:cuerpo|texte|texto)(?:nota|noticia|article|articulo)"
)


_BITS: Final[dict[str, int]] = {}
for _names, _bit in (
    (_NOISE, NOISE),
    (_WEAK, WEAK),
    (_META, META),
    (_CAPTION, CAPTION),
    (_COMMENTS, COMMENTS),
    (_INDEX, INDEX),
):
    for _name in _names:
        _BITS[_name] = _BITS.get(_name, 0) | _bit
_PAIR_BITS: Final = {**dict.fromkeys(_META_PAIRS, META), **dict.fromkeys(_PAIRS, NOISE)}


@lru_cache(maxsize=65_536)
def _token(token: str) -> int:
    """The bits of one name, by its words: `relatedPosts`, `related-posts` and `related_posts` are the same."""
    lowered = token.lower()
    words = _WORD.findall(lowered if lowered == token else _CAMEL.sub("-", token).lower())
    if not words or words[0] in _LAYOUT:
        return 0
    found = 0
    if words[0] in _ADVERT or words[-1] in _ADVERT:
        parts = _PART.split(lowered)  # not `Ad` of a camel-case hash
        found = NOISE if parts[0] in _ADVERT or parts[-1] in _ADVERT else 0
    words = [word for word in words if len(word) > 2] or words
    previous = ""
    for word in words:
        found |= _BITS.get(word, 0)
        if previous:
            found |= _PAIR_BITS.get(f"{previous}-{word}", 0)
        previous = word
    if len(words) > _COMMENT_WORDS:  # item__body__comment names a remark of the author's
        found &= ~COMMENTS
    if words[0] in _ARTICLE or words[-1] in _ARTICLE:
        found |= ARTICLE
    if (len(words) > 1 or len(words[0]) >= _BODY_CHARACTERS) and _BODY.search("".join(words)):
        found |= BODY
    return found


@lru_cache(maxsize=32_768)
def verdict(names: str) -> int:
    """The bits above for a class attribute (all its names) or an id."""
    found = 0
    for token in names.split():
        found |= _token(token)
    return found


def id_verdict(name: str) -> int:
    """The bits for an id. One of many words is the slug of a heading: it says what the text is about."""
    return _token(name) if name.count("-") + name.count("_") < 3 else 0
