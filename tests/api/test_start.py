"""What a command loads before it knows what it is asked for."""

import subprocess
import sys

SLOW = {"geopandas", "openpyxl", "pandas", "pyogrio", "rasterio", "uvicorn"}


def test_a_command_loads_no_reader_of_files_before_it_needs_one() -> None:
    asked = f"import sys, api.cli.program; print(*sorted({SLOW} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
