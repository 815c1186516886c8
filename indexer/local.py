"""LocalIndex: SearchIndex over immutable segments and one overlay, in this process.

LocalIndex(generation: str, segments: Sequence[Path], overlay: Path, embedder: str | None, dimension: int)
"""
