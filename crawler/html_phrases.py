"""How the lines around an article begin the world over: given a short line, says whether it is one of them.

"Read also", "Share this", "Tags:", a bare date, a byline: in the languages that most pages are written in.
Not for lines of running text: the caller asks only about short ones.
"""

from __future__ import annotations

import re
from typing import Final

_ALSO: Final = (
    r"(?:see|read|watch|listen) (?:also|more|next|now)",
    r"also (?:read|see)",
    r"read (?:this|the full|full)",
    r"(?:keep|continue) reading",
    r"explore further",
    r"(?:more|mehr|más|plus|weitere[rs]?|altre|więcej) (?:from|on|about|in|news|stories|zum|zu|aus|von|über|sobre|"
    r"artikel|beiträge|informationen|infos|meldungen|pressemitteilungen|themen|nachrichten|sur|d'infos|su|o|informacji)\b",
    r"related\b",
    r"recommended\b",
    r"you (?:may|might) (?:also )?(?:like|be interested|enjoy)",
    r"don.t miss",
    r"(?:most|top) (?:read|popular|stories)",
    r"trending",
    r"popular (?:posts|now)",
    r"latest (?:news|posts)",
    r"sponsored|advertisement|promoted",
    r"(?:das|dies) (?:könnte|dürfte) (?:sie|dich|euch)",
    r"auch interessant",
    r"lesen sie (?:auch|mehr|weiter|dazu|hier)|lesen? (?:sie )?auch|lies auch",
    r"passend dazu|zum weiterlesen|weiterlesen|mehr (?:lesen|dazu)",
    r"empfohlen|meistgelesen|anzeige\b|werbung\b|ähnliche|verwandte|siehe auch|zum thema",
    r"das thema könnte|weiterführende",
    r"lea (?:también|más|además)|leer? (?:también|más)|puedes? (?:ver|leer)|te puede interesar",
    r"te recomendamos|también te puede",
    r"más información|noticias relacionadas|vea también|mira también",
    r"siga leyendo|publicidad|recomendad[oa]s?|s[ií]guenos",
    r"(?:à )?lire (?:aussi|la suite|également)|à lire|voir aussi|en savoir plus|sur le même (?:sujet|thème)",
    r"articles? (?:liés|similaires)|publicité|pour aller plus loin",
    r"leggi (?:anche|tutto)|(?:ti )?potrebbe(?: interessarti)?|vedi anche|pubblicità",
    r"leia (?:também|mais)|veja também|saiba mais|publicidade",
    r"(?:prze)?czytaj|zobacz (?:też|także|również|więcej)|polecamy|reklama|źródło",
    r"lees (?:ook|meer)|bekijk ook|läs (?:också|mer)|les også",
    r"читайте? (?:также|ещё|еще|далее)|смотрите также|по теме|реклама|подробнее|читати також",
    r"διαβάστε (?:επίσης|ακόμη)|devamını oku|ilgili|関連|相关|推荐|延伸阅读|もっと読む",
)
_ACTIONS: Final = (
    r"share (?:this|on|via|article|post)",
    r"teilen\b|(?:artikel|news|beitrag) teilen|diesen (?:artikel|beitrag|post) (?:teilen|drucken|weiter)",
    r"compartir|compartilhe|partager|condividi|udostępnij",
    r"follow us|folgen sie|subscribe|sign up|newsletter|(?:jetzt )?abonnieren",
    r"comments?\b|leave a (?:comment|reply)|no (?:comments|responses)",
    r"kommentare?\b|schreibe? einen kommentar|comentarios\b|deja (?:un|tu) comentario|commentaires\b|dodaj komentarz",
    r"\d+ (?:comments?|kommentare?|responses|antworten|comentarios|commentaires)",
    r"print\b|drucken\b|nach oben|back to top|zurück\b|zur übersicht",
)
_RECORDS: Final = (
    r"tags?:|tagged\b|filed under|posted (?:in|by|on|under)|schlagw[oö]rte?r?|kategorien?:|categor(?:y|ies):",
    r"stichw[oö]rter|themen im artikel|etiquetas|temas|mots.clés|tagi\b",
    r"photo(?:s|graphy)?(?: by|:| credit)|foto(?:s|graf)?:|bild(?:er|quelle)?:|images?:|credits?:|©|copyright\b",
    r"all rights reserved|quelle:|source:|fuente:",
    r"last (?:modified|updated|edited|changed)|(?:zuletzt )?aktualisiert|stand:|published\b|updated\b|veröffentlicht",
    r"erstellt am|\d+ min(?:ute)?s? read|lesezeit|lesedauer|reading time",
    r"(?:by|von|par|por|di|od|av|door|от|autor(?:in|es)?:?|text:|author:?|redaktion:) \w\S+(?: \S+){0,4}$",
)
_PHRASE: Final = re.compile("|".join((*_ALSO, *_ACTIONS, *_RECORDS)), re.IGNORECASE)
_DATE: Final = re.compile(
    r"\W*(?:\w+,? )?(?:\d{1,2}[./-] ?\d{1,2}[./-] ?\d{2,4}|\d{4}[./-]\d{1,2}[./-]\d{1,2}|\d{1,2}\.? \w{3,10}\.?,? \d{4}"
    r"|\w{3,10}\.? \d{1,2}(?:st|nd|rd|th)?,? \d{4}).{0,25}$"
)
_MARKS: Final = ">»›•–-+ [("


def is_around(line: str) -> bool:
    """Whether a line begins like those around an article (related pages, actions, records of the page)."""
    return _PHRASE.match(line.lstrip(_MARKS)) is not None


def is_date(line: str) -> bool:
    """Whether a line is a date and hardly more."""
    return _DATE.match(line) is not None
