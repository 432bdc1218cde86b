"""`python -m bench.ours.fill FOLDER`: import the files of a model city into the store of the settings."""

import sys
from pathlib import Path

from api.cli.model_city import load
from api.cli.opening import open_settled
from api.settings import Settings

if __name__ == "__main__":
    settings = Settings()
    with open_settled(settings) as store:
        load(store, Path(sys.argv[1]), settings)
