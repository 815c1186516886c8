"""`forage eval measure`: measure a TREC run that any engine made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.eval_sets import AllowMissing, Corpus, Data, Measures, Qrels, Split, Topics, read_set, tell


def measure(
    run: Annotated[Path, typer.Option(help="file of lines 'topic Q0 document rank score tag'")],
    out: Annotated[Path, typer.Option(help="folder for the same files as forage eval run")],
    data: Data = None,
    split: Split = None,
    topics: Topics = None,
    qrels: Qrels = None,
    corpus: Corpus = None,
    measures: Measures = None,
    allow_missing: AllowMissing = False,
) -> None:
    """Measure a run of another engine, so that compare can hold it against any other on the same set.

    With --qrels alone only judgements are known of the set; --data also tells a run of other topics or documents."""
    from eval.adhoc.foreign import measure_run
    from eval.adhoc.report import markdown_table, rows_of_summary
    from eval.collections import read_judged
    from eval.measures import MEASURES, parse_measures
    from eval.sets.checks import Findings

    chosen = parse_measures(measures) if measures is not None else MEASURES
    alone = qrels is not None and data is None and topics is None and corpus is None and split is None
    test = read_judged(qrels) if alone and qrels else read_set(data, split, topics, qrels, corpus)
    body = measure_run(run, test, out, chosen, allow_missing)
    tell(Findings(**body["input"]).notes())
    for count, what in (
        (body["unanswered_topics"], "judged topics are not in the run: they count 0"),
        (body["unmeasured_topics"], "topics of the run are not judged, and not measured"),
    ):
        if count:
            typer.echo(f"note: {count:,} {what}", err=True)
    typer.echo(f"{body['run']}: {body['topics']} topics, at most {body['depth']} documents each")
    typer.echo(markdown_table(rows_of_summary(body)), nl=False)
    typer.echo(f"written to {out}")
