"""The pages as people see them: Debian's Chromium, driven by Playwright, before a local stack of their own.

The machinery belongs to `make check`, which installs it; where it is missing, as on a newcomer's machine, these tests are skipped.
"""

from __future__ import annotations

import importlib.util
import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol
from urllib.parse import urlsplit

import pytest

from tests.stacks import ROOT, RunningStack, running_stack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

CHROMIUM: Final = Path("/usr/bin/chromium")
ARGUMENTS: Final = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SCREENSHOTS: Final = ROOT / "build" / "screenshots"
"""What the pages looked like: kept beside the tests' results."""
PHONE: Final = 360
DESKTOP: Final = 1280
HEIGHTS: Final = {PHONE: 740, DESKTOP: 800}
Scheme = Literal["light", "dark"]
SCHEMES: Final[tuple[Scheme, ...]] = ("light", "dark")


def _missing() -> str | None:
    if (
        importlib.util.find_spec("playwright") is None
        or importlib.util.find_spec("axe_playwright_python") is None
    ):
        return "playwright is not installed: make .venv/browser"
    return None if CHROMIUM.exists() else f"there is no {CHROMIUM}: apt-get install chromium"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for all tests of a file. Playwright keeps an event loop running in this thread, which other files may not meet."""
    if missing := _missing():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - it may be missing

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield launched
        launched.close()


class Visit(Protocol):
    """A new visitor's empty tab: `width` in CSS pixels, `locale` as `zh-CN`, `zone` as `Europe/Berlin`."""

    def __call__(
        self,
        *,
        width: int = PHONE,
        scheme: Scheme = "light",
        locale: str = "en-GB",
        zone: str = "Asia/Shanghai",
        javascript: bool = True,
        **context: Any,
    ) -> Page: ...


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """Whatever a tab asks of another host than its page's, or any error that it meets, fails the test at its end."""
    wrong: list[str] = []
    with ExitStack() as ends:

        def visited(
            *,
            width: int = PHONE,
            scheme: Scheme = "light",
            locale: str = "en-GB",
            zone: str = "Asia/Shanghai",
            javascript: bool = True,
            **context: Any,
        ) -> Page:
            made = browser.new_context(
                viewport={"width": width, "height": HEIGHTS.get(width, 800)},
                color_scheme=scheme,
                locale=locale,
                timezone_id=zone,
                java_script_enabled=javascript,
                reduced_motion="reduce",
                **context,
            )
            ends.callback(made.close)
            page = made.new_page()
            page.on("request", lambda request: wrong.extend(_foreign(request.url)))
            page.on("pageerror", lambda error: wrong.append(f"script: {error}"))
            page.on("console", lambda said: wrong.extend(_complaint(said.type, said.text)))
            return page

        yield visited
    assert wrong == []


def _foreign(url: str) -> list[str]:
    parts = urlsplit(url)
    return [] if parts.hostname == "127.0.0.1" or parts.scheme in {"data", "blob"} else [f"asked of {url}"]


def _complaint(kind: str, text: str) -> list[str]:
    """What the console says, but for answers that are errors: those a test asks for."""
    return [f"console: {text}"] if kind == "error" and not text.startswith("Failed to load resource") else []


def screenshot(page: Page, name: str) -> None:
    """All of the page, as `build/screenshots/<name>.png`."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


def report(what: str, figure: str) -> None:
    """Keep a measured figure as `build/screenshots/<what>.txt`, since no test asserts on it."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    (SCREENSHOTS / f"{what.replace(' ', '-')}.txt").write_text(f"{what}: {figure}\n", encoding="utf-8")


def accessible(page: Page) -> None:
    """Fail with what axe-core finds wrong: rules of WCAG 2.2 to AA, and its own of good practice."""
    from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # noqa: PLC0415 - it may be missing

    found = Axe().run(page).response["violations"]
    said = [
        f"{each['id']} ({each['impact']}): {each['help']}\n"
        + "\n".join(f"  {node['html']}\n    {node['failureSummary']}" for node in each["nodes"])
        for each in found
    ]
    assert not said, "\n".join(said)


def overflow(page: Page) -> int:
    """How many pixels the page is wider than its window."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """One stack for all pages; nothing is asked of Kuaidi100 but what a test asks for."""
    with running_stack(tmp_path_factory.mktemp("state"), WAYBILL_SCHEDULE="off") as running:
        yield running
