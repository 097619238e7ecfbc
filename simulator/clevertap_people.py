"""People as the customer's application uploads them to CleverTap: their profile, and the devices they can be reached on."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fakes.clevertap import FakeCleverTap
    from simulator.people import Person

__all__ = ["clevertap_headers", "profile_records"]


def clevertap_headers(fake: FakeCleverTap) -> dict[str, str]:
    """Give the headers that let a caller into the account."""
    return {
        "X-CleverTap-Account-Id": fake.settings.account_id,
        "X-CleverTap-Passcode": fake.settings.passcode,
    }


def profile_records(person: Person) -> list[dict[str, Any]]:
    """Write the records of one person: the profile, and for each device its CleverTap ID and its token."""
    identity = person.user_id or person.email
    data = {"Name": person.name, "Email": person.email, "Phone": person.phone, **person.properties}
    records: list[dict[str, Any]] = [{"type": "profile", "identity": identity, "profileData": data}]
    if person.has_push:
        device = "__" + _digest("phone", person)
        records += _device(identity, device, {"id": f"fcm-{_digest('token', person)}", "type": "fcm"})
    if person.has_web_push:
        keys = {"p256dh": _digest("p256dh", person), "auth": _digest("auth", person)}
        token: dict[str, Any] = {"id": f"web-{_digest('subscription', person)}", "type": "chrome"}
        records += _device(identity, _digest("browser", person), token | {"keys": keys})
    return records


def _device(identity: str, object_id: str, token: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"type": "profile", "identity": identity, "objectId": object_id, "profileData": {}},
        {"type": "token", "objectId": object_id, "tokenData": token},
    ]


def _digest(what: str, person: Person) -> str:
    """Make an id that depends on nothing but whose it is."""
    return hashlib.sha256(f"{what} of {person.email}".encode()).hexdigest()[:32]
