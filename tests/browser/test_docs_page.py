"""The page to read and try the API, as a browser shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.browser.conftest import screenshot

if TYPE_CHECKING:
    from tests.browser.conftest import Visit
    from tests.stacks import RunningStack


def test_it_shows_the_routes_under_its_own_policy(visit: Visit, stack: RunningStack) -> None:
    page = visit(width=1280)
    page.goto(f"{stack.api}/v1/docs")
    page.get_by_text("/v1/parcels/{courier}/{number}", exact=True).first.wait_for()
    screenshot(page, "docs")
