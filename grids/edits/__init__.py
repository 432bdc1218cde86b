"""Edits of unit grids: pure functions from a ground and a wish to a value that says what ends and what begins.

They work on shared nodes and edges, never on overlays, so that what was a coverage stays one to the last bit.
"""
