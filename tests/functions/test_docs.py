"""The docs function: the OpenAPI document where it was asked for, and a page that loads nothing of other hosts."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest

from tests.functions.conftest import ROOT, App, Context, error, sample
from waybill.documents import ASSETS

BODY_LIMIT = 6 * 1024 * 1024
"""Of what a function may answer (Lambda quotas, "Invocation payload")."""


def ask(docs: App, event: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = docs.app.handler(event, Context())
    return answer


def servers(docs: App, headers: dict[str, str], **context: str) -> Any:
    event = sample("openapi") | {"headers": headers, "requestContext": {"requestId": "request-1", **context}}
    return json.loads(ask(docs, event)["body"])["servers"]


def test_the_document_is_the_committed_one_at_the_address_where_it_was_asked_for(docs: App) -> None:
    committed = json.loads(
        (ROOT / "layers/core/python/waybill/data/openapi.json").read_text(encoding="utf-8")
    )
    served = json.loads(ask(docs, sample("openapi"))["body"])
    assert served.pop("servers") == [{"url": "https://example123.execute-api.us-east-1.amazonaws.com/dev"}]
    committed.pop("servers")
    assert served == committed


def test_a_custom_domain_is_named_with_what_it_maps_to_the_api(docs: App) -> None:
    headers = {"Host": "api.example.com", "X-Forwarded-Proto": "https"}
    asked = {"domainName": "api.example.com", "stage": "prod"}
    assert servers(docs, headers, path="/v1/openapi.json", **asked) == [{"url": "https://api.example.com"}]
    assert servers(docs, headers, path="/parcels/v1/openapi.json", **asked) == [
        {"url": "https://api.example.com/parcels"}
    ]


def test_a_local_stack_names_its_own_port(docs: App) -> None:
    headers = {"host": "127.0.0.1:8080", "x-forwarded-proto": "http"}
    assert servers(docs, headers, path="/dev/v1/openapi.json", stage="dev") == [
        {"url": "http://127.0.0.1:8080"}
    ]


@pytest.mark.parametrize(
    ("path", "kept"), [("/v1/openapi.json", "public, max-age=300"), ("/v1/docs", "public, no-cache")]
)
def test_what_has_not_changed_is_304_and_may_be_kept_by_everyone(docs: App, path: str, kept: str) -> None:
    first = docs.send("GET", path)
    assert first.headers["Cache-Control"] == kept
    again = docs.send("GET", path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status, again.text) == (304, "")
    assert docs.send("GET", path, headers={"If-None-Match": '"other"'}).text == first.text


def test_the_page_loads_its_own_files_only_and_its_policy_forbids_any_other(docs: App) -> None:
    page = docs.send("GET", "/v1/docs")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    loaded = re.findall(r'<(?:script|link)[^>]* (?:src|href)="([^"]+)"', page.text)
    files = [each for each in loaded if each != "data:,"]
    assert len(files) == 3
    for file in files:
        folder, name = file.split("/")
        assert folder == "docs", "relative to /v1/docs, so that it works behind any stage"
        assert docs.send("GET", "/v1/docs/{asset}", path={"asset": name}).status == 200
    assert not re.search(r"<script>|<style|\son\w+=|\sstyle=", page.text)
    policy = dict(each.strip().split(" ", 1) for each in page.headers["Content-Security-Policy"].split(";"))
    assert policy.pop("img-src") == "'self' data:"
    assert set(policy.values()) == {"'none'", "'self'"}
    assert policy["default-src"] == "'none'"


@pytest.mark.parametrize(
    ("asset", "media_type"),
    [
        ("page.js", "text/javascript"),
        ("swagger-ui-bundle.js", "text/javascript"),
        ("swagger-ui.css", "text/css"),
    ],
)
def test_a_file_of_the_page_fits_into_an_answer_and_is_taken_for_what_it_is(
    docs: App, asset: str, media_type: str
) -> None:
    answer = docs.send("GET", "/v1/docs/{asset}", path={"asset": ASSETS.name(asset)})
    assert answer.status == 200
    assert answer.headers["Content-Type"] == f"{media_type}; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert 0 < len(answer.text.encode()) < BODY_LIMIT


def test_the_page_asks_nobody_else_to_judge_the_document(docs: App) -> None:
    script = docs.send("GET", "/v1/docs/{asset}", path={"asset": ASSETS.name("page.js")}).text
    assert "validatorUrl: null" in script
    assert "//" not in re.sub(r"^//.*", "", script, flags=re.MULTILINE)


@pytest.mark.parametrize(
    "asset", ["", "../docs/page.html", "page.html", "%2e%2e/openapi.json", "constructor", "page.js"]
)
def test_there_are_no_other_files(docs: App, asset: str) -> None:
    assert error(docs.send("GET", "/v1/docs/{asset}", path={"asset": asset}))["error_code"] == "NOT_FOUND"


@pytest.mark.parametrize("path", ["/v1/openapi.json", "/v1/docs", "/v1/docs/{asset}"])
def test_another_method_is_405_with_the_right_one(docs: App, path: str) -> None:
    answer = docs.send("POST", path, scopes="")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET")
    assert error(answer)["error_code"] == "METHOD_NOT_ALLOWED"


def test_it_starts_without_what_only_other_functions_need(environment: dict[str, str]) -> None:
    script = (
        "import sys; sys.path[:0] = ['functions/docs', 'layers/core/python']; import app; "
        "heavy = {'httpx', 'pydantic', 'boto3', 'aws_lambda_powertools.event_handler'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**environment, "PATH": "/usr/bin:/bin"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
