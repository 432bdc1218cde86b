"""The lookup of one point as one writes it over PostGIS: FastAPI, a pool of connections, one query a request.

The answer has what ours has: unit, divisions, the areas of every layer in order, departments, the distance to the edge.
The tables are those that `bench.peers.postgis_city` makes. Environment: BENCH_POSTGIS, the URL of the database.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Query, Request
from psycopg_pool import AsyncConnectionPool

CONNECTIONS = 8
QUERY = """
WITH p AS (SELECT ST_SetSRID(ST_Point(%(lon)s, %(lat)s), 4490) AS geom),
     u AS (SELECT units.code, units.edge FROM units, p WHERE ST_Intersects(units.geom, p.geom)
           ORDER BY units.code COLLATE "C" LIMIT 1)
SELECT (SELECT code FROM u),
       (SELECT jsonb_object_agg(d.level, jsonb_build_object('code', d.code, 'name', d.name, 'department', d.department))
        FROM divisions d, u WHERE d.code IN (left(u.code, 2), left(u.code, 4), left(u.code, 6), left(u.code, 9),
                                             left(u.code, 12))),
       (SELECT jsonb_agg(jsonb_build_object('layer', a.layer, 'code', a.code, 'name', a.name, 'department',
                                            a.department, 'body', b.name)
                         ORDER BY a.layer, a.priority DESC, a.code COLLATE "C")
        FROM p JOIN areas a ON ST_Intersects(a.geom, p.geom) LEFT JOIN departments b ON b.code = a.department),
       COALESCE((SELECT ST_Distance(u.edge, ST_Transform(p.geom, 4547)) FROM u, p),
                (SELECT ST_Distance(e.edge, (SELECT ST_Transform(geom, 4547) FROM p)) FROM units e
                 ORDER BY e.edge <-> (SELECT ST_Transform(geom, 4547) FROM p) LIMIT 1))
"""
CRS = ("CRS84", "EPSG:4490", "EPSG:4326")


@asynccontextmanager
async def living(app: FastAPI) -> AsyncIterator[None]:
    pool = AsyncConnectionPool(
        os.environ["BENCH_POSTGIS"],
        min_size=CONNECTIONS,
        max_size=CONNECTIONS,
        # Just-in-time compilation took most of a second for a query of milliseconds: nobody would leave it on.
        kwargs={"autocommit": True, "prepare_threshold": 1, "options": "-c jit=off"},
        open=False,
    )
    async with pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=living)


@app.get("/v1/locate")
async def locate(
    request: Request,
    lon: Annotated[float, Query(ge=-180, le=180)],
    lat: Annotated[float, Query(ge=-90, le=90)],
    crs: str,
) -> dict[str, Any]:
    if crs not in CRS:
        raise HTTPException(422, "crs unknown")
    async with request.app.state.pool.connection() as connection:
        cursor = await connection.execute(QUERY, {"lon": lon, "lat": lat})
        unit, divisions, found, metres = await cursor.fetchone()
    areas: dict[str, list[Any]] = {}
    departments = [{"code": each["department"], "role": "division"} for each in (divisions or {}).values()]
    for each in found or ():
        areas.setdefault(each["layer"], []).append({name: each[name] for name in ("code", "name", "department")})
        departments.append({"code": each["department"], "name": each["body"], "role": "area", "layer": each["layer"]})
    return {
        "point": [lon, lat],
        "unit": unit,
        "divisions": divisions or {},
        "areas": areas,
        "departments": departments,
        "boundary_distance_m": metres,
        "flags": [] if unit else ["outside"],
    }
