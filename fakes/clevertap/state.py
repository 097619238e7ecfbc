"""One account's memory: profiles, indexed by every identifier, and events, in each profile's log and by name."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fakes.clevertap.errors import Code, RecordFault
from fakes.clevertap.profiles import Device, Profile, StoredEvent, folded, identity_key, platform_of
from fakes.clevertap.properties import MAX_VALUE, apply, is_predefined, is_taken_away, is_too_long
from fakes.clevertap.records import (
    Address,
    AddressKind,
    EventRecord,
    ProfileRecord,
    TokenRecord,
    check_record,
)
from fakes.kit import draw_uuid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from random import Random

    from fakes.clevertap.settings import CleverTapSettings

__all__ = ["CleverTapState", "Stored"]

_new: Final = tuple.__new__  # makes a named tuple in half the time that it takes to read its arguments
_MAX_DEVICES: Final = 50
_SYSTEM: Final = "system"


class Stored(NamedTuple):
    """What a record led to.

    Attributes:
        profile: The profile it fell on.
        is_new: Whether that profile was made for it.
        event: The event stored; None for other records.
        is_bad_merge: Whether two profiles with identities of their own became one.
    """

    profile: Profile
    is_new: bool
    event: StoredEvent | None = None
    is_bad_merge: bool = False


class CleverTapState:
    """Everything that one CleverTap account remembers.

    Attributes:
        error_stream: What was cut or dropped without refusing a record; the last thousand lines.
    """

    def __init__(self, settings: CleverTapSettings, *, now: Callable[[], datetime], random: Random) -> None:
        self.error_stream: deque[str] = deque(maxlen=1000)
        self._settings = settings
        self._now = now
        self._random = random
        self._profiles: dict[int, Profile] = {}
        self._by_object_id: dict[str, Profile] = {}
        self._by_identity: dict[str, Profile] = {}
        self._by_email: dict[str, list[Profile]] = {}
        self._by_phone: dict[str, list[Profile]] = {}
        self._by_fbid: dict[str, Profile] = {}
        self._by_gpid: dict[str, Profile] = {}
        self._event_names: dict[str, str] = {}
        self._events_by_name: dict[str, list[tuple[Profile, StoredEvent]]] = {}
        self._discarded: dict[str, str] = {}
        self._created = 0
        self._stored = 0

    @property
    def profiles(self) -> Sequence[Profile]:
        """Every living profile, the oldest first."""
        return tuple(self._profiles.values())

    @property
    def event_names(self) -> Sequence[str]:
        """Every event name the account knows, in the order in which they came up."""
        return tuple(self._event_names.values())

    def profile_by_email(self, email: str) -> Profile | None:
        """Find by the property `Email`, or else by an identity that is this address."""
        key = email.lower()
        owners = self._by_email.get(key)
        return owners[0] if owners else self._by_identity.get(key)

    def profile_by_identity(self, identity: str) -> Profile | None:
        """Find among all identities, or else by the property `Email`."""
        key = identity_key(identity)
        known = self._by_identity.get(key)
        if known is None and (owners := self._by_email.get(key)):
            return owners[0]
        return known

    def profiles_by_contact(self, key: str, value: str) -> Sequence[Profile]:
        """Find everybody who is reached at an address or number, as a property or as an identity.

        Args:
            key: `Email` or `Phone`.
            value: The address or the number.
        """
        index = self._by_email if key == "Email" else self._by_phone
        known = self._by_identity.get(identity_key(value))
        found = [*index.get(value.lower(), ()), *([] if known is None else [known])]
        return list({profile.number: profile for profile in found}.values())

    def profile_by_fbid(self, fbid: str) -> Profile | None:
        """Find by Facebook id."""
        return self._by_fbid.get(fbid)

    def profile_by_gpid(self, gpid: str) -> Profile | None:
        """Find by Google Plus id."""
        return self._by_gpid.get(gpid)

    def profile_by_object_id(self, object_id: str) -> Profile | None:
        """Find by a device's CleverTap ID, which is kept in lower case."""
        return self._by_object_id.get(object_id.lower())

    def events_named(self, name: str) -> Sequence[tuple[Profile, StoredEvent]]:
        """Give the events of a name over all profiles, in the order of arrival, with who did them."""
        return [(profile.current, event) for profile, event in self._events_by_name.get(folded(name), ())]

    def knows_event(self, name: str) -> bool:
        """Say whether an event of that name was ever stored."""
        return folded(name) in self._events_by_name

    def discard_event(self, name: str) -> None:
        """Discard an event name, as in the dashboard: uploads of it are refused from now on."""
        self._discarded.setdefault(folded(name), name)

    @property
    def discarded_events(self) -> Sequence[str]:
        """Every discarded event name, as it was spelled first."""
        return tuple(self._discarded.values())

    def check(
        self, record: Any, *, rehearsed: set[str] | None = None
    ) -> EventRecord | ProfileRecord | TokenRecord:
        """Check one record of an upload without storing it.

        Args:
            record: Any JSON value.
            rehearsed: Event names that the records before it in a dry run would have brought up.

        Raises:
            RecordFault: It is skipped.
        """
        checked = check_record(record, now=self._now, settings=self._settings, discarded=self._discarded)
        if (rehearsed is not None or len(self._event_names) >= self._settings.max_event_types) and isinstance(
            checked, EventRecord
        ):
            self._check_event_type(folded(checked.name), set() if rehearsed is None else rehearsed)
        return checked

    def _check_event_type(self, name: str, rehearsed: set[str]) -> None:
        if name in self._event_names or name in rehearsed:
            return
        if len(self._event_names) + len(rehearsed) >= self._settings.max_event_types:
            raise RecordFault(Code.OTHER, "Event Name is incorrect. Limit of event types reached")
        rehearsed.add(name)

    def store(self, record: EventRecord | ProfileRecord | TokenRecord) -> Stored:
        """Store a checked record; an unknown identifier makes a new profile."""
        profile, is_new = self._find_or_create(record.address)
        if isinstance(record, EventRecord):
            for key in record.cut:
                self.error_stream.append(f"event {record.name}: {key} not stored as it was sent")
            return _new(Stored, (profile, is_new, self._append(profile, record), False))
        if isinstance(record, TokenRecord):
            object_id = record.address.get("objectId")
            next(
                device for device in profile.devices if device.object_id == object_id
            ).push_token = record.token
            return Stored(profile, is_new)
        for key in record.cut:
            self.error_stream.append(f"profile {profile.object_id}: {key} not stored as it was sent")
        is_bad_merge = False
        if record.identity:
            profile, is_bad_merge = self._bind(profile, record.identity)
        self._change(profile, record.changes)
        return Stored(profile, is_new, is_bad_merge=is_bad_merge)

    def store_system_event(self, profile: Profile, name: str, properties: Mapping[str, Any]) -> StoredEvent:
        """Store one of CleverTap's own events on a profile, now."""
        address = Address((("objectId", profile.current.object_id),))
        ts = int(self._now().timestamp())
        return self._append(profile.current, EventRecord(address, ts, name, dict(properties), _SYSTEM))

    def set_properties(self, profile: Profile, changes: Mapping[str, Any]) -> None:
        """Set properties of a profile from inside the account; operators work as in an upload."""
        self._change(profile.current, changes)

    def _append(self, profile: Profile, record: EventRecord) -> StoredEvent:
        key = folded(record.name)
        name = self._event_names.setdefault(key, record.name)
        self._stored += 1
        fields = (name, record.ts, record.properties, record.source, self._now(), self._stored)
        event = _new(StoredEvent, fields)
        profile.events.append(event)
        self._events_by_name.setdefault(key, []).append((profile, event))
        return event

    def _find_or_create(self, address: Address) -> tuple[Profile, bool]:
        by = address.by
        if len(by) == 1 and by[0][0] == "identity":
            profile = self.profile_by_identity(by[0][1])
            if profile is not None and profile.devices:
                return profile, False  # it was found by all that is known of it
        profile = self._find(address)
        is_new = profile is None
        if profile is None:
            self._created += 1
            profile = self._profiles[self._created] = Profile(self._created)
        object_id = address.get("objectId")
        if (
            object_id
            and not is_new
            and object_id not in self._by_object_id
            and len(profile.devices) >= _MAX_DEVICES
        ):
            # A 51st device is kept apart, without the identity.
            return self._find_or_create(Address((("objectId", object_id),)))
        for kind, value in by:
            self._attach(profile, kind, value)
        if not profile.devices:
            self._attach(profile, "objectId", draw_uuid(self._random).replace("-", ""))
        return profile, is_new

    def _find(self, address: Address) -> Profile | None:
        for kind, value in address.by:
            if kind == "objectId":
                found = self._by_object_id.get(value)
            elif kind == "identity":
                found = self.profile_by_identity(value)
            else:
                found = (self._by_fbid if kind == "FBID" else self._by_gpid).get(value)
            if found is not None:
                return found
        return None

    def _attach(self, profile: Profile, kind: AddressKind, value: str) -> None:
        """Put an identifier on a profile unless somebody has it; a device is also seen now."""
        if kind == "objectId":
            owner = self._by_object_id.setdefault(value, profile)
            if owner is not profile:
                return
            known = next((device for device in profile.devices if device.object_id == value), None)
            if known is not None:
                known.last_seen_at = self._now()
            else:
                profile.devices.append(Device(value, platform_of(value), self._now()))
        elif kind == "identity":
            # An identity that is the profile's own address finds it, but is no new identity.
            if self.profile_by_identity(value) is None:
                self._by_identity[identity_key(value)] = profile
                profile.identities.append(value)
        else:
            index, own = (self._by_fbid, profile.fbids) if kind == "FBID" else (self._by_gpid, profile.gpids)
            if index.setdefault(value, profile) is profile and value not in own:
                own.append(value)

    def _bind(self, profile: Profile, identity: str) -> tuple[Profile, bool]:
        """Add an identity to a profile; where another has it, the two become one."""
        owner = self.profile_by_identity(identity)
        if owner is None:
            self._by_identity[identity_key(identity)] = profile
            profile.identities.append(identity)
            return profile, False
        if owner is profile:
            if self._by_identity.get(identity_key(identity)) is None:
                self._by_identity[identity_key(identity)] = profile
                profile.identities.append(identity)
            return profile, False
        if len(owner.devices) + len(profile.devices) > _MAX_DEVICES:
            return profile, False  # like a 51st device: apart, without the identity
        is_bad_merge = bool(owner.identities and profile.identities)
        return self._merge(owner, profile), is_bad_merge

    def _merge(self, one: Profile, other: Profile) -> Profile:
        """Make one profile of two: the older takes the younger over; the younger's properties win."""
        kept, gone = (one, other) if one.number < other.number else (other, one)
        for device in gone.devices:
            self._by_object_id[device.object_id] = kept
        for identity in gone.identities:
            self._by_identity[identity_key(identity)] = kept
        for fbid in gone.fbids:
            self._by_fbid[fbid] = kept
        for gpid in gone.gpids:
            self._by_gpid[gpid] = kept
        kept.devices += gone.devices
        kept.identities += gone.identities
        kept.fbids += gone.fbids
        kept.gpids += gone.gpids
        kept.events = sorted(kept.events + gone.events, key=lambda event: event.number)
        for key in ("Email", "Phone"):
            self._forget_contact(gone, key, gone.properties.get(key))
        self._change(kept, gone.properties)
        gone.merged_into = kept
        kept.absorbed = (*kept.absorbed, gone.number, *gone.absorbed)
        del self._profiles[gone.number]
        return kept

    def _change(self, profile: Profile, changes: Mapping[str, Any]) -> None:
        before = {key: profile.properties.get(key) for key in ("Email", "Phone")}
        room = self._settings.max_profile_properties
        room -= sum(not is_predefined(key) for key in profile.properties)
        allowed = {}
        for key, value in changes.items():
            if not (key in profile.properties or is_predefined(key) or is_taken_away(value)):
                if room <= 0:
                    self.error_stream.append(f"profile {profile.object_id}: no room for property {key}")
                    continue
                room -= 1
            if is_too_long(value):
                self.error_stream.append(
                    f"profile {profile.object_id}: value of {key} cut to {MAX_VALUE} characters"
                )
            allowed[key] = value
        apply(profile.properties, allowed)
        for key, known in before.items():
            after = profile.properties.get(key)
            if after != known:
                self._forget_contact(profile, key, known)
                if isinstance(after, str):
                    self._contacts(key).setdefault(after.lower(), []).append(profile)

    def _contacts(self, key: str) -> dict[str, list[Profile]]:
        return self._by_email if key == "Email" else self._by_phone

    def _forget_contact(self, profile: Profile, key: str, value: object) -> None:
        if not isinstance(value, str) or profile not in (
            owners := self._contacts(key).get(value.lower(), [])
        ):
            return
        owners.remove(profile)
        if not owners:
            del self._contacts(key)[value.lower()]

    # Taking away

    def delete(self, profile: Profile) -> None:
        """Delete a profile with its events; whoever comes back under one of its identifiers is new."""
        self._forget_identifiers(profile)
        for device in profile.devices:
            self._by_object_id.pop(device.object_id, None)
        for key in {folded(event.name) for event in profile.events}:
            pairs = self._events_by_name[key]
            self._events_by_name[key] = [pair for pair in pairs if pair[0].current is not profile]
        del self._profiles[profile.number]
        profile.is_deleted = True

    def demerge(self, profile: Profile) -> Sequence[Profile]:
        """Give each device of a profile one of its own, without any identity; give those profiles.

        The first device keeps log and properties, less those that identify; which device an event came from is
        not known, and the vendor says that event data may be lost.
        """
        self._forget_identifiers(profile)
        for identities in (profile.identities, profile.fbids, profile.gpids):
            identities.clear()
        for key in ("Email", "Phone"):
            profile.properties.pop(key, None)
        first, *others = profile.devices
        profile.devices = [first]
        apart = [profile]
        for device in others:
            self._created += 1
            fresh = self._profiles[self._created] = Profile(self._created, devices=[device])
            self._by_object_id[device.object_id] = fresh
            apart.append(fresh)
        return apart

    def disassociate(self, phone: str) -> Profile | None:
        """Take a phone number that is an identity off its profile; None when it is nobody's identity."""
        profile = self._by_identity.get(identity_key(phone))
        if profile is None or phone not in profile.identities:
            return None
        del self._by_identity[identity_key(phone)]
        profile.identities.remove(phone)
        if profile.properties.get("Phone") == phone:
            self._change(profile, {"Phone": {"$delete": True}})
        return profile

    def _forget_identifiers(self, profile: Profile) -> None:
        for identity in profile.identities:
            self._by_identity.pop(identity_key(identity), None)
        for fbid in profile.fbids:
            self._by_fbid.pop(fbid, None)
        for gpid in profile.gpids:
            self._by_gpid.pop(gpid, None)
        for key in ("Email", "Phone"):
            self._forget_contact(profile, key, profile.properties.get(key))
