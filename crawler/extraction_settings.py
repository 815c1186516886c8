"""Every constant of extraction, once, with its unit and its reason. Not for behaviour.

Shares and lengths were set by looking at pages and checked on two gold sets (docs/quality.md).
"""

from __future__ import annotations

from typing import Final

# ---- bounds of the parser: lexbor needs quadratic time for the worst of each
GUARDED_TAGS: Final = 10_000  # `<` in a page; below it nesting alone costs less than a second
SMALL_PAGE_TAGS: Final = 2_000  # below it nothing of this matters
LONG_TAG_CHARACTERS: Final = 4_000  # between two `<`: perhaps one tag with thousands of attributes
GUARDED_FORMATTING: Final = 300  # formatting tags with attributes; each open one is rebuilt in each paragraph
MAX_OPEN_ELEMENTS: Final = 400  # browsers stop at 512
MAX_OPEN_FORMATTING: Final = 32
MAX_TAG_CHARACTERS: Final = 1_000  # a longer tag is looked at: duplicates among n attributes cost n x n
MAX_TAG_ATTRIBUTES: Final = 100
MAX_TREE_DEPTH: Final = 120  # recursion over the tree takes at most three frames a level: far below Python's 1,000
MAX_TEXT_CHARACTERS: Final = 20_000_000  # of one document; the rest is cut

# ---- what counts as running text (characters; one of Chinese, Japanese or Korean counts three)
PROSE_CHARACTERS: Final = 40  # a block with at least so much text of its own...
PROSE_HEADING_CHARACTERS: Final = 120  # ...or a heading so long that it is a lead
PROSE_LINK_SHARE: Final = 1 / 3  # ...less than this share of it in links

# ---- when a name may remove text
NOISE_LIMIT: Final = 0.4  # an element with more than this share of the page's prose is not noise, whatever its name
SURE_NOISE_LIMIT: Final = 0.5  # the same for tags that say it (nav, aside, footer)
ARTICLE_LIMIT: Final = 0.15  # the same for an `article`
NOISE_LEAST_CHARACTERS: Final = 200  # less prose than this does not save an element
COMMENTS_LIMIT: Final = 0.97  # comments may be nearly all of a page
BODY_CHARACTERS: Final = 200  # prose in an element called article-body that outweighs another name
WEAK_LIMIT_CHARACTERS: Final = 500  # prose that a weak name (teaser, widget) cannot remove
WEAK_LINK_SHARE: Final = 1 / 4
META_CHARACTERS: Final = 200  # bylines and dates are shorter
CAPTION_CHARACTERS: Final = 300

# ---- which element holds the content
ENOUGH_CHARACTERS: Final = 400  # prose that makes the strictest reading good enough
ENOUGH_SHARE: Final = 0.3  # or this share of the page's prose...
ENOUGH_LEAST_CHARACTERS: Final = 100  # ...when it is at least so much
LIST_PROSE_SHARE: Final = 0.1  # a page with less prose than this share of its text is a list
LIST_PROSE_LEAST: Final = 100  # or with less than this
INDEX_SHARE: Final = 0.5  # a table of contents that is more than this share of the text is the content
CANDIDATE_SHARE: Final = 0.5  # of the prose that is left: what an article, main or article-body must hold
DESCENT_SHARE: Final = 0.85  # without such an element: go down while one child holds this much
LEAD_SHARE: Final = 0.6  # text before the content belongs to it when it is prose by this share...
LEAD_LIMIT: Final = 0.5  # ...and not longer than this share of the content
SMALL_CHARACTERS: Final = 20

# ---- noise within the content
PRUNED_PROSE: Final = 200  # with less prose nothing tells noise from content
LIST_PAGE_LINK_SHARE: Final = 0.5  # a page of links: its links are its content
LINK_SHARE: Final = 0.6  # of a group of links
LINK_LINE_SHARE: Final = 0.8  # of a line that is a link
LINK_LINE_CHARACTERS: Final = 200
GROUP_LIMIT: Final = 0.4  # no group that holds more of the content is noise
TEASERS: Final = 3  # elements in a row, each with a linked heading
TEASER_SHARE: Final = 0.8
PHRASE_CHARACTERS: Final = 60  # a line that begins like "Read also" is at most so long, or half of it is a link
PHRASE_BLOCK_CHARACTERS: Final = 160
TAIL_CHARACTERS: Final = 30  # shorter last lines are signatures, marks and buttons

# ---- when trafilatura is asked
FALLBACK_CHARACTERS: Final = 250  # less text than this...
FALLBACK_PAGE_CHARACTERS: Final = 1_000  # ...from a page with more than this
FALLBACK_MAX_MARKUP: Final = 500_000  # characters: above it the fallback would take seconds
FALLBACK_GAIN: Final = 1.5  # its text must be longer by this factor

# ---- metadata
TITLE_CHARACTERS: Final = 300
AUTHOR_CHARACTERS: Final = 120
METADATA_CHARACTERS: Final = 500  # of one value
STRUCTURED_CHARACTERS: Final = 200_000  # of JSON-LD; more is a product catalogue
STRUCTURED_NODES: Final = 2_000
LINK_TEXT_CHARACTERS: Final = 300
MAX_LINKS: Final = 10_000  # of one page
MAX_URL_CHARACTERS: Final = 4_000

# ---- language
LANGUAGE_CHARACTERS: Final = 500  # of text that the classifier reads: more does not change its mind
LANGUAGE_LEAST_CHARACTERS: Final = 60  # with less, the page's own word counts
