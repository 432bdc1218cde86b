"""The peers, each in a process of its own. They run in `.cache/bench-venv` and import nothing of the product."""
