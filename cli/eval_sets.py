"""Options that name a test collection, for the commands that measure one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from eval.collections import TestCollection

Data = Annotated[
    str | None, typer.Option(help="folder of a test collection (our layout, BEIR, TREC files), or ir_datasets:ID")
]
Split = Annotated[
    str | None, typer.Option(help="of a set with splits: test (where there is one), dev, train, ..., all")
]
Topics = Annotated[Path | None, typer.Option(help="file of topics: JSON lines, id and text with a tab, TREC SGML")]
Qrels = Annotated[Path | None, typer.Option(help="file of judgements: with a header and tabs, or TREC's four columns")]
Corpus = Annotated[Path | None, typer.Option(help="file or folder of documents: JSON lines, or TREC SGML")]
Measures = Annotated[str | None, typer.Option(help="as ir_measures names them: 'nDCG@20 R@50 Judged@10'")]
AllowMissing = Annotated[
    bool, typer.Option("--allow-missing", help="go on when judgements name topics or documents that are not there")
]


def read_set(
    data: str | None, split: str | None, topics: Path | None, qrels: Path | None, corpus: Path | None
) -> TestCollection:
    """DatasetError when there is no such set."""
    from eval.collections import read_collection

    return read_collection(data, split=split, topics=topics, qrels=qrels, corpus=corpus)


def tell(notes: tuple[str, ...]) -> None:
    """What does not fit and was let pass, to stderr."""
    for note in notes:
        typer.echo(f"note: {note}", err=True)
