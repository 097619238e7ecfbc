"""CleverTap's webhook campaigns ask for one Mailmodo e-mail per person.

The body is the marketer's Custom Body, rendered for one person, or the vendor's default body with one or several
profiles. Keys compare without case, because the vendor's own samples disagree. Nothing is signed: a secret is the
proof, in the URL or as the password of the Basic credentials that a webhook template may have. The campaign stands in
the URL.
Source: vendor notes CleverTap 12 and 13; CleverTap's Mailmodo page.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from bridge.engagement import Engagement, Kind, Message, Recipient, SourceName, engagement_id
from bridge.errors import Unauthentic, Unreadable
from bridge.sources.base import (
    Reading,
    canonical,
    check_secret,
    digest,
    is_one_of,
    leftovers,
    live,
    parse_json,
    read_basic,
    text_of,
)

if TYPE_CHECKING:
    from bridge.settings import Settings
    from bridge.sources.base import Incoming

__all__ = ["CleverTapSource"]

_HELD: Final = ("email", "clevertap_id", "objectid", "identity", "data", "trigger_id")


class CleverTapSource:
    """Reads the requests of webhook campaigns."""

    name = SourceName.CLEVERTAP
    dedup_window = timedelta(minutes=10)

    def __init__(self, settings: Settings) -> None:
        self._secrets = live(settings.clevertap_webhook_secret, settings.clevertap_webhook_secret_old)
        self.is_on = bool(settings.clevertap_webhook_secret)

    def authenticate(self, incoming: Incoming) -> None:
        """Compare the secret in the URL; where it has none, the password of the Basic credentials."""
        if incoming.secret:
            check_secret(incoming.secret, self._secrets)
            return
        _user, _, password = read_basic(incoming.headers).partition(b":")
        if not is_one_of(password, self._secrets):
            raise Unauthentic("the password of the Basic credentials is wrong")

    def read(self, incoming: Incoming) -> tuple[Reading, ...]:
        """Read a trigger, or one for each profile of a default body, or the vendor's test call."""
        data = parse_json(incoming.body)
        if not isinstance(data, dict):
            raise Unreadable("wanted a trigger as a JSON object")
        body = {str(key).lower(): value for key, value in data.items()}
        if _is_true(body.get("is_test")):
            return (self._test_call(incoming),)
        if "profiles" not in body:
            return (self._piece(body, incoming, incoming.body),)
        profiles = body["profiles"]
        pieces = profiles if isinstance(profiles, list) else [profiles]
        if not pieces:
            raise Unreadable("wanted at least one profile")
        return tuple(
            self._piece(_from_profile(body, profile), incoming, canonical({**body, "profiles": profile}))
            for profile in pieces
        )

    def _piece(self, body: dict[str, Any], incoming: Incoming, raw: bytes) -> Reading:
        key = dedup_key(body, incoming.where)
        engagement = read_trigger(body, incoming, engagement_id(self.name, key))
        return Reading(dedup_key=key, raw=raw, engagement=engagement)

    def _test_call(self, incoming: Incoming) -> Reading:
        """Take the call that CleverTap makes when a webhook is saved; it demands 200 and means nothing."""
        key = f"test:{incoming.where}:{incoming.received_at.isoformat()}"
        engagement = Engagement(
            id=engagement_id(self.name, key),
            source=self.name,
            kind=Kind.OTHER,
            occurred_at=incoming.received_at,
            received_at=incoming.received_at,
            recipient=Recipient(),
            where=incoming.where,
            extras={"is_test": True},
        )
        return Reading(dedup_key=key, raw=incoming.body, engagement=engagement)


def dedup_key(body: dict[str, Any], campaign: str) -> str:
    """Give the trigger's own id where the set-up sends one, else who gets what.

    The vendor repeats a request that it thinks failed, with nothing in it that tells the repeat apart.
    """
    person = text_of(body.get("clevertap_id")) or text_of(body.get("email")) or ""
    if trigger_id := text_of(body.get("trigger_id")):
        return f"{campaign}|{person}|{trigger_id}"
    return f"{campaign}|{person}|{digest(canonical(body))}"


def read_trigger(body: dict[str, Any], incoming: Incoming, id_: str) -> Engagement:
    """Turn one trigger, its keys in lower case, into an engagement.

    `clevertap_id` is read at the top, then in `data`. Source: vendor notes Mailmodo, choice 15.
    """
    data = body.get("data")
    data = data if isinstance(data, dict) else {}
    inner = {str(key).lower(): value for key, value in data.items()}
    clevertap_id = text_of(body.get("clevertap_id")) or text_of(inner.get("clevertap_id")) or ""
    return Engagement(
        id=id_,
        source=SourceName.CLEVERTAP,
        kind=Kind.CAMPAIGN_TRIGGERED,
        occurred_at=incoming.received_at,
        received_at=incoming.received_at,
        recipient=Recipient(
            email=(text_of(body.get("email")) or "").strip(), clevertap_id=clevertap_id.strip()
        ),
        message=Message(campaign_id=incoming.where, trigger_source="CleverTap"),
        where=incoming.where,
        extras={
            "data": {key: value for key, value in data.items() if str(key).lower() != "clevertap_id"},
            **leftovers(body, _HELD),
        },
    )


def _from_profile(body: dict[str, Any], profile: Any) -> dict[str, Any]:
    """Read one profile of a default body as the trigger that it means: its ticked variables are the data."""
    fields = {str(key).lower(): value for key, value in profile.items()} if isinstance(profile, dict) else {}
    data: dict[str, Any] = {}
    for source in (fields.get("profiledata"), body.get("key_values"), fields.get("key_values")):
        if isinstance(source, dict):
            data |= source
    return {
        "email": fields.get("email"),
        "clevertap_id": fields.get("objectid") or fields.get("identity"),
        "data": data,
        "trigger_id": body.get("trigger_id"),
    }


def _is_true(value: object) -> bool:
    return value is True or (isinstance(value, str) and value.lower() == "true")
