"""A member's data, or those of one of its orders: found wherever they are, exported, erased, and looked for once more.

::

    tombstone, tokens revoked --> learn names --> [ find --> erase ] until nothing is found --> tombstone says when

Everything is found by reading both tables: an item says by its keys and attributes whose it is (`holdings`), or holds a name that
was learned from another one (`names`); `remains` says what becomes of it. Whatever teaches names goes last, so that the same
command completes a run that was broken off. The service runs on meanwhile; what it writes of the subject is found by the next
reading.

A parcel that nobody else follows or asked about goes with its shipment, in one transaction under its row's revision, so that
whoever registers it meanwhile keeps it. Two things stay for a few days, and end by themselves: the lease, without which the number
might be asked too soon and locked, and the rows of hours that the ledger has not summed up yet.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from tools import holdings, remains
from tools.holdings import SUPPRESSION
from tools.names import Names
from waybill.errors import DAY, InvalidField, NotFound, WaybillError
from waybill.table import as_number, served, transacted
from waybill.tokens import Tokens
from waybill.tracked import parcel_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_dynamodb import DynamoDBClient

    from tools.holdings import Held, Item, Subject, Where
    from waybill.shipments import Link

REMEMBERED: Final = 400 * DAY
"""How long a tombstone keeps a restore from bringing somebody back: longer than any copy of the table should be kept."""
ROUNDS: Final = 6
PAUSE: Final = 60.0
"""Wall seconds between two readings: longer than any function may run, for what it has read it may write until its time-out."""
BATCH: Final = 25
CHUNK: Final = 90
TOMBSTONES: Final = "ERASED"
_CLOSED: Final[Item] = {"pk": {"S": "LEDGER#CLOSED"}, "sk": {"S": "CLOSED"}}
_WITH_PARCEL: Final = frozenset({"parcel", "history", "milestone", "stall", "shipment", "tag", "backfill"})
"""Kinds of a parcel's partition, which change together."""
_TEACHING: Final = frozenset({"event", "waiting letter", "share", "call", "webhook", "result"})
"""Kinds that other items are found by."""
_GUARDS: Final = {
    "call": "outcome",
    "lease": "holder",
    "result": "guesses",
    "sums of an hour": "lines",
    "sums of a day": "lines",
}
"""The attribute of each kind that is rewritten, by which a change since is noticed."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """By kinds of items: how many were `erased` (or would be), how many `stay` for a while.

    `left` names what still holds one of the subject's names: the table, the kind and the key.
    """

    erased: Counter[str]
    stay: Counter[str]
    left: list[str]


class Erasure:
    """Over both tables. Every method raises StoreUnavailable when DynamoDB does not serve it.

    `now` is wall time; `pause` waits wall seconds between two readings, so that what was under way arrives.
    """

    def __init__(
        self,
        dynamodb: DynamoDBClient,
        tracking: str,
        cache: str,
        subject: Subject,
        now: Callable[[], float],
        pause: Callable[[float], None],
    ) -> None:
        self._dynamodb = dynamodb
        self._tables: dict[Where, str] = {"Tracking": tracking, "Cache": cache}
        self._subject = subject
        self._now = now
        self._pause = pause
        self._names = Names(subject)
        self._judged: set[Link] = set()
        self._summed_until = 0.0

    # ---- What there is

    def export(self) -> Iterator[dict[str, Any]]:
        """Everything that is held of the subject, an item at a time, and what is known of its parcels."""
        self._learn()
        for held in self._found():
            yield holdings.exported(held, self._subject)

    def count(self) -> Outcome:
        """What an erasure would come to. Nothing is written.

        Raises:
            NotFound: nothing is held of the subject, nor was erased of it.
        """
        self._require()
        self._learn()
        erased: Counter[str] = Counter()
        stay: Counter[str] = Counter()
        for held in self._found():
            change = self._change(held)
            if change is not None:
                erased[held.kind.name] += 1
            if self._stays(held):
                stay[held.kind.name] += 1
        return Outcome(erased, stay, [])

    # ---- Erasing

    def run(self, settle_seconds: float = 0.0) -> Outcome:
        """Erase; again for what was erased before changes nothing.

        `settle_seconds`: as long as the gateway lets a revoked token in.

        Raises:
            InvalidField: the member has limits at the gateway, which are the gateway's to forget.
            NotFound: nothing is held of the subject, nor was erased of it.
        """
        if self._subject.order_id is None and self._tokens.usage_key(self._subject.member) is not None:
            raise InvalidField(
                "member",
                "It has limits of its own at the gateway: take them away first, by make member-unlimit.",
            )
        self._require()
        begun = self._now()
        self._bury(self._subject.digest, begun)
        revoked = self._revoke(begun)
        if revoked:
            self._pause(settle_seconds)
        self._learn()
        erased = Counter(["token"] * revoked)
        for _ in range(ROUNDS):
            self._judged.clear()
            found, left = self._search()
            work = [(held, change) for held in found if (change := self._change(held)) is not None]
            if not work:
                self._bury(self._subject.digest, begun, done=True)
                return Outcome(erased, Counter(each.kind.name for each in found if self._stays(each)), left)
            self._do(work, begun)
            erased.update(held.kind.name for held, _ in work)
            self._pause(PAUSE)
        raise WaybillError(
            "The service still writes of whom is to be erased: end its sign-in at your identity provider, then run this again."
        )

    def speaks_of(self, said: Any) -> bool:
        """Whether a message of a queue is about the subject, after a run or a count."""
        return self._names.told_in(said)

    def _require(self) -> None:
        """A name that was mistyped gets neither a tombstone nor the word that all of it is erased."""
        tombstone = {"pk": {"S": TOMBSTONES}, "sk": {"S": self._subject.digest}}
        table = self._tables["Tracking"]
        buried = served(lambda: self._dynamodb.get_item(TableName=table, Key=tombstone, ConsistentRead=True))
        if "Item" not in buried and not any(
            held.of(self._subject) for each in self._tables for held in self._scan(each)
        ):
            raise NotFound(
                f"Nothing is held of {self._subject}, and nothing of it was erased before. Look whether the name is right."
            )

    def _bury(self, digest: str, at: float, *, done: bool = False) -> None:
        item = _tombstone(digest, at, done=done)
        served(lambda: self._dynamodb.put_item(TableName=self._tables["Tracking"], Item=item))

    @property
    def _tokens(self) -> Tokens:
        return Tokens(self._dynamodb, self._tables["Tracking"])

    def _revoke(self, now: float) -> int:
        """How many tokens worked until now."""
        if self._subject.order_id is not None:
            return 0
        tokens = self._tokens
        active = [each for each in tokens.registered(self._subject.member) if each.revoked_at is None]
        for each in active:
            tokens.revoke(each, int(now))
        return len(active)

    def _do(self, work: list[tuple[Held, Item]], begun: float) -> None:
        """In an order in which nothing is lost by which the rest is found."""
        apart = [(held, change) for held, change in work if held.kind.name not in _WITH_PARCEL]
        for teaching in (False, True):
            now = [pair for pair in apart if (pair[0].kind.name in _TEACHING) == teaching]
            for held, change in now:
                if change:
                    self._rewrite(held, change)
                elif held.kind.name == SUPPRESSION:
                    self._bury(holdings.digest("shipment", str(held.shipment)), begun, done=True)
            for table in ("Cache", "Tracking"):
                gone = [held.key for held, change in now if not change and held.kind.table == table]
                self._delete(self._tables[table], gone)
            if not teaching:
                links = {
                    held.link
                    for held, _ in work
                    if held.link and (held.kind.name in _WITH_PARCEL or held.link in self._names.erased)
                }
                for link in sorted(links, key=parcel_key):
                    self._close(link, begun)

    def _rewrite(self, held: Held, change: Item) -> None:
        """Give an item other values for some attributes; one that is another by now is found again."""
        guard = _GUARDS[held.kind.name]
        sets = f"SET {', '.join(f'#{name} = :{name}' for name in change)}"
        update = "DELETE #guesses :guesses" if guard == "guesses" else sets
        try:
            served(
                lambda: self._dynamodb.update_item(
                    TableName=self._tables[held.kind.table],
                    Key=held.key,
                    UpdateExpression=update,
                    ConditionExpression=f"#{guard} = :seen",
                    ExpressionAttributeNames={f"#{name}": name for name in {*change, guard}},
                    ExpressionAttributeValues={
                        ":seen": held.item[guard],
                        **{f":{name}": value for name, value in change.items()},
                    },
                )
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return

    def _delete(self, table: str, keys: list[Item]) -> None:
        for start in range(0, len(keys), BATCH):
            left: Any = {table: [{"DeleteRequest": {"Key": key}} for key in keys[start : start + BATCH]]}
            while left:
                answer = served(partial(self._dynamodb.batch_write_item, RequestItems=left))
                left = answer.get("UnprocessedItems")

    def _close(self, link: Link, begun: float) -> None:
        """Erase the subject's part of a parcel's partition: all of it, where nobody else has one."""
        items = self._partition(link)
        own = [each for each in items if each.of(self._subject)]
        if not self._names.judge(link, items):
            self._delete(self._tables["Tracking"], [each.key for each in own])
            return
        row = next((each for each in items if each.kind.name == "parcel"), None)
        guard: Item = {"TableName": self._tables["Tracking"], "Key": _row_key(link)}
        guard["ConditionExpression"] = "revision = :seen" if row else "attribute_not_exists(pk)"
        if row:
            guard["ExpressionAttributeValues"] = {":seen": row.item["revision"]}
        rest = sorted(
            (each for each in items if each is not row), key=lambda each: each.kind.name == "shipment"
        )
        deletes = [{"Delete": {"TableName": self._tables["Tracking"], "Key": each.key}} for each in rest]
        while len(deletes) > CHUNK:
            if not self._transacted([{"ConditionCheck": guard}, *deletes[:CHUNK]]):
                return
            deletes = deletes[CHUNK:]
        tombstone = _tombstone(holdings.digest_of(link), begun, done=True)
        buried = {"Put": {"TableName": self._tables["Tracking"], "Item": tombstone}}
        self._transacted([{"Delete" if row else "ConditionCheck": guard}, *deletes, buried])

    def _transacted(self, actions: list[Any]) -> bool:
        return transacted(self._dynamodb, actions, self._pause)

    # ---- Finding

    def _learn(self) -> None:
        for held in self._scan("Tracking"):
            if held.kind.name == "end of the sums":
                self._summed_until = held.data["until"]
            self._names.learn(held)
        for held in self._scan("Cache"):
            if held.kind.name == "result":
                self._names.learn(held)

    def _found(self) -> Iterator[Held]:
        for table in self._tables:
            for held in self._scan(table):
                if self._names.reach(held):
                    yield holdings.named(held)

    def _search(self) -> tuple[list[Held], list[str]]:
        """What concerns the subject, and what else holds one of its names."""
        found, left = [], []
        needles = self._names.needles()
        for table in self._tables:
            for held in self._scan(table):
                if self._names.reach(held):
                    found.append(holdings.named(held))
                if not self._stays(held) and self._names.occur_in(held, needles):
                    left.append(
                        f"{table}, {held.kind.name}: {' '.join(each['S'] for each in held.key.values())}"
                    )
        return found, left

    def _change(self, held: Held) -> Item | None:
        """As `remains` says it; a parcel is looked at first."""
        return remains.change_of(
            held,
            self._subject.member,
            whole=self._subject.order_id is None,
            alone=held.link in self._names.links and self._is_alone(held.link),
            summed_until=self._summed_until,
        )

    def _stays(self, held: Held) -> bool:
        """Whether it is of a parcel that is erased, and has to stay until it ends by itself."""
        return held.kind.name in remains.STAYING and held.link in self._names.erased

    def _is_alone(self, link: Link) -> bool:
        """Whether nobody but the subject has anything of a parcel; its partition is read once in a round."""
        if link not in self._judged:
            self._names.judge(link, self._partition(link))
            self._judged.add(link)
        return link in self._names.erased

    def _partition(self, link: Link) -> list[Held]:
        asked = {
            "TableName": self._tables["Tracking"],
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": parcel_key(link)}},
        }
        return list(self._pages("query", "Tracking", asked))

    def _scan(self, table: Where) -> Iterator[Held]:
        return self._pages("scan", table, {"TableName": self._tables[table]})

    def _pages(self, operation: str, table: Where, asked: dict[str, Any]) -> Iterator[Held]:
        request = {**asked, "ConsistentRead": True}
        while True:
            answer: Any = served(partial(getattr(self._dynamodb, operation), **request))
            for item in answer["Items"]:
                yield holdings.read(table, item)
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def _tombstone(digest: str, at: float, *, done: bool) -> Item:
    item: Item = {
        "pk": {"S": TOMBSTONES},
        "sk": {"S": digest},
        "at": as_number(at),
        "expires_at": as_number(int(at + REMEMBERED)),
    }
    return {**item, "done": {"BOOL": True}} if done else item


def _row_key(link: Link) -> Item:
    return {"pk": {"S": parcel_key(link)}, "sk": {"S": "PARCEL"}}
