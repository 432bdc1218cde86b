"""The OpenAPI document: self-contained, quick to make, true to what the routes do."""

import json

import jsonschema
from httpx import Client

from api.ogc.openapi import write_openapi
from api.ogc.parameters import DEFAULT_LIMIT, ITEMS, MOST_LIMIT
from components.layers import COMPONENTS
from grids.layers import DEPARTMENTS, DIVISIONS, UNITS, area_layer

LAYERS = (UNITS, DIVISIONS, COMPONENTS, DEPARTMENTS, *(area_layer(f"a{i}", f"片区{i}") for i in range(40)))


def resolve(document: dict, node: dict) -> dict:
    while "$ref" in node:
        found = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node


def test_every_reference_stays_within_the_document() -> None:
    document = write_openapi(LAYERS, "http://localhost/ogc", "en")
    text = json.dumps(document)
    references = {part.split('"')[0] for part in text.split('"$ref": "')[1:]}
    assert references
    for each in references:
        assert each.startswith("#/")
        resolve(document, {"$ref": each})


def test_paths_are_relative_to_the_server_and_answer(client: Client) -> None:
    answer = client.get("/ogc/openapi")
    assert answer.headers["content-type"] == "application/vnd.oai.openapi+json;version=3.0"
    document = answer.json()
    assert document["openapi"].startswith("3.0.")
    (server,) = document["servers"]
    assert server["url"] == "http://127.0.0.1:8000/ogc"
    operations = set()
    for path, item in document["paths"].items():
        assert path.startswith("/")
        operations.add(item["get"]["operationId"])
        if "{" not in path:
            assert client.get(server["url"] + path).status_code == 200, path
    assert len(operations) == len(document["paths"])


def test_the_limits_are_those_of_the_routes(client: Client) -> None:
    document = client.get("/ogc/openapi").json()
    parameters = document["paths"]["/collections/components/items"]["get"]["parameters"]
    by_name = {each["name"]: each for each in (resolve(document, part) for part in parameters)}
    limit = by_name["limit"]["schema"]
    assert (limit["minimum"], limit["default"], limit["maximum"]) == (1, DEFAULT_LIMIT, MOST_LIMIT)
    assert client.get("/ogc/collections/components/items?limit=0").status_code == 400
    assert client.get("/ogc/collections/components/items").json()["numberReturned"] == DEFAULT_LIMIT
    assert client.get(f"/ogc/collections/components/items?limit={MOST_LIMIT + 1}").status_code == 200
    assert set(ITEMS) < set(by_name)
    assert {"class_code", "owner", "accuracy_m"} < set(by_name)
    crs = client.get("/ogc/collections/components").json()["crs"]
    assert by_name["crs"]["schema"]["enum"] == crs


def test_features_fit_their_schema_and_every_queryable_can_be_asked_for(client: Client) -> None:
    for name in ("units", "components", "departments", "divisions", "areas.drainage"):
        schema = client.get(f"/ogc/collections/{name}/schema").json()
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["$id"] == f"http://127.0.0.1:8000/ogc/collections/{name}/schema"
        assert schema["properties"]["code"]["x-ogc-role"] == "id"
        features = client.get(f"/ogc/collections/{name}/items").json()["features"]
        assert features
        for feature in features:
            given = {key: value for key, value in feature["properties"].items() if value is not None}
            jsonschema.validate(given, schema)
        queryables = client.get(f"/ogc/collections/{name}/queryables")
        assert queryables.headers["content-type"] == "application/schema+json"
        assert queryables.json()["additionalProperties"] is False
        for field in queryables.json()["properties"]:
            value = features[0]["properties"][field]
            if value is not None:
                found = client.get(f"/ogc/collections/{name}/items", params={field: value}).json()
                assert features[0]["id"] in [each["id"] for each in found["features"]], field
                assert all(each["properties"][field] == value for each in found["features"])
