"""Checks of a layer as jobs."""

from api.auth import permit
from api.checks import check_layer
from api.jobs.kinds import Arguments, Context, Kind, Outcome
from api.jobs.reports import counted, write_report
from api.keys import Key
from gis.store.engine import reading
from gis.store.revisions import head


class CheckArguments(Arguments):
    """Which layer."""

    layer: str


def allow(key: Key, arguments: CheckArguments) -> None:
    """Whoever may read may have it checked."""
    permit(key, "viewer")


def run(context: Context, arguments: CheckArguments) -> Outcome:
    """Look at the layer as it is now."""
    assert context.key is not None
    context.progress(0, 1, "check")
    with reading(context.store.world) as connection:
        revision = head(connection)
        rows, faults = check_layer(connection, arguments.layer, context.key.scope)
    context.progress(1, 1, "done")
    result = {"layer": arguments.layer, "revision": revision, "rows": rows, **counted(faults)}
    content = {**result, "faults": [fault.as_dict() for fault in faults]}
    return Outcome(result, write_report(context.folder / "report.json", content))


CHECK = Kind("check", CheckArguments, allow, run)
