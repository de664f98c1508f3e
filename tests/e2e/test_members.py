"""What is one member's is nothing to another: every route, with every kind of identifier that is not one's own.

A member that sends what is another's gets, byte for byte, what it gets for something that exists nowhere; and nothing of the
other's changes. Parcels themselves belong to nobody: who knows a number may ask about it, or has to know its phone, too.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests import loopback, parcels
from tests.e2e.foreign import HOOKS, LIST, MATRIX, OWN, PHONE, Names, Sent
from tests.parcels import COLLECTED, DELIVERED, REDIRECTED, look, new_number, new_order, register, script
from waybill.routes import OPEN, ROUTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from tests.e2e.conftest import NewMember
    from tests.stacks import RunningStack


@dataclass(frozen=True, slots=True)
class Owner:
    """A member with two orders: one delivered, one forwarded and linked. All its parcels want a phone."""

    client: httpx.Client
    names: Names
    stack: RunningStack

    def all(self) -> str:
        """Everything that is the member's, as it is told."""
        names, client = self.names, self.client
        paths = [
            LIST,
            f"{LIST}?tag={names.tag}",
            f"{LIST}?status=delivered",
            f"{LIST}?updated_since=2000-01-01T00:00:00Z",
            HOOKS,
            f"{HOOKS}/{names.webhook}",
            "/v1/settings",
            f"/v1/tracking/get/{names.order}",
            f"/v1/tracking/get?tracking_number={names.successor}",
        ]
        answers = [client.get(path) for path in paths]
        assert {answer.status_code for answer in answers} == {200}
        return "\n".join(answer.text for answer in answers)

    def calls(self) -> int:
        names = self.names
        return sum(
            parcels.calls_of(self.stack, each) for each in (names.number, names.forwarded, names.successor)
        )


@pytest.fixture(scope="module")
def owner(stack: RunningStack) -> Iterator[Owner]:
    sf: dict[str, Any] = {"courier": "shunfeng", "phone": PHONE}
    number = script(stack, new_number("SF"), COLLECTED, {**DELIVERED, "text": "已签收，秘密门口"}, **sf)
    forwarded = script(stack, new_number("SF"), COLLECTED, REDIRECTED, **sf)
    successor = script(stack, new_number("SF"), COLLECTED, **sf)
    key, tag, order = str(uuid.uuid4()), f"tag-{uuid.uuid4().hex[:8]}", new_order()
    name = f"owner-{uuid.uuid4().hex[:8]}"
    with stack.member(name, "track", "manage") as client:
        body = {"order_id": order, "tracking_number": number, "phone": PHONE, "tags": [tag]}
        client.post(LIST, json=body, headers={"Idempotency-Key": key}).raise_for_status()
        client.post(
            f"{LIST}/batch",
            json={"shipments": [{**body, "order_id": "in-a-batch"}]},
            headers={"Idempotency-Key": key},
        ).raise_for_status()
        register(client, "other", forwarded, phone=PHONE, tags=[tag])
        look(client, order)
        seen = client.get(f"{LIST}/{order}")
        assert seen.json()["status"] == "delivered"
        look(client, "other")
        linked = {"tracking_number": successor, "phone": PHONE}
        client.post(f"{LIST}/other/successor", json=linked).raise_for_status()
        look(client, "other")
        cursor = client.get(LIST, params={"limit": "1"}).json()["next_cursor"]
        hook = client.post(
            HOOKS,
            json={"url": "http://127.0.0.1:9/", "events": ["*"], "description": "geheim"},
            headers={"Idempotency-Key": key},
        )
        webhook = hook.raise_for_status().json()["id"]
        # Nothing is sent to it, so nothing of it changes by itself.
        client.post(f"{HOOKS}/{webhook}/pause").raise_for_status()
        event = client.post(f"{HOOKS}/{webhook}/test").raise_for_status().json()["event_id"]
        night = {"from": "22:00", "to": "08:00", "zone": "Asia/Shanghai"}
        client.patch("/v1/settings", json={"quiet_hours": night}).raise_for_status()
        names = Names(
            order,
            number,
            forwarded,
            successor,
            key,
            tag,
            cursor,
            seen.headers["ETag"],
            seen.json()["updated_at"],
            "delivered",
            "shunfeng",
            name,
            webhook,
            event,
        )
        yield Owner(client, names, stack)


@pytest.fixture(scope="module")
def nowhere(stack: RunningStack, owner: Owner) -> Names:
    """Names of the same kinds and lengths; what the cursor names was there once."""
    with stack.member(f"gone-{uuid.uuid4().hex[:8]}", "track", "manage") as gone:
        orders = [new_order() for _ in range(2)]
        for order in orders:
            register(gone, order, new_number("SF"), phone=PHONE)
        cursor = gone.get(LIST, params={"limit": "1"}).json()["next_cursor"]
        for order in orders:
            gone.delete(f"{LIST}/{order}").raise_for_status()
    return Names(
        new_order(),
        new_number("SF"),
        new_number("SF"),
        new_number("SF"),
        str(uuid.uuid4()),
        f"tag-{uuid.uuid4().hex[:8]}",
        cursor,
        f'"{uuid.uuid4().hex}"',
        owner.names.since.replace("20", "19", 1),
        "returned",
        "debangkuaidi",
        f"nobody-{uuid.uuid4().hex[:8]}",
        f"whk_{uuid.uuid4().hex[:20]}",
        f"evt_{uuid.uuid4().hex[:24]}",
    )


@pytest.fixture(scope="module")
def own_number(stack: RunningStack, owner: Owner) -> str:
    """Of a forwarded parcel that wants no phone and is known already."""
    number = script(stack, new_number(), COLLECTED, REDIRECTED)
    owner.client.get(f"/v1/parcels/yuantong/{number}").raise_for_status()
    return number


def told(client: httpx.Client, method: str, sent: Sent, names: Names) -> tuple[int, dict[str, str], str]:
    """Status, headers and body of an answer, without what differs from one request to the next."""
    body: dict[str, Any] = {} if sent.json is None else {"json": sent.json}
    answer = client.request(method, sent.path, params=sent.query, headers=sent.headers, **body)
    headers = {
        name: names.blank(text)
        for name, text in answer.headers.items()
        if name not in {"date", "content-length"} and not name.startswith(("x-request-id", "x-amz"))
    }
    if headers.get("etag", "<etag>") != "<etag>":
        headers["etag"] = "one of what is shown, which names and times are part of"
    return answer.status_code, headers, names.blank(answer.text)


def clear(client: httpx.Client) -> None:
    """Forget what a probe has registered."""
    for each in client.get(LIST).json()["shipments"]:
        if not each["tracking_number"].startswith("YT"):
            query = {"tracking_number": each["tracking_number"]}
            client.delete(f"{LIST}/{each['order_id']}", params=query).raise_for_status()


def test_the_matrix_has_every_route_of_the_api() -> None:
    assert MATRIX.keys() == {(method, path) for path, methods in ROUTES.items() for method in methods}
    assert all(MATRIX.values())


@pytest.mark.parametrize(("method", "path"), MATRIX)
def test_what_is_anothers_is_told_like_what_is_nowhere(
    owner: Owner, nowhere: Names, own_number: str, member: NewMember, method: str, path: str
) -> None:
    before, calls = owner.all(), owner.calls()
    shown: list[list[tuple[int, dict[str, str], str]]] = []
    for names in (owner.names, nowhere):
        curious = member()
        register(curious, OWN, own_number)
        shown.append([])
        for probe in MATRIX[method, path]:
            shown[-1].append(told(curious, method, probe(names), names))
            if method == "POST":
                clear(curious)
    for number, (of_another, of_nobody) in enumerate(zip(*shown, strict=True)):
        assert of_another == of_nobody, number
        assert of_another[0] < 500, number
        for secret in ("秘密", '"status":"delivered",', owner.names.tag):
            assert secret not in of_another[2] or path in OPEN | {"/v1/statuses"}, number
    assert owner.all() == before
    assert owner.calls() == calls


CLOSED = [key for key in MATRIX if key[1] not in OPEN]


@pytest.mark.parametrize(("method", "path"), CLOSED)
def test_a_route_asks_who_one_is_before_it_says_anything(
    owner: Owner, method: str, path: str, stack: RunningStack
) -> None:
    sent = MATRIX[method, path][0](owner.names)
    answer = loopback.request(method, stack.api + sent.path, params=sent.query, json=sent.json)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "401000")


def test_a_token_opens_nothing_but_what_its_scopes_are_for(owner: Owner, member: NewMember) -> None:
    pii, track, manage = member("pii", "admin"), member("track"), member("manage")
    all_but_admin = member("pii", "track", "manage")
    for method, path in CLOSED:
        sent = MATRIX[method, path][0](owner.names)

        def status(client: httpx.Client, sent: Sent = sent, method: str = method) -> int:
            return client.request(method, sent.path, params=sent.query, json=sent.json).status_code

        if path.startswith("/v1/operations"):
            assert status(all_but_admin) == 403, (method, path)
            continue
        statuses = [status(client) for client in (pii, track, manage)]
        assert statuses[0] == 403, (method, path)
        assert statuses[1:].count(403) == 1, "every route is for one scope"
        told = method == "GET" and not path.startswith((HOOKS, "/v1/settings"))
        reads = told or path in {"/v1/track", f"{LIST}/{{order_id}}/refresh"}
        assert statuses.index(403, 1) == (2 if reads else 1), (method, path)


def test_a_parcel_that_wants_no_phone_tells_of_the_parcel_and_nothing_of_whose_it_is(
    stack: RunningStack, owner: Owner, member: NewMember
) -> None:
    number, order = script(stack, new_number(), COLLECTED, DELIVERED), new_order()
    said = {"tags": ["geheim"], "metadata": {"geheim": "1"}, "to": "geheim", "origin_country": "geheim"}
    register(owner.client, order, number, **said, notify={"email": "geheim@example.com"})
    look(owner.client, order)
    curious = member()
    answers = [
        curious.get(f"/v1/parcels/yuantong/{number}"),
        curious.post("/v1/track", json={"expCode": "yuantong", "expNo": number}),
        curious.post(LIST, json={"order_id": OWN, "tracking_number": number}),
        curious.get(f"{LIST}/{OWN}"),
        curious.get(f"/v1/tracking/get/{OWN}"),
    ]
    for answer in answers:
        assert answer.is_success
        assert "geheim" not in answer.text
        assert order not in answer.text
    owner.client.delete(f"{LIST}/{order}").raise_for_status()
    assert curious.get(f"{LIST}/{OWN}").json()["status"] == "delivered", "another's end is not one's own"


def test_two_members_with_the_same_order_and_parcel_have_a_shipment_each(
    owner: Owner, member: NewMember
) -> None:
    before = owner.all()
    other, names = member(), owner.names
    made = register(other, names.order, names.number, phone=PHONE, lang="en")
    assert made["id"] not in before
    other.patch(f"{LIST}/{names.order}", json={"tags": ["theirs"]}).raise_for_status()
    other.post(f"{LIST}/{names.order}/complete").raise_for_status()
    other.delete(f"{LIST}/{names.order}").raise_for_status()
    assert owner.all() == before


def test_a_members_name_cannot_reach_into_anothers_keys(member: NewMember) -> None:
    """Keys are made of a member and a value with a # between them, and members may be called anything."""
    name = f"m-{uuid.uuid4().hex[:8]}"
    one = member(name=name)
    register(one, "o", new_number(), tags=["t"])
    for near in (f"{name}#", f"{name}#o", f"{name}#t", f"{name}#pending", f"#{name}", name[:-1]):
        curious = member(name=near)
        for path in (LIST, f"{LIST}?status=pending", f"{LIST}?tag=t", f"{LIST}?courier=yuantong"):
            assert curious.get(path).json()["shipments"] == []
        assert curious.get(f"{LIST}/o").status_code == 404
    assert len(one.get(LIST).json()["shipments"]) == 1
