"""Checks of a layer as jobs."""

from api.auth import permit
from api.editing.findings import Asked, check_checkable, look_over, write_found
from api.jobs.kinds import Arguments, Context, Kind, Outcome
from api.jobs.reports import write_report
from api.keys import Key
from api.layers import find_layer
from gis.store.engine import Store, reading


class CheckArguments(Arguments):
    """Which layer, at which revision or as which draft would have it; `format` is that of a file of the faults."""

    layer: str
    revision: int | None = None
    draft: str | None = None
    propose: bool = False
    format: str | None = None


def allow(key: Key, arguments: CheckArguments) -> None:
    """Whoever may read may have it checked."""
    permit(key, "viewer")


def check_arguments(store: Store, key: Key, arguments: CheckArguments) -> None:
    """What can be told before it runs; a draft may have layers of areas of its own.

    Errors: Refusal layer_unknown, nothing_to_propose.
    """
    check_checkable(arguments.layer, arguments.propose)
    if arguments.layer.startswith("areas.") and arguments.draft is None:
        with reading(store.world) as connection:
            find_layer(connection, arguments.layer, key.scope, arguments.revision)


def run(context: Context, arguments: CheckArguments) -> Outcome:
    """Look at the layer as it is when this runs, or as it was asked for."""
    key = context.key
    assert key is not None
    asked = Asked(
        arguments.layer, arguments.revision, arguments.draft, key.scope, key.prefix, keys=key.may("admin", "")
    )
    found = look_over(
        context.store,
        asked,
        lambda share: context.progress(round(100 * share), 100, "check"),
        arguments.propose,
    )
    context.progress(100, 100, "done")
    report = write_report(context.folder / "report.json", found.as_dict())
    path = None
    if arguments.format is not None:
        path = context.folder / f"faults.{arguments.format}"
        write_found(path, found)
    return Outcome(found.summary, report, path)


CHECK = Kind("check", CheckArguments, allow, run)
