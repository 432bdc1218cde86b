"""The browser that the tests of the page stand on."""

from playwright.sync_api import Page


def test_the_browser_draws_webgl_without_a_graphics_card(browser_page: Page) -> None:
    assert browser_page.evaluate("document.createElement('canvas').getContext('webgl2') !== null")


def test_the_browser_has_a_font_with_chinese_characters(browser_page: Page) -> None:
    # Without a font both characters are the same box for what is missing.
    browser_page.set_content("<span id=one>网</span><br><span id=other>格</span>")
    one, other = (browser_page.locator(name).screenshot() for name in ("#one", "#other"))
    assert one != other
