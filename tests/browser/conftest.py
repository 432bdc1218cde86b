"""A real Chromium, as the machine has it: nothing is downloaded, and it asks nobody but the page's own server."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

# Run as root in a container, draw WebGL without a graphics card, and stay quiet on the network.
OPTIONS = [
    *("--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"),
    *("--ignore-gpu-blocklist", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic"),
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is marked `browser`."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for a file of tests: its event loop would be in the way of other tests of the process."""
    program = shutil.which("chromium")
    if program is None:
        pytest.fail("Chromium is not installed: `make test` (scripts/install_chromium) does it.", False)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=OPTIONS)
        yield running
        running.close()


@pytest.fixture
def browser_page(browser: Browser) -> Iterator[Page]:
    """An empty page of a fresh profile, 1280 x 800; nothing of it is left for the next test."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    yield context.new_page()
    context.close()
