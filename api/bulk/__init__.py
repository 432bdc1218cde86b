"""Whole files located and routed, piece by piece, on the threads there are."""
