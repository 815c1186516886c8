"""Work that is not done twice, or done ahead: pools of candidates, flights, probes, follow-ups, guesses. Nothing here
changes an answer. Not for the index itself (indexer/).
"""
