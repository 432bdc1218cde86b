"""`python -m examples.model_city OUT [--units 5000] [--cases N] [--seed 1]`."""

import argparse
import sys
from pathlib import Path

from examples.model_city.units import FEWEST
from examples.model_city.write import write


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m examples.model_city", description="Write the files of Model City.")
    parser.add_argument("out", type=Path, help="folder to write into; made if absent, files of the same name replaced")
    parser.add_argument("--units", type=int, default=5000, help="about how many unit grids (default %(default)s)")
    parser.add_argument("--cases", type=int, help="how many cases (default: two for each unit, at most 20,000)")
    parser.add_argument("--seed", type=int, default=1, help="another seed is another city (default %(default)s)")
    given = parser.parse_args(arguments)
    if given.units < FEWEST:
        parser.error(f"--units: {given.units} is too small a city; at least {FEWEST}")
    if (given.cases is not None and given.cases < 0) or given.seed < 0:
        parser.error("--cases and --seed cannot be negative")
    manifest = write(given.out, given.units, given.cases, given.seed)
    for thing, count in manifest.counts.items():
        print(f"{thing:>20} {count:>10,}")
    print(manifest.folder / "city.yaml")
    return 0


if __name__ == "__main__":
    sys.exit(main())
