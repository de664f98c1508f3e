"""A member's own settings on a real table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.store.conftest import new_table
from waybill.member_settings import MemberSettings, QuietHours, Settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def test_settings_come_back_as_they_were_set_each_member_its_own(dynamodb: DynamoDBClient) -> None:
    settings = MemberSettings(dynamodb, new_table(dynamodb, "TrackingTable"))
    assert settings.get("acme") == Settings()
    night = Settings(QuietHours("22:00", "08:00", "Asia/Shanghai"))
    settings.put("acme", night)
    assert settings.get("acme") == night
    assert settings.get("other") == Settings()
    settings.put("acme", Settings())
    assert settings.get("acme") == Settings()
