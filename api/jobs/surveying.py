"""Checks of survey deliveries as jobs: the report as JSON, the workbook for the firm as the file."""

from itertools import islice

from api.auth import permit
from api.jobs.kinds import Arguments, Context, Kind, Outcome
from api.jobs.reports import write_report
from api.keys import Key
from api.surveys.checking import checked
from api.surveys.report import checked_faults, summary, write_workbook
from api.transfer.fields import read_mapping
from api.transfer.imports import Options
from components.surveys.rules import default_limits

MOST_FAULTS = 10_000
"""In the report; the workbook has all."""


class SurveyArguments(Arguments):
    """The options of `wangge check delivery`, and the file in the folder of what was given."""

    file: str
    map: tuple[str, ...] = ()
    fields: str | None = None
    owner: str = ""
    crs: str | None = None
    encoding: str | None = None
    edition: str | None = None
    class_code: str | None = None


def allow(key: Key, arguments: SurveyArguments) -> None:
    """An editor may have a delivery checked, within the prefix of the key."""
    permit(key, "editor", arguments.owner)


def run(context: Context, arguments: SurveyArguments) -> Outcome:
    """Check the delivery; nothing is changed."""
    options = Options(
        mapping=read_mapping(arguments.map),
        fields=arguments.fields,
        owner=arguments.owner,
        crs=arguments.crs,
        encoding=arguments.encoding,
        edition=arguments.edition or "",
        class_code=arguments.class_code,
    )
    with checked(
        context.store,
        context.given / arguments.file,
        options,
        default_limits(),
        lambda name, number, total: context.progress(number, total, "check"),
    ) as found:
        told = summary(found)
        context.progress(len(found.parts), len(found.parts), "write")
        write_workbook(context.folder / "report.xlsx", found)
        faults = list(islice(checked_faults(found), MOST_FAULTS))
        report = write_report(context.folder / "report.json", {**told, "faults": faults})
    return Outcome(told, report, context.folder / "report.xlsx")


SURVEY = Kind("survey", SurveyArguments, allow, run)
