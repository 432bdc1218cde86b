"""The rule book (指挥手册): its rules, reading them, checking them against the world, and the compiled book."""

from cases.rules.book import RuleBook, Selection
from cases.rules.checks import check, departments_named
from cases.rules.documents import load_yaml
from cases.rules.model import EVERYWHERE, Basis, Rule, Target, from_row, to_row, written
from cases.rules.reading import parse
from cases.rules.sheets import to_document, to_table

__all__ = [
    "EVERYWHERE",
    "Basis",
    "Rule",
    "RuleBook",
    "Selection",
    "Target",
    "check",
    "departments_named",
    "from_row",
    "load_yaml",
    "parse",
    "to_document",
    "to_row",
    "to_table",
    "written",
]
