"""The people's phones and browsers: what arrives there, and what the people do with it.

A notification tells its vendor when it is shown and when it is tapped, as the app's SDK would; the link in an SMS
is followed like any other. All of it goes over HTTP.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Final

from simulator.recipients import Recipients

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fakes.kit import PhoneMessage
    from simulator.journal import Journal
    from simulator.people import Intent, Person

__all__ = ["Phones"]

_LINK: Final = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)]")
_AGENTS: Final[Mapping[str, str]] = {
    "sms": "Mozilla/5.0 (Linux; Android 14; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Mobile Safari/537.36",
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

    def __init__(
        self,
        people: Iterable[Person],
        journal: Journal,
        *,
        everybody_exists: bool = False,
        expects_faults: bool = False,
    ) -> None:
        super().__init__(journal, expects_faults=expects_faults)
        self._people = {key: person for person in people for key in (person.phone, person.email)}
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
            glance = _Glance(self, person, message, cause)
            loop = asyncio.get_running_loop()
            for intent in person.intend_on_phone(message.campaign):
                self._later(loop, intent.after_s, glance.act, intent)
        return True


class _Glance:
    """One person and one message on their phone."""

    def __init__(self, phones: Phones, person: Person, message: PhoneMessage, cause: str) -> None:
        self._phones = phones
        self._person = person
        self._message = message
        self._cause = cause
        self._is_seen = False

    async def act(self, intent: Intent) -> None:
        """Do what the person has in mind; whoever taps has looked first."""
        if not self._is_seen:
            self._is_seen = True
            step = self._step("look at")
            if self._message.view_url:
                await self._fetch(self._message.view_url, step)
        if intent.habit == "tap":
            await self._tap()

    async def _tap(self) -> None:
        url = self._message.tap_url
        if not url:
            found = _LINK.search(self._message.text)
            url = found.group() if found else ""
        if not url:
            self._step("look for a link in vain in")
            return
        await self._fetch(url, self._step("tap"))

    def _step(self, verb: str) -> str:
        details = {"campaign": self._message.campaign, "text": self._message.text}
        return self._phones.step(
            f"{verb} {self._message.channel}", self._person, details=details, cause=self._cause
        )

    async def _fetch(self, url: str, cause: str) -> None:
        agent = _AGENTS[self._message.channel]
        await self._phones.fetch("GET", url, person=self._person, cause=cause, agent=agent)
