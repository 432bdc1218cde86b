"""Append-only lines of 64 bytes: in memory, or in files that many processes map and one writes."""
