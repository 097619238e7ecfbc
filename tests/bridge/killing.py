"""A bridge that dies at a named point: `python -m tests.bridge.killing POINT OPERATION CLOCK_S [ARGUMENT…]`.

The hooks are put in from here, before the bridge's own command line runs; the bridge knows nothing of them. Death is
SIGKILL: nothing is cleaned up, flushed or told to anybody.
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import timedelta
from functools import wraps
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any

from bridge import housekeeping, real_environment
from bridge.engagement import Kind
from bridge.sending import Sender
from bridge.store import (
    SqliteStore,
    postgres_intake,
    postgres_link,
    postgres_outbox,
    postgres_reports,
    sqlite,
    sqlite_intake,
    sqlite_outbox,
    sqlite_reports,
)
from bridge.store.postgres import PostgresStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bridge.store import Delivery

KINDS = {
    "track": Kind.OPENED,
    "upload": Kind.OPENED,
    "addToList": Kind.CONTACT_IDENTIFIED,
    "addEvent": Kind.CUSTOM_TRACKED,
    "triggerCampaign": Kind.CAMPAIGN_TRIGGERED,
}
"""What an engagement is that leads to an operation."""

PATHS = {
    "track": "/v1/batch",
    "upload": "/1/upload",
    "addToList": "/addToList",
    "addEvent": "/addEvent",
    "triggerCampaign": "/triggerCampaign/",
}
"""A part of the address by which an operation's call is known."""


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    signal.pause()


def after(owners: Iterable[Any], name: str, is_here: Callable[[tuple[Any, ...], Any], bool]) -> None:
    """Die when a function has done its work, and nobody has heard of it yet."""
    for owner in owners:
        setattr(owner, name, _dying(getattr(owner, name), is_here))


def before_commit(owners: Iterable[Any], name: str, is_here: Callable[[tuple[Any, ...], Any], bool]) -> None:
    """Die when a function has done its work inside a transaction.

    What is one statement Postgres commits by itself, so that nobody can die in between: here it is given a transaction
    all the same, to see that what is not committed was not done.
    """
    write: Any = PostgresStore._write

    async def write_in_transaction(store: Any, work: Any, *, is_one: bool = False) -> Any:
        del is_one
        return await write(store, work)

    setattr(PostgresStore, "_write", write_in_transaction)  # noqa: B010 - it is not for others, and replaced here
    after(owners, name, is_here)


def before(owners: Iterable[Any], name: str, is_here: Callable[[tuple[Any, ...]], bool]) -> None:
    """Die when a coroutine function is called."""
    for owner in owners:
        setattr(owner, name, _dying_at_once(getattr(owner, name), is_here))


def _dying(work: Any, is_here: Callable[[tuple[Any, ...], Any], bool]) -> Any:
    @wraps(work)
    async def dying_later(*arguments: Any, **named: Any) -> Any:
        done = await work(*arguments, **named)
        if is_here(arguments, done):
            die()
        return done

    @wraps(work)
    def dying(*arguments: Any, **named: Any) -> Any:
        done = work(*arguments, **named)
        if is_here(arguments, done):
            die()
        return done

    return dying_later if iscoroutinefunction(work) else dying


def _dying_at_once(work: Any, is_here: Callable[[tuple[Any, ...]], bool]) -> Any:
    @wraps(work)
    async def dying(*arguments: Any, **named: Any) -> Any:
        if is_here(arguments):
            die()
        return await work(*arguments, **named)

    return dying


def hooks(operation: str) -> dict[str, Callable[[], None]]:
    """Give what puts the hook of each point in, for one operation."""
    kind, path = KINDS[operation], PATHS[operation]

    def is_taken(intakes: Iterable[Any]) -> bool:
        return any(each.engagement is not None and each.engagement.kind is kind for each in intakes)

    def is_among(deliveries: Iterable[Delivery] | None) -> bool:
        return any(each.operation == operation for each in deliveries or ())

    def is_settled(settlements: Iterable[Any]) -> bool:
        return is_among(each.delivery for each in settlements)

    def die_in_take_in() -> None:
        after([sqlite_intake], "take_in", lambda given, _: is_taken(given[1]))
        after([postgres_intake], "take_in", lambda given, _: any(is_taken(wish[0]) for wish in given[1]))

    def die_in_migration() -> None:
        for module in (sqlite, postgres_link):
            setattr(module, "migrations", _deadly_migrations)  # noqa: B010 - it is not for others, and replaced here

    def die_after_claim() -> None:
        after([SqliteStore], "claim", lambda _, claimed: is_among(claimed))
        after([PostgresStore], "claim_under", lambda _, claimed: is_among(claimed))

    def die_in_retention() -> None:
        housekeeping._EXPIRE_EVERY_MS = 0  # type: ignore[misc]  # so that the first webhook brings it on
        after([sqlite_reports, postgres_reports], "expire", lambda _, gone: gone > 0)

    stores, outboxes = (SqliteStore, PostgresStore), (sqlite_outbox, postgres_outbox)
    return {
        "never": lambda: None,
        "take-in before commit": die_in_take_in,
        "take-in after commit": lambda: after(stores, "take_in", lambda given, _: is_taken(given[1])),
        "claim before commit": lambda: before_commit(outboxes, "claim", lambda _, claimed: is_among(claimed)),
        "claim after commit": die_after_claim,
        "start before commit": lambda: before_commit(outboxes, "start", lambda _, started: is_among(started)),
        "before the send": lambda: before([Sender], "send", lambda given: path in given[1].url),
        "request before answer": lambda: None,  # the vendor's end kills
        "answer before settle": lambda: after([Sender], "send", lambda given, _: path in given[1].url),
        "settle before commit": lambda: before_commit(
            outboxes, "settle", lambda given, _: is_settled(given[1])
        ),
        "settle after commit": lambda: after(stores, "settle", lambda given, _: is_settled(given[1])),
        "recovery before commit": lambda: after(outboxes, "end_claims", lambda _, ended: ended > 0),
        "migration": die_in_migration,
        "retention before commit": die_in_retention,
        "graceful stop": lambda: before(stores, "release", lambda _: True),
    }


class _Deadly:
    """A migration whose script nobody lives to run."""

    def __init__(self, each: Any) -> None:
        self.number, self.name = each.number, each.name
        self._script = each.script

    @property
    def script(self) -> str:
        die()
        return str(self._script)


def _deadly_migrations(dialect: str) -> tuple[Any, ...]:
    from bridge.store.migration import migrations  # noqa: PLC0415 - the one that is replaced elsewhere

    *earlier, last = migrations(dialect)
    return (*earlier, _Deadly(last))


def main() -> None:
    point, operation, clock_s, *arguments = sys.argv[1:]
    real_now = real_environment.now
    real_environment.now = lambda: real_now() + timedelta(seconds=float(clock_s))
    hooks(operation)[point]()
    from bridge.cli import main as bridge_main  # noqa: PLC0415 - it takes the clock along when it is loaded

    sys.argv = ["bridge", *arguments]
    bridge_main()


if __name__ == "__main__":
    main()
