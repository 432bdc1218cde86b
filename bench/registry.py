"""Every benchmark by its name."""

from collections.abc import Callable

from bench.editing import (
    check_all_200k,
    edit_dry_run_200k,
    edit_publish_200k,
    publish_to_visible_1m,
    publish_to_visible_200k,
)
from bench.files import export_1m_components, import_1m_components, import_200k_units
from bench.locating import index_memory, locate_bulk, locate_cold, locate_growth
from bench.nearness import nearest
from bench.results import Result
from bench.routing import route_rulebook_growth, route_year
from bench.serving import http_batch_arrow, http_locate
from bench.size import Size

BENCHMARKS: dict[str, Callable[[Size], Result]] = {
    "locate_bulk_200k": locate_bulk,
    "locate_cold_200k": locate_cold,
    "locate_growth": locate_growth,
    "index_memory_200k": index_memory,
    "nearest_1m": nearest,
    "route_year": route_year,
    "route_rulebook_growth": route_rulebook_growth,
    "http_locate": http_locate,
    "http_batch_arrow": http_batch_arrow,
    "publish_to_visible_200k": publish_to_visible_200k,
    "publish_to_visible_1m": publish_to_visible_1m,
    "edit_dry_run_200k": edit_dry_run_200k,
    "edit_publish_200k": edit_publish_200k,
    "check_all_200k": check_all_200k,
    "import_1m_components": import_1m_components,
    "import_200k_units": import_200k_units,
    "export_1m_components": export_1m_components,
}
