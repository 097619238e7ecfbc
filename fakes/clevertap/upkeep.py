"""Handlers that take away: delete and demerge profiles, subscribe, disassociate a phone number."""

from __future__ import annotations

from datetime import timedelta, timezone
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

from fakes.clevertap.errors import Code, RecordFault, malformed_request
from fakes.clevertap.profiles import is_email
from fakes.clevertap.records import is_phone
from fakes.clevertap.timers import Timers
from fakes.clevertap.wire import json_answer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from datetime import datetime

    from aiohttp import web

    from fakes.clevertap.gate import Gate
    from fakes.clevertap.profiles import Profile
    from fakes.clevertap.settings import CleverTapSettings
    from fakes.clevertap.state import CleverTapState
    from fakes.kit import Call, Surroundings

__all__ = ["Upkeep", "UpkeepAccount", "outcome"]

_MOST_PROFILES: Final = 100
_MOST_RECORDS: Final = 1000
_DEMERGE_HOUR: Final = 4
_CHANNELS: Final = {
    "phone": ("sms", "SMS", "Phone"),
    "email": ("email", "Email", "Email"),
    "whatsapp": ("whatsapp", "WhatsApp", "Phone"),
}
"""By `type`: the channel's property, its name in events, and the property by which people are found."""


class UpkeepAccount(Protocol):
    """The account that is kept up."""

    settings: CleverTapSettings
    state: CleverTapState
    surroundings: Surroundings

    def tell(self, kind: str, subject: str, /, *, at: datetime | None = None, **details: object) -> None:
        """Tell a fact."""
        ...

    def raise_event(self, profile: Profile, name: str, properties: Mapping[str, Any]) -> None:
        """Store a system event on a profile, now, and let it trigger what it triggers."""
        ...

    def change_profile(self, profile: Profile, changes: Mapping[str, Any]) -> None:
        """Set properties of a profile."""
        ...


class Upkeep:
    """Takes away what it is told to: subscriptions and numbers at once, profiles later, as CleverTap does."""

    def __init__(self, account: UpkeepAccount, gate: Gate) -> None:
        self._account = account
        self._gate = gate
        self._waits = Timers()

    def stop(self) -> None:
        """Forget what is yet to be done."""
        self._waits.stop()

    def handlers(self) -> Mapping[str, Callable[[Call], Awaitable[web.Response]]]:
        """Bind the contract's operations."""
        return {
            "deleteProfiles": self._delete_profiles,
            "demergeProfiles": self._demerge_profiles,
            "subscribe": self._subscribe,
            "disassociate": self._disassociate,
        }

    async def _delete_profiles(self, call: Call) -> web.Response:
        body = await self._gate.read(call)
        if not body.keys() & {"identity", "guid"}:
            raise malformed_request()
        state = self._account.state
        found: list[Profile | None] = []
        for key, find in (("identity", state.profile_by_identity), ("guid", state.profile_by_object_id)):
            if key in body:
                found += map(find, _texts(body[key]))
        for profile in _each_once(found):
            self._later(self._account.settings.delete_after, self._delete, profile)
        return json_answer({"status": "success"})

    def _delete(self, profile: Profile) -> None:
        subject, object_id = profile.subject, profile.object_id
        self._account.state.delete(profile)
        self._account.tell("profile_deleted", subject, object_id=object_id)

    async def _demerge_profiles(self, call: Call) -> web.Response:
        body = await self._gate.read(call)
        identities = body.get("identities")
        if not isinstance(identities, list):
            raise malformed_request()
        wait = self._until_night()
        for profile in _each_once(map(self._account.state.profile_by_identity, _texts(identities))):
            self._later(wait, self._demerge, profile)
        return json_answer({"status": "success"})

    def _demerge(self, profile: Profile) -> None:
        subject = profile.subject
        apart = self._account.state.demerge(profile)
        self._account.tell("profile_demerged", subject, object_ids=[each.object_id for each in apart])

    def _until_night(self) -> timedelta:
        """Say how long it is until 04:00 in the account's time zone, when demerging begins."""
        zone = timezone(self._account.settings.utc_offset)
        now = self._account.surroundings.now().astimezone(zone)
        start = now.replace(hour=_DEMERGE_HOUR, minute=0, second=0, microsecond=0)
        return (start if start > now else start + timedelta(days=1)) - now

    def _later(self, wait: timedelta, work: Callable[[Profile], None], profile: Profile) -> None:
        self._waits.add(wait, partial(self._do, work, profile))

    def _do(self, work: Callable[[Profile], None], profile: Profile) -> None:
        if not profile.current.is_deleted:
            work(profile.current)

    async def _subscribe(self, call: Call) -> web.Response:
        return self._judge(await self._gate.read(call), self._change_subscription)

    def _change_subscription(self, record: Mapping[str, Any]) -> None:
        kind, value, status = record.get("type"), record.get("value"), record.get("status")
        if not isinstance(kind, str) or kind not in _CHANNELS:
            raise RecordFault(Code.TYPE)
        channel, name, key = _CHANNELS[kind]
        if not isinstance(value, str) or not (is_email(value) if key == "Email" else is_phone(value)):
            raise RecordFault(Code.EMAIL if key == "Email" else Code.PHONE)
        if status not in ("Unsubscribe", "Resubscribe"):
            raise RecordFault(Code.OTHER, "Status needs to be Unsubscribe/Resubscribe")
        is_subscribed = status == "Resubscribe"
        for profile in self._account.state.profiles_by_contact(key, value):
            if profile.is_subscribed(channel) is is_subscribed:
                continue
            self._account.change_profile(profile, {f"MSG-{channel}": is_subscribed})
            self._account.tell(
                "subscription_changed", profile.subject, channel=channel, is_subscribed=is_subscribed
            )
            word = "Subscribed" if is_subscribed else "Unsubscribed"
            self._account.raise_event(profile, f"Channel {word}", {"Channel": name})

    async def _disassociate(self, call: Call) -> web.Response:
        return self._judge(await self._gate.read(call), self._disassociate_phone)

    def _disassociate_phone(self, record: Mapping[str, Any]) -> None:
        if record.get("type") != "phone":
            raise RecordFault(Code.TYPE)
        phone = record.get("value")
        if not isinstance(phone, str) or not is_phone(phone):
            raise RecordFault(Code.PHONE)
        profile = self._account.state.disassociate(phone)
        if profile is None:
            raise RecordFault(Code.OTHER, "Phone number is not an identity")
        self._account.tell("phone_disassociated", profile.subject, phone=phone)

    def _judge(self, body: Mapping[str, Any], take: Callable[[Mapping[str, Any]], None]) -> web.Response:
        """Take records one by one and say what became of them, in the words of an upload."""
        records = body.get("d")
        if not isinstance(records, list) or len(records) > _MOST_RECORDS:
            raise malformed_request()
        unprocessed = []
        for number, record in enumerate(records, start=1):
            try:
                take(record if isinstance(record, dict) else {})
            except RecordFault as fault:
                unprocessed.append(fault.entry(record, number))
        return json_answer(outcome(len(records), unprocessed))


def outcome(count: int, unprocessed: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Say how many of so many records were taken."""
    processed = count - len(unprocessed)
    status = "success" if not unprocessed else "partial" if processed else "fail"
    return {"status": status, "processed": processed, "unprocessed": list(unprocessed)}


def _texts(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    if not values or len(values) > _MOST_PROFILES:
        raise malformed_request()
    if not all(isinstance(each, str | int) and not isinstance(each, bool) for each in values):
        raise malformed_request()
    return [str(each) for each in values]


def _each_once(profiles: Any) -> Sequence[Profile]:
    return list({profile.number: profile for profile in profiles if profile is not None}.values())
