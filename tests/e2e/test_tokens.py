"""Members and tokens on the running stack: what the admin command makes, and JWTs, through the gateway and its authorizer."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests import loopback
from tests.e2e.conftest import copy_project
from tests.issuers import AUDIENCE, RunningIssuer, running_issuer
from tests.loopback import wait_until
from tests.stacks import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.conftest import StartStack
    from tests.stacks import RunningStack


def admin(stack: RunningStack, *words: str, answer: str = "") -> str:
    """What the command writes to its output, run as an operator runs it."""
    variables = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": "layers/core/python",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": stack.aws("dynamodb").meta.endpoint_url,
    }
    command = [
        sys.executable,
        "-m",
        "tools.admin",
        *words[:2],
        "--table",
        stack.output("TrackingTable"),
        *words[2:],
    ]
    done = subprocess.run(
        command, cwd=ROOT, env=variables, input=answer, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def status(stack: RunningStack, token: str) -> int:
    answer = loopback.get(
        f"{stack.api}/v1/statuses",
        headers={"Authorization": f"Bearer {token}"},
    )
    if answer.status_code != 200:
        assert answer.json()["error"]["code"].startswith(str(answer.status_code))
    return answer.status_code


def test_a_new_token_opens_the_api_and_is_listed(stack: RunningStack) -> None:
    token = admin(stack, "tokens", "create", "--member", "a new member", "--label", "e2e")
    assert status(stack, token) == 200
    listed = admin(stack, "tokens", "list", "--member", "a new member")
    assert "active" in listed
    assert "e2e" in listed
    assert token not in listed


def test_a_token_that_was_revoked_before_it_was_used_opens_nothing(stack: RunningStack) -> None:
    """Had it been used, the gateway would know it for up to 60 seconds more."""
    token = admin(stack, "tokens", "create", "--member", "leaver")
    admin(stack, "tokens", "revoke", answer=f"{token}\n")
    assert status(stack, token) == 401
    assert "revoked" in admin(stack, "tokens", "list", "--member", "leaver")


def test_of_a_rotated_token_both_or_only_the_new_one_work(stack: RunningStack) -> None:
    for overlap, expected in (("24", 200), ("0", 401)):
        member = f"rotating {overlap}"
        old = admin(stack, "tokens", "create", "--member", member)
        token_id = admin(stack, "tokens", "list", "--member", member).splitlines()[1].split()[0]
        young = admin(stack, "tokens", "rotate", "--id", token_id, "--overlap", overlap)
        assert status(stack, young) == 200
        assert status(stack, old) == expected


def test_the_demo_token_is_in_the_list_and_stays_the_same_after_a_restart(start_stack: StartStack) -> None:
    with start_stack() as first:
        listed = admin(first, "tokens", "list", "--json")
    with start_stack(first.state) as again:
        assert again.token == first.token
        assert status(again, again.token) == 200
        assert admin(again, "tokens", "list", "--json") == listed


# ---- JWT


@pytest.fixture
def issuer() -> Iterator[RunningIssuer]:
    with running_issuer() as running:
        yield running


@pytest.fixture
def federated(start_stack: StartStack, tmp_path: Path, issuer: RunningIssuer) -> Iterator[RunningStack]:
    """A stack whose template names the issuer."""
    project = copy_project(tmp_path)
    shutil.copy(ROOT / "functions/query/app.py", project / "functions/query/app.py")
    template = project / "template.yaml"
    text = template.read_text()
    for parameter, value in (("JwtIssuer", issuer.url), ("JwtAudience", AUDIENCE)):
        head, tail = text.split(f"\n  {parameter}:\n", 1)
        filled = tail.replace('Default: ""', f"Default: {value}", 1)
        text = f"{head}\n  {parameter}:\n{filled}"
    template.write_text(text)
    with start_stack(None, project) as running:
        yield running


def test_a_jwt_of_the_configured_issuer_opens_the_api_and_an_outage_of_it_is_no_wrong_token(
    federated: RunningStack, issuer: RunningIssuer
) -> None:
    token = issuer.token(sub="auth0|5f7c8ec7", scope="openid track")
    issuer.fault = "refuses"
    assert status(federated, token) == 500
    assert status(federated, federated.token) == 200, "tokens of our own go on"
    issuer.fault = ""
    wait_until(lambda: status(federated, token) == 200)
    assert status(federated, issuer.token(aud="another")) == 401
    assert status(federated, issuer.token("thief", headers={"kid": "first"})) == 401
