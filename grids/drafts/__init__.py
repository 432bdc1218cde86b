"""Drafts: edits in order over a revision, checked as a whole and published at once."""
