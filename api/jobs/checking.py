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
    with reading(context.store.world) as connection:
        revision = head(connection)
        rows, faults = check_layer(
            connection,
            arguments.layer,
            context.key.scope,
            lambda share: context.progress(round(100 * share), 100, "check"),
        )
    context.progress(100, 100, "done")
    result = {"layer": arguments.layer, "revision": revision, "rows": rows, **counted(faults)}
    content = {**result, "faults": faults}
    return Outcome(result, write_report(context.folder / "report.json", content))


CHECK = Kind("check", CheckArguments, allow, run)
