"""A small multi-hop set on disk, for tests of sessions."""

from __future__ import annotations

import json
from pathlib import Path

PAGES = {
    "m1": ("Journal of Botany", "A quarterly journal about plants, published by the Northern Plant Society."),
    "m2": ("Northern Plant Society", "The first president of the society was Ada Fern, a moss collector."),
    "m3": ("Harbour of Lund", "The harbour was designed by the engineer Olaf Brink and opened in spring."),
    "m4": ("Olaf Brink", "An engineer born in the town of Viborg; he built bridges and one harbour."),
    "x1": ("Botany", "The study of plants. Many a journal is about botany and plants."),
    "x2": ("Society of Engineers", "A society with a president, which published a list of its engineers."),
    "x3": ("Harbour", "A place for ships. A harbour opens to the sea and was designed for storms."),
    "x4": ("President", "The first among members of a society, a company or a state."),
}
QUESTIONS = {
    "q1": ("Who was the first president of the society which published the Journal of Botany?", ("m1", "m2")),
    "q2": ("In which town was the engineer born who designed the Harbour of Lund?", ("m3", "m4")),
}
STEPS = {
    "q1": [
        ("Who published the Journal of Botany?", "Northern Plant Society", "m1"),
        ("first president of #1", "Ada Fern", "m2"),
    ],
    "q2": [("Who designed the Harbour of Lund?", "Olaf Brink", "m3"), ("Where was #1 born?", "Viborg", "m4")],
}


def multi_hop(folder: Path, *, steps: bool = True) -> Path:
    """corpus.jsonl, queries.jsonl, qrels.tsv and, where wanted, sessions.jsonl."""
    folder.mkdir(parents=True)
    pages = [{"id": name, "title": title, "text": text} for name, (title, text) in PAGES.items()]
    write(folder / "corpus.jsonl", pages)
    topics = [{"id": name, "text": text, "type": "multihop"} for name, (text, _) in QUESTIONS.items()]
    topics.append({"id": "q1-s1", "text": "Who published the Journal of Botany?", "type": "sub-query"})
    write(folder / "queries.jsonl", topics)
    judged = [f"{name}\t{page}\t1" for name, (_, gold) in QUESTIONS.items() for page in gold]
    (folder / "qrels.tsv").write_text(
        "\n".join(["query_id\tdoc_id\trelevance", *judged, "q1-s1\tm1\t1", "q1-s1\tx1\t1"]) + "\n"
    )
    if steps:
        rows = [
            {
                "session_id": name,
                "target_query_id": name,
                "turns": [{"query_raw": text, "answer": answer, "gold": [page]} for text, answer, page in found],
            }
            for name, found in STEPS.items()
        ]
        write(folder / "sessions.jsonl", rows)
    return folder


def write(path: Path, rows: list[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
