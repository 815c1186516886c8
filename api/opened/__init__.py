"""The other doors of the open engine: explanations, terms, likeness, recall, models and profiles. Not for searching."""
