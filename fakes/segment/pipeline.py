"""What happens behind the edge: ingest, then fan-out to destinations; each end is counted and told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fakes.kit import WebhookSender
from fakes.segment.destinations import find_filter, find_unknown_integrations
from fakes.segment.edge import Arrival
from fakes.segment.errors import LONGEST_BATCH, DiscardCode, FilterCode, Stage
from fakes.segment.message import Defect, Message, subject_of, wants_ip
from fakes.segment.state import Duplicate
from fakes.segment.webhooks import delivery_code, make_policy, make_request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fakes.kit import Failure, Fake
    from fakes.segment.destinations import Destination
    from fakes.segment.settings import SegmentSettings
    from fakes.segment.state import SegmentState

__all__ = ["Pipeline"]

_TOLD: Final = (
    ("name", "name"),
    ("group_id", "groupId"),
    ("previous_id", "previousId"),
    ("properties", "properties"),
    ("traits", "traits"),
    ("context", "context"),
    ("integrations", "integrations"),
)


class Pipeline:
    """Runs messages of one workspace from the edge to their destinations.

    Facts: `message_accepted`, `message_discarded`, `message_duplicate`, `message_filtered`,
    `message_delivered`, `delivery_failed`.
    """

    def __init__(self, fake: Fake, state: SegmentState, settings: SegmentSettings) -> None:
        self._fake = fake
        self._state = state
        self._settings = settings
        self._sender = WebhookSender(fake)

    def run(
        self, arrivals: Sequence[Arrival], *, is_batch: bool, is_elsewhere: bool = False, address: str = ""
    ) -> list[Defect]:
        """Run the messages of one call; give the defects found.

        Args:
            arrivals: All messages of the call.
            is_batch: Whether they came as a batch, which then has a code of its own when some are bad.
            is_elsewhere: Whether the call was made to the other region's host, where nobody has the key.
            address: IPv4 address of the caller; empty when unknown.
        """
        received_at = self._fake.surroundings.now()
        discarded: list[tuple[Arrival, Defect]] = []
        source = ""
        for arrival in arrivals:
            if is_elsewhere:
                outcome: Message | Defect | Duplicate = self._drop_elsewhere()
            else:
                ip = address if address and wants_ip(arrival.fields) else ""
                outcome = self._state.take(arrival, received_at=received_at, ip=ip)
            if isinstance(outcome, Defect):
                discarded.append((arrival, outcome))
                continue
            source = outcome.source
            if isinstance(outcome, Duplicate):
                self._tell_duplicate(arrival, outcome)
            else:
                self._tell_accepted(outcome)
                self._fan_out(outcome)
        batch_code = ""
        if discarded and is_batch:
            # The code of the batch as a whole: some of it was bad, or nothing was left of it.
            batch_code = DiscardCode.MULTI_USER_ERROR if source else DiscardCode.EMPTY_BATCH_RESULT
            self._state.count(source or self._source_name(arrivals[0]), Stage.FAILED_ON_INGEST, batch_code)
        for arrival, defect in discarded:
            self._tell_discarded(arrival, defect, batch_code=batch_code)
        return [defect for _, defect in discarded]

    def drop_batch(self, arrivals: Sequence[Arrival], *, write_key: str) -> Defect:
        """Drop a batch that is empty or too long, and say which."""
        if arrivals:
            defect = Defect(DiscardCode.BAD_REQUEST, f"A batch has at most {LONGEST_BATCH} messages")
        else:
            defect = Defect(DiscardCode.EMPTY_BATCH, "No messages in the batch")
        for arrival in arrivals or [Arrival(fields=None, write_key=write_key)]:
            self.drop(arrival, defect)
        return defect

    def drop(self, arrival: Arrival, defect: Defect) -> None:
        """Drop one message that never reaches ingest."""
        self._state.count(self._source_name(arrival), Stage.FAILED_ON_INGEST, defect.code)
        self._tell_discarded(arrival, defect)

    def _drop_elsewhere(self) -> Defect:
        self._state.count("", Stage.FAILED_ON_INGEST, DiscardCode.UNKNOWN_SOURCE)
        return Defect(DiscardCode.UNKNOWN_SOURCE, "The write key belongs to the other region")

    def _source_name(self, arrival: Arrival) -> str:
        source = self._state.source_of_key(arrival.write_key)
        return source.name if source else ""

    def _fan_out(self, message: Message) -> None:
        destinations = self._state.destinations(message.source)
        if message.event["integrations"]:
            known = [destination.name for destination in destinations]
            for name in find_unknown_integrations(message.event, known):
                self._tell_filtered(message, name, FilterCode.UNKNOWN_INTEGRATION)
        for destination in destinations:
            code = find_filter(destination, message.event)
            if code is None:
                self._fake.spawn(self._deliver(destination, message), name=f"deliver to {destination.name}")
            else:
                self._tell_filtered(message, destination.name, code)

    async def _deliver(self, destination: Destination, message: Message) -> None:
        failures: list[Failure] = []
        policy = make_policy(self._settings, self._fake.surroundings.random, note=failures.append)
        outcome = await self._sender.send(make_request(destination, message.event), policy)
        about = {
            **_identify(message),
            "destination": destination.name,
            "status": outcome.status,
            "attempts": outcome.attempts,
        }
        subject = subject_of(message.event)
        if outcome.is_delivered:
            self._state.count(message.source, Stage.SUCCESSFUL_DELIVERY, destination=destination.name)
            self._fake.tell("message_delivered", subject, **about)
            return
        code = delivery_code(failures[-1])
        self._state.count(message.source, Stage.FAILED_DELIVERY, code, destination=destination.name)
        self._fake.tell("delivery_failed", subject, **about, code=code)

    def _tell_accepted(self, message: Message) -> None:
        event = message.event
        details = _identify(message)
        details["timestamp"] = event["timestamp"]
        for name, key in _TOLD:
            if key in event:
                details[name] = event[key]
        self._fake.tell("message_accepted", subject_of(event), at=message.at, **details)

    def _tell_filtered(self, message: Message, destination: str, code: FilterCode) -> None:
        self._state.count(message.source, Stage.FILTERED_AT_DESTINATION, code, destination=destination)
        about = {**_identify(message), "destination": destination, "code": code}
        self._fake.tell("message_filtered", subject_of(message.event), **about)

    def _tell_duplicate(self, arrival: Arrival, duplicate: Duplicate) -> None:
        fields = arrival.fields
        self._fake.tell(
            "message_duplicate",
            subject_of(fields),
            source=duplicate.source,
            type=fields["type"],
            event=fields.get("event"),
            message_id=duplicate.message_id,
        )

    def _tell_discarded(self, arrival: Arrival, defect: Defect, *, batch_code: str = "") -> None:
        fields = arrival.fields if isinstance(arrival.fields, dict) else {}
        about: dict[str, Any] = {
            "source": self._source_name(arrival),
            "type": fields.get("type"),
            "event": fields.get("event"),
            "message_id": fields.get("messageId"),
            "code": defect.code,
            "message": defect.message,
        }
        if batch_code:
            about["batch_code"] = batch_code
        self._fake.tell("message_discarded", subject_of(fields), **about)


def _identify(message: Message) -> dict[str, Any]:
    event = message.event
    return {
        "source": message.source,
        "type": event["type"],
        "event": event.get("event"),
        "message_id": event["messageId"],
        "user_id": event.get("userId"),
        "anonymous_id": event.get("anonymousId"),
    }
