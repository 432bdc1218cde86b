"""网格市 (Model City): an invented but realistic city of any size, in the ordinary files that an office delivers.

It shares no code with the product, so that what it says about its own cases is the word of an independent witness.
"""

from examples.model_city.write import Manifest, write

__all__ = ["Manifest", "write"]
