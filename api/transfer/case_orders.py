"""What may be said of a file of cases or of outcomes, at the command line and over HTTP alike."""

from collections.abc import Iterable
from pathlib import Path

from api.settings import Settings
from api.systems import LiveSystems
from api.transfer.case_files import CASES, OUTCOMES, Advance, Begun, Manner, Taken, import_cases
from api.transfer.case_rows import Reading
from api.transfer.imports import Options
from api.transfer.outcome_files import import_outcomes
from api.worlds import Worlds, folder_of
from cases.reports import Defaults, parse_zone
from components.editions import CURRENT, normalise_edition
from gis.errors import refuse
from gis.store.engine import Store

CASE_LAYERS = (CASES, OUTCOMES)


def check_fit(layer: str, named: Iterable[str]) -> None:
    """Refuse options that mean nothing for the layer: nobody should believe that they had any effect.

    Errors: Refusal option_unfit.
    """
    told = ", ".join(named)
    if told:
        raise refuse(
            "option_unfit",
            f"{told} means nothing for an import of {layer}; leave it out.",
            f"导入 {layer} 时 {told} 不起作用，请去掉。",
        )


def take_in_file(
    layer: str,
    store: Store,
    file: Path,
    options: Options,
    settings: Settings,
    source: str | None = None,
    prefix: str = "",
    advance: Advance = lambda rows: None,
    begun: Begun = lambda taken: None,
) -> Taken:
    """Import cases or outcomes with the options of an import that mean something for them.

    `source` is that of rows that name none, `prefix` that of whoever sends them. Errors: those of `import_cases` and
    `import_outcomes`.
    """
    systems = LiveSystems(store)
    crs = systems.find(options.crs)
    defaults = Defaults(
        source=source or "",
        crs=options.crs if isinstance(options.crs, str) else None,
        zone=parse_zone(settings.zone),
        edition=normalise_edition(options.edition),
        stated=frozenset({"edition", *(["crs"] if options.crs else [])}),
        usual=frozenset({"edition"}) if options.edition == CURRENT else frozenset(),
        read_crs=systems.parse,
    )
    how = Reading((), options.mapping, options.layer, crs, options.encoding)
    manner = Manner(how, defaults, options.skip_rejected, options.commit, options.author, prefix)
    if layer == OUTCOMES:
        return import_outcomes(store, file, manner, advance, begun)
    return import_cases(store, Worlds(store, folder_of(settings.data, store)), file, manner, advance, begun)
