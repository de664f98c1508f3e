"""Answers of query.do as the vendor writes them."""

from __future__ import annotations

import json
from typing import Any

import httpx

from waybill.kuaidi100 import Credentials
from waybill.model import Query

QUERY = Query(com="yuantong", num="YT7450353838751", phone="1011")
CREDENTIALS = Credentials("CUSTOMER", "KEY")


def row(**fields: Any) -> dict[str, Any]:
    return {
        "time": "2024-03-09 10:19:51",
        "ftime": "2024-03-09 10:19:51",
        "context": "您的快件已送达",
        "statusCode": "501",
        "status": "投柜或驿站",
        "areaCode": None,
        "areaName": None,
        "areaCenter": None,
        "location": "天津市,北辰区",
        **fields,
    }


def reply(**fields: Any) -> bytes:
    body = {
        "message": "ok",
        "nu": "YT7450353838751",
        "ischeck": "1",
        "com": "yuantong",
        "status": "200",
        "state": "304",
        "data": [row()],
        **fields,
    }
    return json.dumps(body, ensure_ascii=False).encode()


def sent(body: bytes, **headers: str) -> httpx.Response:
    """An answer as a server sends it: a stream that was not read yet."""
    return httpx.Response(200, headers=headers, stream=httpx.ByteStream(body))
