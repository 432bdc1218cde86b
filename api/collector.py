"""How often Python looks for garbage that refers to itself: seldom, for a city is millions of objects that stay.

Left as it comes the collector goes through all of them again and again while they are read: a quarter of the time that
a check of 200,000 units takes. What refers to nothing of itself is freed at once as ever.
"""

import gc

NEW, YOUNG, OLD = 20_000, 50, 100
"""Objects more than there were, and rounds of the younger ones, after which the older ones are looked at too."""


def calm() -> None:
    """Let the collector look seldom, and never again at what is there already: modules and what they define."""
    gc.freeze()
    gc.set_threshold(NEW, YOUNG, OLD)
