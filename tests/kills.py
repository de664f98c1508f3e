"""Kills between any two steps: the same run again and again, each time dead at the next point, until one ends by itself.

::

    for name, world in kill_points(make, run, lambda world: [world.dynamodb, world.sqs]):
        run_again(world)
        assert told_once(world), name

A point is before or after a call of one of the clients, whatever server they have, so no call that is added later is forgotten. The
process is dead from there on: whatever it still tries in a `finally`, nothing is sent.
"""

from __future__ import annotations

import itertools
from concurrent.futures import Executor, Future
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from botocore.exceptions import ReadTimeoutError

from tests import loopback

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Step = Callable[[str], None]

W = TypeVar("W")
T = TypeVar("T")
P = ParamSpec("P")


class Killed(BaseException):
    """The process ends here: no `except Exception` sees it."""


def kill_points(
    make: Callable[[], W], run: Callable[[W, Step], object], clients: Callable[[W], Iterable[Any]]
) -> Iterator[tuple[str, W]]:
    """The world that every kill left behind, and its name, as `after 2 PutItem`: the second call had been answered.

    `make` makes a new world for every point. `run` is what is killed: threads of it have to be `Inline`, and it calls its second
    argument with a name where it does what no client of AWS does, before and after. `clients` are boto3's of a world.
    """
    for place in itertools.count():
        world, fuse = make(), _Fuse(place)
        watched = list(clients(world))
        for client in watched:
            fuse.watch(client)
        try:
            run(world, fuse.step)
        except Killed:
            pass
        else:
            if fuse.burnt:
                raise AssertionError(f"a kill was survived: {fuse.burnt}")
            return
        finally:
            for client in watched:
                fuse.leave(client)
        yield fuse.burnt, world


def lose_an_answer(client: Any, operation: str) -> None:
    """The next request of an operation of DynamoDB arrives, and its answer does not: botocore sends it again."""
    lost: list[str] = []

    def lose(request: Any, **_: Any) -> None:
        if not lost:
            lost.append(request.url)
            headers = {
                name: value.decode() if isinstance(value, bytes) else value
                for name, value in request.headers.items()
            }
            loopback.post(request.url, headers=headers, content=request.body)
            raise ReadTimeoutError(endpoint_url=request.url)

    client.meta.events.register(f"before-send.dynamodb.{operation}", lose)


class _Fuse:
    """Kills whoever takes the step of this place, and all later ones."""

    def __init__(self, place: int) -> None:
        self._left = place
        self._calls = 0
        self.burnt = ""

    def step(self, name: str) -> None:
        if not self.burnt and self._left == 0:
            self.burnt = name
        if self.burnt:
            raise Killed(self.burnt)
        self._left -= 1

    def watch(self, client: Any) -> None:
        client.meta.events.register("before-call", self._before)
        client.meta.events.register("after-call", self._after)

    def leave(self, client: Any) -> None:
        client.meta.events.unregister("before-call", self._before)
        client.meta.events.unregister("after-call", self._after)

    def _before(self, model: Any, **_: object) -> None:
        self._calls += 1
        self.step(f"before {self._calls} {model.name}")

    def _after(self, model: Any, **_: object) -> None:
        self.step(f"after {self._calls} {model.name}")


class Inline(Executor):
    """Threads that are none: what a killed process has begun does not go on behind its back."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        done: Future[T] = Future()
        done.set_result(fn(*args, **kwargs))
        return done
