"""Where the main content of a page is: given its tree, returns the element that holds it, noise marked `dropped`."""

from __future__ import annotations

import re
from typing import Final

from crawler import html_hints as hints
from crawler.html_tree import Element

_BLOCKS: Final = frozenset(
    "address article aside blockquote body center dd details dialog dir div dl dt fieldset figcaption figure footer "
    "form h1 h2 h3 h4 h5 h6 header hgroup hr html legend li main menu nav ol p pre section summary table tbody td "
    "tfoot th thead tr ul caption".split()
)
_HEAD = frozenset("h1 h2 h3 h4 h5 h6".split())
_ALWAYS: Final = frozenset("nav menu dialog button head".split())
_OFTEN: Final = frozenset("footer aside".split())
_ROLES: Final = frozenset("navigation banner contentinfo complementary search dialog alertdialog menu menubar toolbar tablist".split())
_NEVER: Final = frozenset("html body main h1 h2 pre code blockquote b i em strong tr tbody thead dt dd br img".split())
_HIDDEN_STYLE: Final = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)


def measure(elements: list[Element]) -> None:
    for e in elements:
        e.chars = e.link_chars = e.own_chars = e.own_link_chars = e.prose = 0
    for e in reversed(elements):
        if e.dropped: continue
        n = 0
        for c in e.children:
            if isinstance(c, str):
                k = len(c)
                if k > 1:
                    n += k if c[k >> 1] < "\u2e80" else k * 3
        own = e.own_chars + n
        chars = e.chars + n
        tag = e.tag
        link = e.link_chars; own_link = e.own_link_chars
        if tag == "a" and "href" in e.attributes and not ((e.attributes["href"] or "#")[0] == "#" and e.parent.tag in _HEAD):
            link = chars; own_link = own
        e.chars = chars; e.link_chars = link
        e.own_chars=own; e.own_link_chars=own_link
        p = e.parent
        prose = e.prose
        if tag in _BLOCKS:
            if own >= (120 if tag in _HEAD else 40) and own_link * 3 < own:
                prose += own - own_link
            elif tag == 'pre':
                prose += own
        e.prose = prose
        if p is not None:
            p.chars += chars; p.link_chars += link; p.prose += prose
            if tag not in _BLOCKS:
                p.own_chars += own; p.own_link_chars += own_link


def classify(elements, level):
    total = max(1, elements[0].raw)
    for e in elements:
        p = e.parent
        if p is not None and p.dropped:
            e.dropped = True; continue
        tag = e.tag
        v = e.hints
        drop = tag in _ALWAYS
        limit = .5 * total
        why = 'always'
        if not drop and e.hidden and level < 2:
            drop = True; why = 'hidden'
        if tag in _OFTEN: drop = True; why = 'often'
        if tag not in _NEVER and level < 2 and not drop:
            if v & hints.NOISE and not (v & hints.BODY and e.raw > 200): drop = True; limit = .4*total; why='noise'
            elif v & hints.COMMENTS and level == 0: drop = True; limit = .97 * total; why = 'comments'
            elif v & hints.WEAK and level == 0 and not v & hints.BODY:
                drop = (e.raw_link * (2 if tag == 'p' else 4) > e.raw_chars or (not e.raw and tag != 'p')) and e.raw < 500; why = 'weak'
            elif v & hints.META and level == 0 and e.raw_chars < 200 and not v & hints.BODY: drop = True; why='meta'
            elif (v & hints.CAPTION or tag == 'figcaption') and level == 0: drop = e.raw_chars < 300; why='caption'
            if drop and v & hints.ARTICLE and tag == 'article': limit = .15*total
        if drop and (tag in ('html','body','main') or e.raw > limit): drop = False
        e.dropped = drop
        e.why = why


def prepare(elements):
    measure(elements)
    for e in elements:
        e.raw = e.prose; e.raw_chars = e.chars; e.raw_link = e.link_chars
        a = e.attributes
        v = 0; hidden = False
        if a:
            names = a.get("class"); ident = a.get("id")
            if names: v = hints.verdict(names)
            if ident and not (e.tag == 'section' and not names) and names != 'section': v |= hints.id_verdict(ident)
            if '-' in e.tag: v |= hints.verdict(e.tag)
            if a.get("role") in _ROLES: v |= hints.NOISE
            style = a.get("style")
            hidden = "hidden" in a or a.get("aria-hidden") == "true" or bool(style and _HIDDEN_STYLE.search(style))
        e.hints = v
        e.hidden = hidden


def choose(elements):
    prepare(elements)
    results = []
    for level in (0, 1, 2):
        classify(elements, level)
        measure(elements)
        top = container(elements)
        results.append((top.prose, level))
        if top.prose >= 400 or top.prose >= max(100, .3 * elements[0].raw):
            break
    else:
        best = max(results)[1]
        # prefer strictest that has decent share of the best
        for prose, level in results:
            if prose >= .5 * max(results)[0]:
                best = level; break
        if best != 2:
            classify(elements, best); measure(elements); top = container(elements)
    prune(top)
    return top


def container(elements):
    root = elements[0]
    total = max(1, root.prose)
    cands = []
    for e in elements:
        if e.dropped: continue
        rank = 0
        if e.attributes and e.get('itemprop') in ('articleBody','text') : rank = 4
        elif e.hints & hints.BODY: rank = 3
        elif e.tag == 'article': rank = 2
        elif e.tag == 'main' or (e.attributes and e.get('role') == 'main'): rank = 1
        if rank and e.prose >= 0.5*total: cands.append((rank, e.depth, e))
    if cands:
        cur = max(cands, key=lambda c: c[:2])[2]
    else:
        cur = root
        while True:
            nxt = [c for c in cur.children if not isinstance(c,str) and not c.dropped and c.prose >= 0.85*cur.prose and c.tag not in ('p',)]
            if cur.prose and len(nxt) == 1: cur = nxt[0]
            else: break
    # leads
    top = node = cur
    pending = []
    while node.parent is not None and node.parent.tag not in ('body', 'html'):
        par = node.parent
        before = bprose = 0
        seen = False
        later = []
        for c in par.children:
            if c is node: seen = True; continue
            if isinstance(c, str) or c.dropped: continue
            if seen: later.append(c)
            else: before += c.chars; bprose += c.prose
        same = [c for c in later if node.get('class') and c.tag == node.tag and c.get('class') == node.get('class') and c.tag not in ('article','li') and c.prose]
        if before >= 20 and (bprose <= .6 * before or bprose > .5 * cur.prose): break
        pending += [c for c in later if c not in same]
        node = par
        if bprose or same:
            top = node
            for c in pending: drop(c, 'after')
            pending = []
    return top


_PHRASES: Final = re.compile(
    r"(?:(?:see|read|watch|listen) (?:also|more|next|now)|also (?:read|see)|read (?:this|the full|full)|keep reading|continue reading|explore further"
    r"|(?:more|mehr|más|plus|weitere[rs]?|altre|więcej) (?:from|on|about|in|news|stories|zum|zu|aus|von|über|sobre|artikel|beiträge|informationen|infos|meldungen|pressemitteilungen|themen|nachrichten|sur|d'infos|su|o|informacji)\b"
    r"|related\b|recommended\b|you (?:may|might) (?:also )?(?:like|be interested|enjoy)|don.t miss|most (?:read|popular)|trending|popular (?:posts|now)|latest (?:news|posts)|top stories|sponsored|advertisement|promoted"
    r"|(?:das|dies) (?:könnte|dürfte) (?:sie|dich|euch)|auch interessant|lesen sie (?:auch|mehr|weiter|dazu|hier)|lesen? (?:sie )?auch|lies auch|passend dazu|zum weiterlesen|weiterlesen|mehr lesen|mehr dazu|empfohlen|meistgelesen|anzeige\b|werbung\b|ähnliche|verwandte|siehe auch|zum thema|das thema könnte|weiterführende"
    r"|lea (?:también|más|además)|lee (?:también|más)|leer? (?:también|más)|puedes? (?:ver|leer)|te puede interesar|te recomendamos|también te puede|más información|noticias relacionadas|vea también|mira también|siga leyendo|publicidad|recomendad[oa]s?|síguenos|siguenos"
    r"|(?:à )?lire (?:aussi|la suite|également)|à lire|voir aussi|en savoir plus|sur le même (?:sujet|thème)|articles? (?:liés|similaires)|publicité|pour aller plus loin"
    r"|leggi (?:anche|tutto)|potrebbe interessarti|ti potrebbe|vedi anche|pubblicità|leia (?:também|mais)|veja também|saiba mais|publicidade"
    r"|czytaj (?:też|także|również|więcej|dalej)|zobacz (?:też|także|również|więcej)|przeczytaj|polecamy|reklama|źródło|czytaj|lees (?:ook|meer)|bekijk ook|läs (?:också|mer)|les også"
    r"|читайте? (?:также|ещё|еще|далее)|смотрите также|по теме|реклама|подробнее|читати також|διαβάστε (?:επίσης|ακόμη)|ayrıca|ilgili|devamını oku|関連|相关|推荐|延伸阅读|もっと読む"
    r"|share (?:this|on|via|article|post)|teilen\b|artikel teilen|news teilen|beitrag teilen|diesen (?:artikel|beitrag|post) (?:teilen|drucken|weiter)|compartir|compartilhe|partager|condividi|udostępnij|follow us|folgen sie|subscribe|sign up|newsletter|abonnieren|jetzt abonnieren"
    r"|tags?:|tagged\b|filed under|posted (?:in|by|on|under)|schlagw[oö]rte?r?|kategorien?:|categor(?:y|ies):|stichw[oö]rter|themen im artikel|etiquetas|temas|mots.clés|tagi\b"
    r"|photo(?:s|graphy)?(?: by|:| credit)|foto(?:s|graf)?:|bild(?:er|quelle)?:|image:|images?: |credits?:|credit:|©|copyright\b|all rights reserved|quelle:|source:|fuente:"
    r"|comments?\b|leave a (?:comment|reply)|no (?:comments|responses)|kommentare?\b|kommentar (?:schreiben|verfassen)|schreibe? einen kommentar|comentarios\b|deja (?:un|tu) comentario|commentaires\b|dodaj komentarz|\d+ (?:comments?|kommentare?|responses|antworten|comentarios|commentaires)"
    r"|last (?:modified|updated|edited|changed)|(?:zuletzt )?aktualisiert|stand:|published\b|updated\b|veröffentlicht|erstellt am|\d+ min(?:ute)?s? read|lesezeit|lesedauer|reading time|print\b|drucken\b|nach oben|back to top|zurück\b|zur übersicht"
    r"|(?:by|von|par|por|di|od|av|door|от|autor(?:in|es)?:?|text:|author:?|redaktion:) [A-ZÄÖÜÉ]\S+(?: \S+){0,4}$)",
    re.IGNORECASE,
)
_DATE = re.compile(r"^\W*(?:\w+,? )?(?:\d{1,2}[./-] ?\d{1,2}[./-] ?\d{2,4}|\d{4}[./-]\d{1,2}[./-]\d{1,2}|\d{1,2}\.? \w{3,10}\.?,? \d{4}|\w{3,10}\.? \d{1,2}(?:st|nd|rd|th)?,? \d{4})(?:.{0,25})$")
_BLOCKISH = _BLOCKS - frozenset(("li","td","tr","th","tbody","thead"))


def leaves(top):
    """Leaf blocks in order: elements that hold text of their own."""
    return [e for e in top.walk() if e.tag in _BLOCKS and not e.dropped and e.own_chars > 0]


def drop(e, why):
    for x in e.walk():
        x.dropped = True
        x.why = why


def linked_heading(e):
    for x in e.walk():
        if x.tag in _HEAD:
            if x.chars and x.link_chars * 5 >= x.chars * 4: return True
            f = x.parent
            while f is not None and f is not e.parent:
                if f.tag == 'a': return True
                f = f.parent
    return False


def prune(top):
    if top.link_chars * 2 > top.chars or top.prose < 200:
        return  # a page of links, or hardly any prose: nothing says what is noise
    # teaser lists
    for e in list(top.walk()):
        if e.dropped or len(e.children) < 3: continue
        groups = {}
        for c in e.children:
            if not isinstance(c, str) and not c.dropped and c.chars:
                groups.setdefault((c.tag, c.get('class')), []).append(c)
        for g in groups.values():
            if len(g) < 3 or g[0].tag in ('p','tr','td','span','a','b','dt','dd', *_HEAD): continue
            if sum(c.prose for c in g) > .4 * top.prose: continue
            if sum(1 for c in g if linked_heading(c)) >= .8 * len(g):
                for c in g: drop(c, 'teasers')
    # link dense
    stack = [top]
    while stack:
        e = stack.pop()
        for c in e.children:
            if isinstance(c, str) or c.dropped: continue
            if c.tag in _BLOCKS or c.tag in ('a','span','table'):
                ratio = c.link_chars / c.chars if c.chars else 0
                if c.chars == 0: continue
                if c.tag in ('ul','ol','div','section','table','nav','dl','td','article','a') and ratio > .6 and c.prose * 5 < c.chars and c.chars < .4*top.chars:
                    if not (c.tag=='a' and e.own_chars > c.chars): drop(c, 'links'); continue
                if c.tag in ('p','h2','h3','h4','h5','h6','li') and ratio > .8 and c.chars < 200 and c.tag != 'li':
                    drop(c, 'linkp'); continue
            stack.append(c)
    blocks = leaves(top)
    for i, b in enumerate(blocks):
        if b.dropped or b.tag in ('pre',) or b.own_chars > 160: continue
        t = b.text()
        n = len(t)
        if n > 160: continue
        m = _PHRASES.match(t.lstrip('>»›•–-+ [('))
        if m and (n < 60 or b.own_link_chars * 3 > n):
            drop(b, 'phrase')
        elif n < 60 and b.tag not in _HEAD and _DATE.match(t):
            drop(b, 'date')
    blocks = [b for b in blocks if not b.dropped]
    # trailing
    while blocks:
        b = blocks[-1]
        if b.tag in _HEAD or (b.tag not in ('li','td','th','dd','pre','dt') and b.own_chars < 30) or b.own_link_chars * 2 > b.own_chars:
            drop(b, 'tail'); blocks.pop()
        else: break
    # headings with nothing below
    for b, nx in zip(blocks, blocks[1:]):
        if 0 and b.tag in _HEAD and nx.tag in _HEAD and nx.tag == b.tag:
            drop(b,'emptyhead')
