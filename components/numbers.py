"""Free codes of components: none that was ever given, to whatever component of whatever owner."""

from collections.abc import Collection

from sqlalchemy import Connection, func, select

from components.codes import check_county, used_up
from components.tables import component
from gis.errors import Fault

LAST = "\U0010ffff"


def next_code(
    connection: Connection, edition: str, county: str, class_code: str, taken: Collection[str] = frozenset()
) -> str:
    """The code behind the highest ever given to a class in a county, else the lowest never given; none of `taken`.

    Errors: Refusal code_needed, county_wrong, codes_used_up.
    """
    form = check_county(county, edition, class_code)
    table, prefix = component, county + class_code
    alike = table.c.code >= prefix, table.c.code < prefix + LAST, func.length(table.c.code) == form.length
    highest = connection.execute(select(func.max(table.c.code)).where(*alike)).scalar()
    known = [
        int(each[2]) for code in (highest, *taken) if code and code.startswith(prefix) if (each := form.parts(code))
    ]
    number = max(known, default=0) + 1
    if number > form.most:
        given = {*connection.execute(select(table.c.code).where(*alike).distinct()).scalars(), *taken}
        codes = (form.make(county, class_code, each) for each in range(1, form.most + 1))
        found = next((code for code in codes if code not in given), None)
        if found is None:
            raise used_up(county, class_code)
        return found
    return form.make(county, class_code, number)


def was_given(connection: Connection, code: str, at: int) -> bool:
    """Whether any component had a code at revision `at` or before."""
    meant = component.c.code == code, component.c.from_revision <= at
    return connection.execute(select(component.c.uid).where(*meant).limit(1)).first() is not None


def code_reused(code: str) -> Fault:
    """The fault of giving a code that a component had before."""
    return Fault(
        "code_reused",
        f"The code {code} was given to a component before; a code is never given again.",
        f"编码 {code} 曾用于其他部件；编码不重复使用。",
        thing=code,
    )
