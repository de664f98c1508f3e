"""The route of a member's settings: quiet hours, and what is said of those that are none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.functions.conftest import error

if TYPE_CHECKING:
    from tests.functions.conftest import App


def test_quiet_hours_are_set_shown_and_taken_back(manage: App) -> None:
    path = "/v1/settings"
    assert manage.send("GET", path).body == {"quiet_hours": None}
    night = {"quiet_hours": {"from": "22:00", "to": "08:00", "zone": "Asia/Shanghai"}}
    assert manage.send_json("PATCH", path, night).body == night
    assert manage.send("GET", path).body == night
    assert manage.send_json("PATCH", path, {}).body == night
    assert manage.send("GET", path, member="other").body == {"quiet_hours": None}
    assert manage.send_json("PATCH", path, {"quiet_hours": None}).body == {"quiet_hours": None}
    assert manage.send("GET", path).body == {"quiet_hours": None}


@pytest.mark.parametrize(
    ("hours", "field"),
    [
        ({"from": "24:00"}, "quiet_hours.from"),
        ({"from": "7:00"}, "quiet_hours.from"),
        ({"to": "08:60"}, "quiet_hours.to"),
        ({"zone": "Mars/Olympus"}, "quiet_hours.zone"),
        ({"zone": "../../etc/passwd"}, "quiet_hours.zone"),
        ({"zone": "Europe"}, "quiet_hours.zone"),
        ({"zone": ""}, "quiet_hours.zone"),
        ({"zone": None}, "quiet_hours.zone"),
        ({"from": "08:00"}, "quiet_hours"),
        ({"day": "monday"}, "quiet_hours.day"),
    ],
)
def test_hours_that_are_none_are_refused_by_field(manage: App, hours: dict[str, Any], field: str) -> None:
    night = {"from": "22:00", "to": "08:00", "zone": "Asia/Shanghai", **hours}
    answer = manage.send_json("PATCH", "/v1/settings", {"quiet_hours": night})
    assert answer.status == 400, answer.text
    assert error(answer)["error_trace"][0]["field"] == field


@pytest.mark.parametrize(
    ("hours", "message"),
    [
        ({"from": "8:00", "to": "20:00", "zone": "UTC"}, "A time of the day, as 22:00."),
        ("at night", "Give it as an object: {...}."),
    ],
)
def test_what_is_wrong_with_hours_is_said_in_words_and_not_in_code(
    manage: App, hours: Any, message: str
) -> None:
    answer = manage.send_json("PATCH", "/v1/settings", {"quiet_hours": hours})
    assert [each["message"] for each in error(answer)["error_trace"]] == [message]
