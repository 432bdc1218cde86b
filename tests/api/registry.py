"""Ways to register, change and propose components over HTTP, for tests of several kinds."""

from typing import Any

import httpx
from fastapi import FastAPI

from api.auth import Doorkeeper
from api.keys import create_key
from gis.store.engine import Store, writing
from tests.api.conftest import client

LAMP = "44030501037000001"
"""The component that the small world has."""
HERE = {"point": [114.0050, 22.5050], "crs": "CRS84"}


def new_lamp(**members: Any) -> dict[str, Any]:
    """A lamp to be registered in the first unit."""
    return {"class_code": "01037", "name": "路灯", "state": "完好", "owner_code": "LIGHT", **HERE, **members}


def look(http: httpx.Client, code: str = LAMP) -> tuple[dict[str, Any], dict[str, str]]:
    """A component, and the header with which to change it."""
    found = http.get(f"/v1/components/{code}")
    assert found.status_code == 200, found.text
    return found.json(), {"If-Match": found.headers["ETag"]}


def change(http: httpx.Client, code: str = LAMP, /, **members: Any) -> httpx.Response:
    """Change a component as it is."""
    return http.patch(f"/v1/components/{code}", json=members, headers=look(http, code)[1])


def caller(app: FastAPI, store: Store, role: str, prefix: str = "", name: str = "") -> httpx.Client:
    """A caller with a new key."""
    with writing(store.world) as connection:
        _, secret = create_key(connection, name or f"{role} {prefix}", role, prefix)
    app.state.door = Doorkeeper(store)
    return client(app, authorization=f"Bearer {secret}")
