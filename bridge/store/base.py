"""What the bridge asks of a store: take webhooks in, hand deliveries out, settle them, and count.

Two implementations keep this protocol: one SQLite file for one bridge, and a Postgres database that several bridges
may share. One suite of tests holds for both.

The life of a claim: `claim` leases deliveries to this store under a fencing number; `start` commits that an attempt
begins, before the first byte leaves; `settle` ends it. Whoever comes late changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from bridge.store.records import (
        Admission,
        Counts,
        Delivery,
        DeliveryFile,
        Intake,
        Pause,
        Planner,
        Settlement,
        Standing,
        State,
        StoredDelivery,
        Turns,
    )

__all__ = ["SharedPauses", "SharedTurns", "Store"]


@runtime_checkable
class SharedTurns(Protocol):
    """What a store can do beside when several bridges share it: keep a vendor's rate for all of them together."""

    async def take_turns(self, destination: str, wanted: int, *, most: int, window_ms: int) -> Turns:
        """Take turns for calls, as far as there are any.

        Args:
            destination: Whom to call.
            wanted: How many calls.
            most: How many calls all bridges together may make in any window.
            window_ms: How long a window is, by the store's clock.
        """
        ...

    async def give_turns_back(self, destination: str, number: int, *, at_ms: int) -> None:
        """Give back so many of the turns that were taken together at an instant and were not needed."""
        ...


@runtime_checkable
class SharedPauses(Protocol):
    """What a store can do beside when several bridges share it: let none of them pass over a pause of another."""

    async def claim_under(
        self, pause: Pause | None, destination: str, limit: int, *, now_ms: int, lease_ms: int
    ) -> tuple[Delivery, ...] | None:
        """Claim as long as the pause that the caller goes by is the one that is kept, see `Store.claim`.

        Returns:
            What was claimed; None when another pause is kept, or none: nothing was claimed then.
        """
        ...

    async def change_pause(self, destination: str, *, old: Pause | None, new: Pause | None) -> bool:
        """Keep or end a pause if the one that the caller goes by is still kept, and tell the other bridges.

        Returns:
            Whether it was; if not, nothing was changed.
        """
        ...


class Store(Protocol):
    """Keeps inbox, outbox, identities and pauses. What a call changed is committed when it returns.

    Instants are UNIX milliseconds. Every method raises `StoreUnavailable` when the store cannot be read or written;
    nothing of that call is left then.
    """

    @property
    def is_shared(self) -> bool:
        """Whether other bridges may work on the same store, so that one must look after what they leave behind."""
        ...

    async def open(self, *, is_serving: bool = True) -> None:
        """Open it, and bring its schema up to date.

        Args:
            is_serving: Whether to claim and settle; a store that one bridge at a time can serve refuses a second.
                What only looks, or moves what is settled, may open it beside a serving one.
        """
        ...

    async def close(self) -> None:
        """Finish what is queued and close it. Claims stay; `release` hands them back."""
        ...

    def listen(self, wake: Callable[[str], None], repaused: Callable[[str], None]) -> None:
        """Hear of destinations when another process changes something. Only hints: they may be lost.

        Args:
            wake: Something is due there.
            repaused: Its pause is another.
        """
        ...

    async def take_in(self, intakes: Sequence[Intake], planner: Planner) -> tuple[bool, ...]:
        """Store pieces with their outcomes in one transaction, and say which of them were new.

        The planner sees what every earlier piece made known; it may be asked again about the same piece. A repeat is
        counted, and nothing else.
        """
        ...

    async def claim(
        self, destination: str, limit: int, *, now_ms: int, lease_ms: int
    ) -> tuple[Delivery, ...]:
        """Claim deliveries that are due, those due longest first, of each lane only the head.

        Args:
            destination: Whose deliveries.
            limit: How many at most.
            now_ms: The instant.
            lease_ms: For how long they are this store's alone.
        """
        ...

    async def start(
        self, deliveries: Sequence[Delivery], *, now_ms: int, lease_ms: int
    ) -> tuple[Delivery, ...]:
        """Commit that an attempt at claimed deliveries begins now, and renew their lease.

        To be called before the first byte of what must not happen twice, and whenever a claim is kept for long.

        Returns:
            Those that are still claimed under the same fence; the others belong to somebody else and must not be sent.
        """
        ...

    async def settle(self, settlements: Sequence[Settlement], *, now_ms: int) -> int:
        """Settle attempts in one transaction; one whose fence has passed changes nothing.

        One that becomes uncertain though evidence of its effect has come in is delivered.

        Returns:
            How many were settled.
        """
        ...

    async def release(self, never_twice: Collection[str], *, retry: bool, now_ms: int) -> int:
        """End all claims that this store still holds, at a graceful stop; arguments and result as of `recover`."""
        ...

    async def recover(self, never_twice: Collection[str], *, retry: bool, now_ms: int) -> int:
        """End the claims of bridges that are gone, and of those that outlived their lease; no other.

        What waits although it came in after now is due at once: the clock was set back.

        Args:
            never_twice: Operations that must not be repeated: a started attempt may have succeeded, and becomes
                uncertain. Whatever else there is becomes pending.
            retry: Whether those are tried again nevertheless.
            now_ms: The instant.

        Returns:
            How many claims there were.
        """
        ...

    async def next_due_ms(self, destination: str) -> int | None:
        """Say when the next delivery of a destination is due; None when nothing waits."""
        ...

    async def pauses(self) -> Mapping[str, Pause]:
        """Give the pauses of destinations, as committed last."""
        ...

    async def set_pause(self, destination: str, pause: Pause | None) -> None:
        """Keep a pause over restarts; None ends it."""
        ...

    async def admit_names(
        self, destination: str, names: Sequence[str], *, limit: int, now_ms: int
    ) -> Admission:
        """Keep which names are in use at a destination, as long as there is room.

        Args:
            destination: Where.
            names: What is to be used; those that come first get what room there is.
            limit: How many there may be; 0 is no limit. Those in use stay so, also above a lower limit.
            now_ms: The instant.
        """
        ...

    async def count_names(self) -> Mapping[str, int]:
        """Count the names in use, by destination."""
        ...

    async def counts(self) -> Counts:
        """Count what was accepted and what became of it, in one consistent look."""
        ...

    async def standings(self, *states: State) -> tuple[Standing, ...]:
        """Count deliveries in some states, or in any, by destination and state. Open states are cheap to ask for."""
        ...

    async def deliveries(
        self, *states: State, destination: str | None = None, after_seq: int = 0, limit: int = 100
    ) -> tuple[StoredDelivery, ...]:
        """List deliveries in some states, or in any, by number.

        Args:
            states: The states; none for all.
            destination: Whose; None for all.
            after_seq: Where the page before ended.
            limit: How many at most.
        """
        ...

    async def delivery(self, seq: int) -> DeliveryFile | None:
        """Show one delivery, and the piece that it comes from; None when there is no such number."""
        ...

    async def move(
        self, seqs: Sequence[int], *, of: Collection[State], to: State, reason: str, now_ms: int
    ) -> tuple[int, ...]:
        """Change the state of deliveries by hand: requeue, discard, decide what was uncertain.

        What goes to `pending` starts anew: no attempts, and its age counts from now. What is discarded becomes
        `filtered` with the reason.

        Args:
            seqs: Their numbers.
            of: States in which they may be; one in another state is left alone. Never `claimed`.
            to: The new state. Never `claimed`.
            reason: Why.
            now_ms: The instant.

        Returns:
            The numbers of those that were moved.
        """
        ...

    async def replay(
        self, inbox_seq: int, intakes: Sequence[Intake], planner: Planner, *, now_ms: int
    ) -> int | None:
        """Plan the quarantined outcomes of a piece anew, in one transaction.

        Args:
            inbox_seq: The piece.
            intakes: What its bytes are read as now; one that was unreadable may be several. The others are taken in
                as if they had just come.
            planner: As of `take_in`.
            now_ms: The instant.

        Returns:
            How many outcomes were added; None when nothing of the piece is quarantined, and nothing was done.
        """
        ...

    async def expire(
        self, *, settled_before_ms: int, dead_before_ms: int, now_ms: int, limit: int = 1000
    ) -> int:
        """Delete old pieces with their deliveries, keys past their window, and old evidence. Counts stay as they are.

        A piece goes only as a whole: when all its deliveries are delivered, filtered or dead for long enough and its
        key has left its window. Uncertain and quarantined ones wait for a person, however long.

        Returns:
            How many pieces were deleted; when it is `limit`, there may be more.
        """
        ...

    async def check(self) -> tuple[str, ...]:
        """Look for damage: of the file, and of what must always be true. Empty when there is none."""
        ...
