"""What a function loads before its first event: counts of modules, so that a cold start does not grow unseen, and nothing that a
snapshot must not hold. No test of speed."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.functions.conftest import ENVIRONMENT, ROOT

BUDGETS = {
    "authorizer": 330,
    "dispatch": 400,
    "docs": 170,
    "events": 400,
    "fanout": 400,
    "mail": 530,
    "manage": 580,
    "operator": 480,
    "page": 420,
    "publish": 400,
    "query": 390,
    "refresh": 670,
    "suppression": 440,
    "webhook": 580,
}
"""Modules beyond those of an empty interpreter, with a tenth to spare. boto3 with one client of DynamoDB alone has about 370."""
HEAVY = {
    "httpx",
    "pydantic",
    "anyio",
    "asyncio",
    "jinja2",
    "jwt",
    "cryptography",
    "aws_xray_sdk",
    "boto3",
    "s3transfer",
}
NEEDED = {
    # Letters and pages are made of templates; Powertools' idempotency, which keeps what must happen once, has a client of boto3's.
    "mail": {"boto3", "jinja2", "s3transfer"},
    "manage": {"boto3", "cryptography", "pydantic", "s3transfer"},
    "operator": {"pydantic"},
    "page": {"jinja2"},
    # Surely calls, all at once.
    "refresh": {"anyio", "asyncio", "httpx", "pydantic"},
    "suppression": {"jinja2"},
    "webhook": {"anyio", "asyncio", "boto3", "cryptography", "s3transfer"},
}
"""What of these a function cannot do without."""
VARIABLES = {
    **ENVIRONMENT,
    "UPSTREAM_URL": "http://127.0.0.1:1/",
    "REFRESH_QUEUE": "https://queue.example/refresh",
    "MAIL_QUEUE": "https://queue.example/mail",
    "NOTIFICATION_TOPIC": "arn:aws:sns:eu-central-1:123456789012:topic",
    "ADDRESS_KEY_SECRET": "address-key",
    "MAIL_FROM": "waybill@example.com",
    "MAIL_CONFIGURATION_SET": "mails",
    "PUBLIC_BASE_URL": "https://api.example.com",
    "LONG_POLLS": "2",
    "PATH": os.defpath,
}
SCRIPT = """
import json, os, sys

def refuse(event, _):
    if event in {"socket.connect", "socket.getaddrinfo"}:
        raise AssertionError("a connection before the first event")

def no_chance(size):
    # Its key is for processes that it would start; boto3 loads it and starts none.
    if sys._getframe(1).f_globals["__name__"] == "multiprocessing.process":
        return bytes(size)
    raise AssertionError("a random number before the first event")

before = set(sys.modules)
sys.addaudithook(refuse)
os.urandom = no_chance
import app
print(json.dumps(sorted(set(sys.modules) - before)))
"""
"""What is made before the first event is in the snapshot that all processes of a function may start from (SnapStart): secrets would
grow old in it, connections be dead, and random numbers the same everywhere."""


def loaded(function: str) -> set[str]:
    folders = [ROOT / "functions" / function, ROOT / "layers/core/python"]
    done = subprocess.run(
        [sys.executable, "-P", "-c", SCRIPT],
        env={**VARIABLES, "PYTHONPATH": os.pathsep.join(map(str, folders))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("function", sorted(each.name for each in (ROOT / "functions").iterdir()))
def test_a_function_loads_no_more_than_its_budget_and_nothing_that_it_may_never_need_or_share(
    function: str,
) -> None:
    modules = loaded(function)
    assert len(modules) <= BUDGETS[function]
    assert modules & HEAVY == NEEDED.get(function, set())
