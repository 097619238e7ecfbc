"""What expressions of the routing table know: names, functions, filters and tests.

Nothing here reads a secret, a file or the clock; the same engagement always gives the same values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Undefined, pass_context, pass_environment

from bridge.destinations import clevertap, mailmodo, segment
from bridge.destinations.values import cut, flatten, snake_case
from bridge.engagement import (
    Client,
    Failure,
    Form,
    Link,
    Message,
    Recipient,
    is_address,
    iso,
)
from bridge.settings import table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from jinja2 import Environment
    from jinja2.runtime import Context

    from bridge.engagement import Engagement
    from bridge.settings import Settings
    from bridge.store import Identities

__all__ = ["FILTERS", "FUNCTIONS", "NAMES", "PARTS", "TESTS", "Word", "names_of", "public_settings"]


@dataclass(frozen=True, slots=True)
class Word:
    """One word that expressions know, as the reference page tells of it.

    Attributes:
        help: What it is or gives.
        value: A function, filter or test; None for a name, whose value depends on the engagement.
    """

    help: str
    value: Callable[..., Any] | None = None


PARTS: Final[Mapping[str, type]] = {
    "recipient": Recipient,
    "message": Message,
    "link": Link,
    "form": Form,
    "failure": Failure,
    "client": Client,
}
"""Names that stand for a part of the engagement, whose attributes are known."""

NAMES: Final[Mapping[str, Word]] = {
    "id": Word("The engagement's id: the same for every repeat of a webhook."),
    "source": Word("Who reports it."),
    "kind": Word("What happened."),
    "where": Word("Which inlet reports it; for a CleverTap trigger the campaign in the URL."),
    "occurred_at": Word("When it happened."),
    "received_at": Word("When the bridge was told."),
    "recipient": Word("Whom it is about; what the source does not know is an empty text."),
    "message": Word("Which message; what the source does not say is null."),
    "link": Word("Which link was clicked."),
    "form": Word("Which form was submitted, and `answers` by question."),
    "failure": Word("Why, for bounces, blocks and unsubscriptions."),
    "client": Word("With what a mail was opened or a link clicked."),
    "extras": Word("The vendor's own fields that stand nowhere else; ask with `extras.get('name')`."),
    "settings": Word("Those settings that are no secrets."),
    "event": Word("The row's event name; in bodies only."),
    "here": Word("What stands in the object so far; in keys that begin with `...` only."),
}


@pass_context
def _segment_identity(context: Context) -> dict[str, str]:
    return segment.choose_identity(context["_engagement"], context["_identities"])


@pass_context
def _clevertap_profile(context: Context) -> dict[str, str]:
    engagement: Engagement = context["_engagement"]
    id_as = context["settings"]["clevertap_id_as"]
    return {clevertap.choose_profile(engagement, id_as=id_as): engagement.recipient.clevertap_id}


FUNCTIONS: Final[Mapping[str, Word]] = {
    "user_of": Word(
        "`user_of(email)`: as which user Segment last identified an address; null for an unknown one."
    ),
    "address_of": Word(
        "`address_of(user_id)`: with which address a user was last identified; null for an unknown one."
    ),
    "segment_identity": Word(
        "`userId` or `anonymousId` of whom it is about, by the rule of the source; empty for nobody.",
        _segment_identity,
    ),
    "clevertap_profile": Word(
        "`objectId` or `identity` of the profile that a CleverTap trigger named, see `clevertap_id_as`.",
        _clevertap_profile,
    ),
    "is_enabled": Word(
        "`is_enabled(integrations, 'Mailmodo')`: what an `integrations` object of Segment says of a destination.",
        mailmodo.is_enabled,
    ),
}


def _flat(value: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if value is None else flatten(value)


def _clean(value: str | None) -> str:
    return clevertap.clean(value or "")


def _short(value: object) -> object:
    return clevertap.short(value)


def _unix(instant: datetime) -> int:
    return int(instant.timestamp())


def _without(values: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in keys}


def _snake_keys(values: Mapping[str, Any]) -> dict[str, Any]:
    return {snake_case(str(key)): value for key, value in values.items()}


def _present(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


@pass_environment
def _only_if(environment: Environment, value: object, *tests: str) -> object:
    if value is None or isinstance(value, Undefined):
        return None
    known: Any = environment.tests  # which its library leaves without a type
    return value if any(known[test](value) for test in tests) else None


FILTERS: Final[Mapping[str, Word]] = {
    "answers_beside": Word(
        "`form.answers | answers_beside(here)`: answers as CleverTap takes them, hiding nothing that is there.",
        clevertap.answers_beside,
    ),
    "clean": Word("A text without the characters that CleverTap takes in no name; null is empty.", _clean),
    "cut": Word("`… | cut(120)`: a text cut to so many bytes, never through a character.", cut),
    "flat": Word("Nested values as flat scalars, keys joined by `_`; null stays null.", _flat),
    "iso": Word("An instant as `2026-03-02T03:30:00.000Z`.", iso),
    "mailmodo_properties": Word("Segment's traits as Mailmodo's properties.", mailmodo.contact_data),
    "only_if": Word(
        "`… | only_if('string', 'integer')`: the value if one of the tests holds, else null.", _only_if
    ),
    "present": Word("An object without its nulls.", _present),
    "short": Word("A text cut to the 512 bytes that CleverTap takes; anything else as it is.", _short),
    "snake_case": Word("A name in snake_case.", snake_case),
    "snake_keys": Word("An object with its keys in snake_case.", _snake_keys),
    "unix": Word("An instant in UNIX seconds.", _unix),
    "without": Word("`… | without('a', 'b')`: an object without these keys.", _without),
}


def _is_zone_name(value: object) -> bool:
    return isinstance(value, str) and "/" in value


TESTS: Final[Mapping[str, Word]] = {
    "address": Word("Whether a text can be an e-mail address.", is_address),
    "zone_name": Word("Whether a value is the name of a time zone, as `Asia/Kolkata`.", _is_zone_name),
}

_BOUND: Final[Mapping[str, Any]] = {
    name: word.value for name, word in FUNCTIONS.items() if word.value is not None
}


def public_settings(settings: Settings) -> dict[str, Any]:
    """Give the settings that are no secrets, for expressions."""
    return {row.name: getattr(settings, row.name) for row in table() if not row.is_secret}


def names_of(engagement: Engagement, identities: Identities, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Give what every name stands for, for one engagement."""
    return {
        **_BOUND,
        "id": engagement.id,
        "source": engagement.source,
        "kind": engagement.kind,
        "where": engagement.where,
        "occurred_at": engagement.occurred_at,
        "received_at": engagement.received_at,
        "recipient": engagement.recipient,
        "message": engagement.message,
        "link": engagement.link,
        "form": engagement.form,
        "failure": engagement.failure,
        "client": engagement.client,
        "extras": engagement.extras,
        "settings": settings,
        "user_of": identities.user_of,
        "address_of": identities.address_of,
        "_engagement": engagement,
        "_identities": identities,
    }
