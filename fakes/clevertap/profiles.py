"""A profile: who it is, what is known of it, and the log of its events."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = [
    "PREDEFINED_KEYS",
    "Device",
    "Profile",
    "StoredEvent",
    "folded",
    "identity_key",
    "is_email",
    "platform_of",
]

PREDEFINED_KEYS: Final = ("Name", "Email", "Phone")
"""Properties that exports show at the top of a record instead of in `profileData`."""

_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")


@dataclass(slots=True)
class Device:
    """One device of a profile.

    Attributes:
        object_id: The CleverTap ID.
        platform: `Android`, `iOS`, `Windows` or `Web`, as the shape of the id tells.
        push_token: Where a push goes; empty without one.
        last_seen_at: When it was last named in an upload.
    """

    object_id: str
    platform: str
    last_seen_at: datetime
    push_token: str = ""


class StoredEvent(NamedTuple):
    """One event in a profile's log.

    Attributes:
        name: As the account spells it: the spelling that came first.
        ts: The event's own time, UNIX seconds.
        properties: As stored, after cleaning.
        source: `$source` of the upload, `system` for CleverTap's own events, empty when not said.
        arrived_at: When CleverTap learnt of it.
        number: Counts all events of the account from 1, in the order of arrival.
    """

    name: str
    ts: int
    properties: Mapping[str, Any]
    source: str
    arrived_at: datetime
    number: int

    @property
    def at(self) -> datetime:
        """The event's own time as an instant."""
        return datetime.fromtimestamp(self.ts, UTC)


@dataclass(slots=True, eq=False)
class Profile:
    """One person, as CleverTap knows them.

    Attributes:
        number: Counts profiles from 1, in the order of creation.
        identities: The customer's ids, e-mails and phones used as identity, the most recent last.
        fbids: Facebook ids.
        gpids: Google Plus ids.
        devices: The first is the oldest.
        properties: Predefined and custom properties, under the keys they were uploaded with.
        events: The log, in the order of arrival.
        merged_into: The profile that took this one over; None while it lives.
        absorbed: Numbers of the profiles that this one took over.
        is_deleted: Whether it was deleted; nothing is sent to it, nothing is stored on it any more.
    """

    number: int
    identities: list[str] = field(default_factory=list)
    fbids: list[str] = field(default_factory=list)
    gpids: list[str] = field(default_factory=list)
    devices: list[Device] = field(default_factory=list)
    properties: dict[str, Any] = field(default_factory=dict)
    events: list[StoredEvent] = field(default_factory=list)
    merged_into: Profile | None = None
    absorbed: tuple[int, ...] = ()
    is_deleted: bool = False

    @property
    def current(self) -> Profile:
        """The profile that stands for this one now, after every merge."""
        profile = self
        while profile.merged_into is not None:
            profile = profile.merged_into
        return profile

    @property
    def object_id(self) -> str:
        """The CleverTap ID of the device seen last."""
        return self.device.object_id

    @property
    def device(self) -> Device:
        """The device seen last."""
        devices = self.devices
        return devices[0] if len(devices) == 1 else max(devices, key=lambda device: device.last_seen_at)

    @property
    def identity(self) -> str:
        """The most recent identity; empty for an anonymous profile."""
        return self.identities[-1] if self.identities else ""

    @property
    def email(self) -> str:
        """`Email`, or else the most recent identity that is an address; lower case, empty when there is none."""
        email = self.properties.get("Email")
        if isinstance(email, str):
            return email.lower()
        for identity in reversed(self.identities):
            if is_email(identity):
                return identity.lower()
        return ""

    @property
    def subject(self) -> str:
        """Whom facts are about: the e-mail address, else the identity, else the CleverTap ID."""
        email = self.email
        if email:
            return email
        return self.identities[-1] if self.identities else self.object_id

    @property
    def phone(self) -> str:
        """The phone number with `+`, or empty."""
        return str(self.properties.get("Phone", ""))

    @property
    def push_token(self) -> str:
        """The token of the app seen last among those that have one; empty without any."""
        return self._token(is_web=False)

    @property
    def web_push_token(self) -> str:
        """The token of the browser seen last among those that have one; empty without any."""
        return self._token(is_web=True)

    def reachable(self, *, is_web: bool, platforms: Collection[str] = ()) -> list[Device]:
        """Give the browsers, or the other devices, that have a token, the one seen last first.

        Args:
            is_web: Whether browsers are asked for.
            platforms: Only of these, in lower case; empty for any.
        """
        with_token = [
            device
            for device in self.devices
            if device.push_token
            and (device.platform == "Web") is is_web
            and (not platforms or device.platform.lower() in platforms)
        ]
        return sorted(with_token, key=lambda device: device.last_seen_at, reverse=True)

    def _token(self, *, is_web: bool) -> str:
        return next((device.push_token for device in self.reachable(is_web=is_web)), "")

    def is_subscribed(self, channel: str) -> bool:
        """Say whether a channel (`sms`, `push`, …) may be used; only `MSG-<channel>: false` forbids it."""
        return self.properties.get(f"MSG-{channel}") is not False

    def events_named(self, name: str) -> list[StoredEvent]:
        """Give the events of a name, compared as CleverTap does, in the order of arrival."""
        wanted = folded(name)
        return [event for event in self.events if folded(event.name) == wanted]

    def event_summary(self) -> dict[str, dict[str, int]]:
        """Sum the log up by event name: `count`, `first_seen` and `last_seen` in UNIX seconds."""
        summary: dict[str, dict[str, int]] = {}
        for event in self.events:
            known = summary.get(event.name)
            if known is None:
                summary[event.name] = {"count": 1, "first_seen": event.ts, "last_seen": event.ts}
            else:
                known["count"] += 1
                known["first_seen"] = min(known["first_seen"], event.ts)
                known["last_seen"] = max(known["last_seen"], event.ts)
        return summary


@lru_cache(maxsize=4096)
def folded(name: str) -> str:
    """Write an event name as names are compared: without case and without spaces.

    Source: CleverTap user docs, `platform-considerations`.
    """
    return name.lower().replace(" ", "")


def is_email(text: str) -> bool:
    """Say whether a text is an e-mail address, as far as CleverTap looks."""
    return "@" in text and _EMAIL.fullmatch(text) is not None


def identity_key(identity: str) -> str:
    """Write an identity as identities are compared: addresses without case, everything else exactly."""
    return identity.lower() if "@" in identity else identity


def platform_of(object_id: str) -> str:
    """Tell the platform from the shape of a CleverTap ID. Source: CleverTap's samples and web SDK."""
    if object_id.startswith("__"):
        return "Android"
    if object_id.startswith("-"):
        return "iOS"
    return "Windows" if object_id.startswith("~") else "Web"
