"""Who guesses: tokens, links to parcels' pages, keys of requests. However near a guess is, it is told and costs the same."""

from __future__ import annotations

import itertools
import json
import secrets
import string
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import boto3
import pytest

from tests.functions.conftest import App, load, sample
from tests.functions.registering import ONE, listed, register
from waybill import access, shares
from waybill.access import Token, hash_token
from waybill.service import Service
from waybill.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LETTERS: Final = string.ascii_letters + string.digits + "-_"
RANDOM: Final = {False: 20, True: 2000}
"""Guesses at random: in the quick version, and in the whole."""
SHARE, PAGE, BADGE = "/v1/shipments/{order_id}/share", "/v1/t/{token}", "/v1/t/{token}/badge.svg"
DAY: Final = 86_400


def nearly(right: str, *, whole: bool) -> Iterator[str]:
    """What is one letter away from what is right: another at each place, fewer, more, two changed over, in other case."""
    for place in range(len(right)):
        others = set(LETTERS) - {right[place]}
        for other in others if whole else {min(others)}:
            yield right[:place] + other + right[place + 1 :]
    for place in range(1, len(right)):
        if right[place - 1] != right[place]:
            yield right[: place - 1] + right[place] + right[place - 1] + right[place + 1 :]
    yield from (right.lower(), right.upper(), right.swapcase(), right[::-1])


def shaped_otherwise(right: str) -> tuple[str, ...]:
    return (right[:-1], right[1:], right + "A", right[:20], right + right, "")


class Calls(list[str]):
    """What a client sends, whole: what is asked of which key is a part of it."""

    def __init__(self, client: Any) -> None:
        super().__init__()
        client.meta.events.register("before-send", self._note)

    def _note(self, request: Any, **_: object) -> None:
        target = request.headers["X-Amz-Target"].decode().partition(".")[2]
        body = request.body.decode() if isinstance(request.body, bytes) else request.body
        self.append(f"{target} {body}")

    def of(self, answer: Callable[..., object], *given: str) -> tuple[object, list[str]]:
        """What was answered, and what was sent for it."""
        self.clear()
        told = answer(*given)
        return told, list(self)


# ---- Access tokens


@pytest.mark.usefixtures("aws")
def test_every_wrong_token_is_told_the_same_for_one_read_of_its_hash(*, whole: bool) -> None:
    app, now = load("authorizer"), int(time.time())
    table = Tokens(boto3.client("dynamodb"), "tracking")
    right, revoked, expired = (access.new_token() for _ in range(3))
    for token, ends_at in ((right, None), (revoked, None), (expired, now - 1)):
        table.create(Token(hash_token(token), "acme", frozenset({"track"}), now - 10, ends_at))
    table.revoke(next(each for each in table.registered("acme") if each.hash == hash_token(revoked)), now)
    calls = Calls(app.TOKENS._dynamodb)  # noqa: SLF001 - the function's own client, to be watched

    def answer(token: str) -> Any:
        return app.handler({**sample("authorizer"), "authorizationToken": f"Bearer {token}"}, None)

    assert answer(right)["policyDocument"]["Statement"][0]["Effect"] == "Allow"
    denied = answer("wb_" + "A" * 43)
    assert denied["policyDocument"]["Statement"][0]["Effect"] == "Deny"
    assert "acme" not in json.dumps(denied)
    at_random = (access.new_token() for _ in range(RANDOM[whole]))
    near = (token for token in nearly(right, whole=whole) if token != right)
    for token in itertools.chain([revoked, expired], near, at_random, shaped_otherwise(right)):
        told, made = calls.of(answer, token)
        assert told == denied, token
        if len(token) >= 8:
            # Of a hash nobody can be nearly right, and the time of a look-up tells of hashes, not of tokens.
            (asked,) = made
            assert asked.startswith("GetItem ")
            assert hash_token(token) in asked
            assert token not in asked
    assert calls.of(answer, "") == calls.of(answer, "a" * 300) == (denied, [])


def test_tokens_and_links_have_256_random_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    drawn = secrets.token_urlsafe

    def draw(size: int) -> str:
        asked.append(size)
        return drawn(size)

    monkeypatch.setattr(secrets, "token_urlsafe", draw)
    made = [make() for make in (access.new_token, shares.new_token) for _ in range(500)]
    assert asked == [32] * len(made)
    assert len({each.removeprefix("wb_") for each in made}) == len(made)
    for place in range(42):
        assert len({each[-2 - place] for each in made}) > 50, "every letter may stand at every place"


# ---- Links to a parcel's page


def test_every_wrong_link_is_told_the_same_and_for_the_same_calls(
    manage: App, number: str, *, whole: bool
) -> None:
    wall = float(int(time.time()))
    page = App(load("page"))
    loaded: Any = page.app
    loaded.SERVICE = Service(replace(loaded.PAGE, wall=lambda: wall).routes())
    calls = Calls(loaded.DYNAMODB)
    register(manage, number=number, courier="yuantong")
    register(manage, number=number, courier="yuantong", member="other")

    def link(member: str, days: int = 30) -> str:
        made = manage.send_json("POST", SHARE, {"days": days}, path={"order_id": "1001"}, member=member)
        return str(made.body["url"].rpartition("/")[2])

    def open_(token: str, resource: str) -> tuple[object, ...]:
        told = page.send("GET", resource, path={"token": token}, headers={"Accept-Language": "en"})
        return told.status, told.headers, told.text

    revoked, theirs = link("member"), link("other")
    assert manage.send("DELETE", SHARE, path={"order_id": "1001"}).status == 204
    expired, right = link("member", 1), link("member")
    wall += 2 * DAY
    assert open_(right, PAGE)[0] == open_(theirs, PAGE)[0] == 200
    never = {resource: open_("A" * 43, resource) for resource in (PAGE, BADGE)}
    assert {told[0] for told in never.values()} == {404}
    one_read = ["GetItem"]
    # Whoever asks with what was right once is the only one who can see that it costs a read more.
    costs = {revoked: [*one_read, "BatchGetItem"], expired: one_read}
    at_random = (shares.new_token() for _ in range(RANDOM[whole]))
    near = (token for token in nearly(right, whole=whole) if token != right)
    hash_of_one = hash_token(right)
    for token in itertools.chain(costs, near, at_random, shaped_otherwise(right), [hash_of_one]):
        for resource in (PAGE, BADGE):
            told, made = calls.of(open_, token, resource)
            assert told == never[resource], token
            expected = costs.get(token, one_read if len(token) == 43 else [])
            assert [each.partition(" ")[0] for each in made] == expected
            assert not any(token in each for each in made if token), "what is asked for is a hash"


# ---- Keys of requests


def test_a_key_of_another_member_s_is_one_s_own(manage: App) -> None:
    """The same key and body from others, and keys and names that together read like those of another."""
    key = {"Idempotency-Key": "b"}
    first = register(manage, headers=key, member="a", tags=["of-a"])
    assert first.status == 201
    assert register(manage, headers=key, member="a", tags=["of-a"]).text == first.text
    for member, other in (
        ("o", "b"),
        ("", "ab"),
        ("a#", "b"),
        ('a", "POST', "b"),
        ("A", "b"),
        ("a ", "b"),
        ('a"', '"b"'),
    ):
        answer = register(manage, headers={"Idempotency-Key": other}, member=member, tags=["of-a"])
        assert answer.status == 201, (member, answer.text)
        assert answer.text != first.text
        assert answer.body["id"] != first.body["id"]
        assert [each["id"] for each in listed(manage, member=member)["shipments"]] == [answer.body["id"]]
    refused = register(manage, headers=key, member="a", tags=["other"])
    assert refused.status == 422
    assert first.body["id"] not in refused.text


def test_a_key_gives_nobody_what_its_order_is_now(manage: App) -> None:
    """An answer that was kept is what its own member was told then; of what others did with the same order it tells nothing."""
    key = {"Idempotency-Key": "c"}
    mine = register(manage, headers=key, tags=["mine"])
    theirs = register(manage, headers=key, tags=["mine"], member="other")
    manage.send_json("PATCH", ONE, {"tags": ["secret"]}, path={"order_id": "1001"}, member="other")
    assert register(manage, headers=key, tags=["mine"]).text == mine.text
    assert register(manage, headers=key, tags=["mine"], member="other").text == theirs.text
    assert "secret" not in mine.text
