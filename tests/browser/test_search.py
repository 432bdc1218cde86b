"""The search box of the map page, as a person uses it."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

WAIT_MS = 20_000


@pytest.fixture
def page(browser_page: Page, live_city_url: str) -> Iterator[Page]:
    """The page; in the end nothing may have been written to its console as an error."""
    errors: list[str] = []
    browser_page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    browser_page.on("pageerror", lambda error: errors.append(str(error)))
    browser_page.set_default_timeout(WAIT_MS)
    browser_page.goto(f"{live_city_url.rstrip('/')}/map/")
    expect(browser_page.get_by_test_id("layers")).to_be_visible()
    yield browser_page
    assert errors == []


@pytest.fixture
def unit(page: Page, live_city_url: str) -> str:
    """The code of some unit."""
    items = page.request.get(f"{live_city_url.rstrip('/')}/ogc/collections/units/items?limit=1").json()
    return str(items["features"][0]["id"])


def look_for(page: Page, typed: str) -> Locator:
    """Types, and gives the first hit."""
    box = page.get_by_test_id("search")
    box.click()
    box.fill(typed)
    hit = page.locator("#hits [role=option]").first
    expect(hit).to_be_visible()
    return hit


def test_a_unit_is_found_by_its_code_and_tested_where_it_lies(page: Page, unit: str) -> None:
    hit = look_for(page, unit)
    expect(hit).to_have_attribute("data-kind", "unit")
    page.get_by_test_id("search").press("Enter")
    expect(page.get_by_test_id("unit")).to_have_text(unit)
    assert re.search(r"[?&]point=[\d.]+,[\d.]+", page.url)


def test_a_division_is_found_by_its_name_and_by_a_click(page: Page, live_city_url: str) -> None:
    asked = page.request.get(f"{live_city_url.rstrip('/')}/v1/divisions?level=street").json()["items"][0]
    hit = look_for(page, asked["name"])
    expect(hit).to_have_attribute("data-code", asked["code"])
    hit.click()
    expect(page.get_by_test_id("unit")).to_contain_text(asked["code"])


def test_a_class_is_taken_over_into_the_test(page: Page) -> None:
    look_for(page, "01001")
    option = page.locator("#hits [role=option][data-kind=class]").first
    option.click()
    expect(page).to_have_url(re.compile(r"[?&]class=[^&#]*01001"))


def test_coordinates_are_a_hit_and_ctrl_k_leads_to_the_search(page: Page, live_city_url: str) -> None:
    layers = page.request.get(f"{live_city_url.rstrip('/')}/v1/layers").json()["layers"]
    west, south, east, north = next(layer["bounds"] for layer in layers if layer["id"] == "units")
    page.keyboard.press("Control+k")
    expect(page.get_by_test_id("search")).to_be_focused()
    hit = look_for(page, f"{(south + north) / 2:.6f}, {(west + east) / 2:.6f}")
    expect(hit).to_have_attribute("data-kind", "coordinates")
    expect(hit).to_contain_text("纬度")
    page.get_by_test_id("search").press("Enter")
    expect(page.get_by_test_id("unit")).to_be_visible()


def test_what_is_nowhere_is_told_and_escape_closes_the_list(page: Page) -> None:
    box = page.get_by_test_id("search")
    box.click()
    box.fill("没有这个地方")
    expect(page.locator("p.options")).to_contain_text("没有找到")
    box.press("Escape")
    expect(page.locator("p.options")).to_have_count(0)
