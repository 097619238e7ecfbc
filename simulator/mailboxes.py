"""The people's mailboxes, and what the people do with what arrives there.

A fake delivers here as to a real mail server. People act over HTTP, as their mail client would: they load
images, follow links, post forms, and press "spam".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import urlencode, urljoin

from fakes.kit import COMPLAINT_HEADER, MailMessage, MailReply
from simulator.mail_client import answer, read_html, read_mail
from simulator.people import Intent
from simulator.recipients import Recipients

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from simulator.intentions import Message, Visit
    from simulator.journal import Journal
    from simulator.mail_client import ReadMail
    from simulator.people import Person

__all__ = ["Mailboxes"]

_NO_SUCH_USER: Final = MailReply(550, "5.1.1 no such user")
_MAILBOX_FULL: Final = MailReply(452, "4.2.2 mailbox full")
_APPLE_PROXY_AGENT: Final = "Mozilla/5.0"
_PREFETCH: Final = Intent("load images by privacy proxy", 20.0, "", {})
"""Apple's privacy proxy loads all images soon after arrival, whether or not anybody looks."""
_AGENTS: Final[Mapping[str, str]] = {
    "amp": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36",
    "html": "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Thunderbird/128.0",
    "apple": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)",
}


class Mailboxes(Recipients):
    """Takes mail for everybody, and lets each person act on it in their own time.

    Args:
        people: Who there is.
        journal: Where what they do is recorded.
        everybody_exists: Whether unknown addresses take mail too, as `serve` wants it.
        expects_faults: Whether connections may break: then a person sees nothing, and goes on.
    """

    kind: ClassVar[type[Message]] = MailMessage

    def __init__(
        self,
        people: Iterable[Person],
        journal: Journal,
        *,
        everybody_exists: bool = False,
        expects_faults: bool = False,
    ) -> None:
        by_address = {person.email: person for person in people}
        super().__init__(by_address, journal, expects_faults=expects_faults)
        self._everybody_exists = everybody_exists

    async def deliver(self, message: MailMessage) -> MailReply:
        """Take a mail, or refuse it as the recipient's server would."""
        person = self._people.get(message.recipient.lower())
        if person is None:
            if not self._everybody_exists:
                return _NO_SUCH_USER
            self._remember(message, message.recipient)
            return MailReply()
        if person.mailbox != "ok":
            return _NO_SUCH_USER if person.mailbox == "hard" else _MAILBOX_FULL
        cause = self._remember(message, person.email)
        if self._is_closed:
            return MailReply()
        visit = self.visit(person, message, cause)
        if person.client == "apple":
            self._later(visit, _PREFETCH)
        for intent in person.intend():
            self._later(visit, intent)
        return MailReply()

    def visit(self, person: Person, message: Any, cause: str) -> Visit:
        """Put a mail before a person."""
        return _Visit(self, person, message, cause)

    def _remember(self, message: MailMessage, address: str) -> str:
        details = {
            "vendor": message.vendor,
            "id": message.id,
            "from": message.sender,
            "subject": message.subject,
            "html": message.html,
            "amp": message.amp,
        }
        return self._journal.step("receive mail", address, details=details, cause=message.cause)


class _Visit:
    """One person and one mail: what has been opened already, and what is done next."""

    def __init__(self, mailboxes: Mailboxes, person: Person, message: MailMessage, cause: str) -> None:
        self._mailboxes = mailboxes
        self.person = person
        self.message = message
        self.cause = cause
        self.is_seen = False
        self._shows_amp = person.client == "amp"
        self._mail: ReadMail | None = None

    async def _prefetch(self) -> None:
        step = self._step(_PREFETCH.habit)
        for url in read_mail(self.message, shows_amp=False).images:
            await self._fetch("GET", url, step, agent=_APPLE_PROXY_AGENT)
        self.is_seen = True  # the proxy has the images; the person's own look is never seen

    async def act(self, intent: Intent) -> None:
        """Do what the person has in mind; whoever does more than open has opened first."""
        if intent.habit == _PREFETCH.habit:
            await self._prefetch()
            return
        if not self.is_seen and intent.habit != "mark_as_spam":
            self.is_seen = True
            step = self._step("open")
            for url in self._read().images:
                await self._fetch("GET", url, step)
        match intent.habit:
            case "click":
                await self._click(intent)
            case "submit":
                await self._submit(intent)
            case "unsubscribe":
                await self._unsubscribe()
            case "mark_as_spam":
                await self._mark_as_spam()

    async def _click(self, intent: Intent) -> None:
        links = self._read().content_links()
        wanted = next(
            (link for link in links if intent.link and intent.link.lower() in (link.text.lower(), link.url)),
            None,
        )
        link = wanted or next(iter(links), None)
        if link is None:
            self._step("look for a link in vain", link=intent.link)
            return
        await self._fetch("GET", link.url, self._step("click", link=link.text))

    async def _submit(self, intent: Intent) -> None:
        mail = self._read()
        forms = list(mail.forms)
        form = next(iter(forms), None)
        if form is None:
            # Without AMP the form stands on a page behind a link of the mail.
            page = next((link for link in mail.content_links() if _leads_to_form(link.text)), None)
            if page is None:
                self._step("look for a form in vain")
                return
            html = await self._fetch("GET", page.url, self._step("open the form's page"))
            form = next(iter(read_html(html).forms), None)
            if form is None:
                self._step("look for a form in vain")
                return
            form.url = urljoin(page.url, form.url)
        # A form of several steps: the next ones follow in the mail, or each on the page that answers the one before.
        answered: set[tuple[str, ...]] = set()
        while form is not None and tuple(form.fields) not in answered:
            answered.add(tuple(form.fields))
            filled = answer(form, intent.answers, self.person.random)
            step = self._step("answer", answers=dict(filled))
            next_page = await self._fetch("POST", form.url, step, body=urlencode(filled).encode())
            rest, url = forms[1:] if forms else read_html(next_page).forms, form.url
            forms = forms[1:]
            form = next((one for one in rest if urljoin(url, one.url) == url), None)
            if form is not None:
                form.url = urljoin(url, form.url)

    async def _unsubscribe(self) -> None:
        header = self.message.headers.get("List-Unsubscribe", "").strip("<>")
        url = self._read().unsubscribe_url() or header
        if url:
            await self._fetch("GET", url, self._step("unsubscribe"))

    async def _mark_as_spam(self) -> None:
        url = self.message.headers.get(COMPLAINT_HEADER)
        if url:
            await self._fetch("POST", url, self._step("mark as spam"), body=b"")

    def _read(self) -> ReadMail:
        if self._mail is None:
            self._mail = read_mail(self.message, shows_amp=self._shows_amp)
        return self._mail

    def _step(self, verb: str, **details: object) -> str:
        details["subject"] = self.message.subject
        return self._mailboxes.step(verb, self.person, details=details, cause=self.cause)

    async def _fetch(
        self, method: str, url: str, cause: str, *, agent: str = "", body: bytes | None = None
    ) -> str:
        agent = agent or _AGENTS[self.person.client]
        return await self._mailboxes.fetch(
            method, url, person=self.person, cause=cause, agent=agent, body=body
        )


def _leads_to_form(text: str) -> bool:
    return any(word in text.lower() for word in ("answer", "form", "survey"))
