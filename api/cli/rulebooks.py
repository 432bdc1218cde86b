"""`wangge rules`: what a rule book may say."""

import orjson
import typer

from cases.rules.schema import rule_book_schema

app = typer.Typer(no_args_is_help=True, help="Rule books: their schema, and learning them from outcomes. 指挥手册。")


@app.command("schema")
def schema() -> None:
    """The JSON schema of rule books, for editors that check while one writes. 指挥手册的 JSON Schema。"""
    print(orjson.dumps(rule_book_schema(), option=orjson.OPT_INDENT_2).decode())
