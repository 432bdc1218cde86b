"""The kinds of jobs that there are."""

from collections.abc import Mapping
from typing import Any

from api.jobs.checking import CHECK
from api.jobs.exporting import EXPORT
from api.jobs.importing import IMPORT
from api.jobs.intake import INTAKE
from api.jobs.kinds import Kind
from api.jobs.publishing import PUBLISH
from api.jobs.rastering import RASTER
from api.jobs.replaying import REPLAY
from api.jobs.rerouting import REROUTE
from api.jobs.surfacing import DENSITY
from api.jobs.surveying import SURVEY
from api.jobs.zoning import ZONAL

ALL = (IMPORT, INTAKE, EXPORT, CHECK, PUBLISH, REPLAY, REROUTE, RASTER, ZONAL, DENSITY, SURVEY)
KINDS: Mapping[str, Kind[Any]] = {kind.name: kind for kind in ALL}
