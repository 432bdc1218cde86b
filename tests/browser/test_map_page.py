"""The map page against a running server with the model city."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

CLASS = "01001"
UNIT = re.compile(r"^\d{15}$")
WAIT_MS = 20_000


@pytest.fixture
def page(browser_page: Page) -> Iterator[Page]:
    """The page of the browser; after each test, nothing may have been written to its console as an error."""
    errors: list[str] = []
    browser_page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    browser_page.on("pageerror", lambda error: errors.append(str(error)))
    browser_page.set_default_timeout(WAIT_MS)
    yield browser_page
    assert errors == []


@pytest.fixture
def map_url(live_city_url: str) -> str:
    return f"{live_city_url.rstrip('/')}/map/"


@pytest.fixture
def spot(live_city_url: str, browser_page: Page) -> tuple[float, float]:
    """Longitude and latitude of a point in a unit, with six decimals as the link has them."""
    base = live_city_url.rstrip("/")
    layers = browser_page.request.get(f"{base}/v1/layers").json()["layers"]
    west, south, east, north = next(layer["bounds"] for layer in layers if layer["id"] == "units")
    for step in (0.43, 0.52, 0.31, 0.64, 0.22):
        lon, lat = round(west + step * (east - west), 6), round(south + step * (north - south), 6)
        answer = browser_page.request.get(f"{base}/v1/locate", params={"lon": lon, "lat": lat, "crs": "CRS84"})
        if answer.json()["unit"]:
            return lon, lat
    pytest.fail("None of five points within the bounds of the units lies in a unit.")


def choose(page: Page, text: str) -> None:
    """Types into the class search, as a person would, and takes the first of the list."""
    search = page.get_by_test_id("class-search")
    search.click()
    search.fill(text)
    expect(page.get_by_role("listbox").get_by_role("option").first).to_be_visible()
    search.press("Enter")
    expect(page).to_have_url(re.compile(r"[?&]class=[^&#]*" + re.escape(text)))


def open_at(page: Page, map_url: str, spot: tuple[float, float]) -> None:
    """The page with the spot in the middle of the map."""
    page.goto(f"{map_url}#17/{spot[1]}/{spot[0]}")
    expect(page.get_by_test_id("layers")).to_be_visible()


def click_the_middle(page: Page) -> None:
    box = page.locator("canvas.maplibregl-canvas").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def answer_of(page: Page) -> dict[str, str]:
    """What the drawer says, once it says it."""
    expect(page.get_by_test_id("because").locator("li").first).to_be_visible()
    return {name: page.get_by_test_id(name).inner_text() for name in ("unit", "department", "advice", "because")}


def test_the_page_opens_in_chinese_and_lists_the_layers(page: Page, map_url: str) -> None:
    page.goto(map_url)
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
    layers = page.get_by_test_id("layers")
    expect(layers.locator("[data-layer=units]")).to_contain_text("单元网格")
    expect(layers.locator("[data-layer=divisions]")).to_contain_text("行政区划")
    expect(page.get_by_test_id("revision")).to_contain_text(re.compile(r"数据版本\s*\d+"))
    assert "lang=zh" in page.url


def test_without_a_place_in_the_link_the_map_goes_to_the_units(page: Page, map_url: str) -> None:
    page.goto(map_url)
    expect(page).to_have_url(re.compile(r"#(?:[6-9]|1\d|2\d)(?:\.\d+)?/"))


def test_the_map_asks_no_other_host(page: Page, map_url: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(map_url)
    expect(page.get_by_test_id("layers")).to_be_visible()
    page.wait_for_load_state("networkidle")
    own = map_url.removesuffix("map/")
    assert [url for url in asked if not url.startswith((own, f"blob:{own}", "data:"))] == []
    assert any("/tiles/units/" in url for url in asked)


def test_clicking_a_point_shows_unit_department_advice_and_reasons(
    page: Page, map_url: str, spot: tuple[float, float]
) -> None:
    open_at(page, map_url, spot)
    choose(page, CLASS)
    click_the_middle(page)
    answer = answer_of(page)
    assert UNIT.match(answer["unit"])
    assert answer["advice"] in {"直接派遣", "人工复核", "属地兜底"}
    assert re.search(r"[\u4e00-\u9fff]", answer["department"])
    assert re.search(r"[\u4e00-\u9fff]", answer["because"])
    assert re.search(r"[?&]point=[\d.]+,[\d.]+", page.url)


def test_a_point_without_a_class_shows_its_place_and_asks_for_the_class(
    page: Page, map_url: str, spot: tuple[float, float]
) -> None:
    open_at(page, map_url, spot)
    click_the_middle(page)
    expect(page.get_by_test_id("unit")).to_have_text(UNIT)
    page.get_by_role("button", name="选择类别").click()
    expect(page.get_by_test_id("class-search")).to_be_focused()


def test_switching_to_english_changes_the_words_and_the_link(
    page: Page, map_url: str, spot: tuple[float, float]
) -> None:
    page.goto(f"{map_url}?point={spot[0]},{spot[1]}&class=2026:component:{CLASS}")
    chinese = answer_of(page)
    page.get_by_test_id("lang").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page).to_have_url(re.compile("lang=en"))
    expect(page.get_by_test_id("advice")).to_have_text(re.compile("^(Dispatch|Review|Local fallback)$"))
    english = answer_of(page)
    assert english["unit"] == chinese["unit"]
    assert english["because"] != chinese["because"]
    expect(page.get_by_test_id("layers").locator("[data-layer=units]")).to_contain_text("Unit grids")


def test_a_link_reproduces_the_answer(page: Page, map_url: str, spot: tuple[float, float]) -> None:
    open_at(page, map_url, spot)
    choose(page, CLASS)
    click_the_middle(page)
    first = answer_of(page)
    link = page.url
    page.goto("about:blank")
    page.goto(link)
    assert answer_of(page) == first
    assert page.url == link


def test_the_back_button_returns_to_the_point_before(page: Page, map_url: str, spot: tuple[float, float]) -> None:
    page.goto(f"{map_url}?point={spot[0]},{spot[1]}&class=2026:component:{CLASS}")
    first = answer_of(page)
    page.get_by_label("坐标").fill(f"{spot[0] + 0.002:.6f}, {spot[1] + 0.002:.6f}")
    page.get_by_role("button", name="试派", exact=True).click()
    expect(page.get_by_test_id("unit")).not_to_have_text(first["unit"])
    page.go_back()
    expect(page.get_by_test_id("unit")).to_have_text(first["unit"])
    assert answer_of(page) == first


def test_escape_closes_the_result_and_t_goes_to_the_class(page: Page, map_url: str, spot: tuple[float, float]) -> None:
    page.goto(f"{map_url}?point={spot[0]},{spot[1]}&class=2026:component:{CLASS}")
    answer_of(page)
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("drawer")).to_have_count(0)
    assert "point=" not in page.url
    page.keyboard.press("t")
    expect(page.get_by_test_id("class-search")).to_be_focused()
    expect(page.get_by_test_id("class-search")).to_have_value("")


def test_swapped_coordinates_are_refused_in_a_sentence_with_its_code(
    browser_page: Page, map_url: str, spot: tuple[float, float]
) -> None:
    # The browser itself notes a refused request on its console, so this page is not checked for that.
    browser_page.goto(f"{map_url}?lang=en&point={spot[1]},{spot[0]}&class=2026:component:{CLASS}")
    error = browser_page.get_by_test_id("error")
    expect(error.first).to_be_visible(timeout=WAIT_MS)
    expect(error.first.locator("code")).to_have_text(re.compile("^[a-z_]+$"))
