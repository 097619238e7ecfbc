"""The people's phones and browsers: what arrives there, and what the people do with it.

A notification tells its vendor when it is shown and when it is tapped, as the app's SDK would; the link in an SMS
is followed like any other. All of it goes over HTTP.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar, Final

from fakes.kit import PhoneMessage
from simulator.recipients import Recipients

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from simulator.intentions import Message, Visit
    from simulator.journal import Journal
    from simulator.people import Intent, Person

__all__ = ["Phones"]

_LINK: Final = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)]")
_AGENTS: Final[Mapping[str, str]] = {
    "sms": "Mozilla/5.0 (Linux; Android 14; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Mobile Safari/537.36",
    "whatsapp": "Mozilla/5.0 (Linux; Android 14; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Mobile Safari/537.36",
    "push": "Dalvik/2.1.0 (Linux; U; Android 14)",
    "webpush": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36",
}


class Phones(Recipients):
    """Takes text messages and notifications, and lets each person act on them in their own time.

    Args:
        people: Who there is.
        journal: Where what arrives, and what they do, is recorded.
        everybody_exists: Whether unknown numbers take texts too, as `serve` wants it.
        expects_faults: Whether connections may break: then a person sees nothing, and goes on.
    """

    kind: ClassVar[type[Message]] = PhoneMessage

    def __init__(
        self,
        people: Iterable[Person],
        journal: Journal,
        *,
        everybody_exists: bool = False,
        expects_faults: bool = False,
    ) -> None:
        by_address = {key: person for person in people for key in (person.phone, person.email)}
        super().__init__(by_address, journal, expects_faults=expects_faults)
        self._everybody_exists = everybody_exists

    async def deliver(self, message: PhoneMessage) -> bool:
        """Put a message on its recipient's phone; False when nobody has that number."""
        person = self._people.get(message.recipient) or self._people.get(message.email)
        if person is None and not self._everybody_exists:
            return False
        address = person.email if person else message.email or message.recipient
        details = {
            "campaign": message.campaign,
            "text": message.text,
            "channel": message.channel,
            "id": message.id,
            **({"title": message.title} if message.title else {}),
        }
        cause = self._journal.step(
            f"receive {message.channel}", address, details=details, cause=message.cause
        )
        if person is not None and not self._is_closed:
            glance = self.visit(person, message, cause)
            for intent in person.intend_on_phone(message.campaign):
                self._later(glance, intent)
        return True

    def visit(self, person: Person, message: Any, cause: str) -> Visit:
        """Put a message before a person."""
        return _Glance(self, person, message, cause)


class _Glance:
    """One person and one message on their phone."""

    def __init__(self, phones: Phones, person: Person, message: PhoneMessage, cause: str) -> None:
        self._phones = phones
        self.person = person
        self.message = message
        self.cause = cause
        self.is_seen = False

    async def act(self, intent: Intent) -> None:
        """Do what the person has in mind; whoever taps has looked first."""
        if not self.is_seen:
            self.is_seen = True
            step = self._step("look at")
            if self.message.view_url:
                await self._fetch(self.message.view_url, step)
        if intent.habit == "tap":
            await self._tap()

    async def _tap(self) -> None:
        url = self.message.tap_url
        if not url:
            found = _LINK.search(self.message.text)
            url = found.group() if found else ""
        if not url:
            self._step("look for a link in vain in")
            return
        await self._fetch(url, self._step("tap"))

    def _step(self, verb: str) -> str:
        details = {"campaign": self.message.campaign, "text": self.message.text}
        return self._phones.step(
            f"{verb} {self.message.channel}", self.person, details=details, cause=self.cause
        )

    async def _fetch(self, url: str, cause: str) -> None:
        agent = _AGENTS[self.message.channel]
        await self._phones.fetch("GET", url, person=self.person, cause=cause, agent=agent)
