"""Doors that know sessions: searches in them, batches, feedback, branches, replays, exports, and what they learned. Not
for what a session is (sessions/).
"""
