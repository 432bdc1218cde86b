"""Benchmarks against peers: `make bench [ONLY=name]`, or `python -m bench [NAME …]`. See README.md beside this file."""
