"""What people do with a mail: fetch its pixel, follow its links, answer its form, leave, complain.

None of these URLs is part of Mailmodo's documented surface; they are here because mail needs them.
"""

from __future__ import annotations

import re
from base64 import b64decode
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from aiohttp import web

from fakes.mailmodo.errors import failure
from fakes.mailmodo.mail import form_page, notice_page
from fakes.mailmodo.reading import read_form
from fakes.mailmodo.submissions import Submission, missing, read_answers
from fakes.mailmodo.webhooks import ActivityName

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fakes.kit import Call, Fake
    from fakes.kit.server import Handler
    from fakes.mailmodo.activities import Activities
    from fakes.mailmodo.personalisation import Values
    from fakes.mailmodo.state import Send, State
    from fakes.mailmodo.submissions import SubmissionType
    from fakes.mailmodo.templates import StoredForm, StoredLink
    from fakes.mailmodo.webhooks import Part

__all__ = ["APPLE_PRIVACY_AGENT", "Engagement"]

APPLE_PRIVACY_AGENT: Final = "Mozilla/5.0"
"""The whole User-Agent with which Apple's mail privacy proxy fetches images."""

_GIF: Final = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_NO_STORE: Final = {"Cache-Control": "no-store, max-age=0"}
_THANKS: Final = "Thank you! Your response has been recorded."
_NEXT: Final = "Thank you! Please go on with the next step."
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_AS_IN_URL: Final = "!#$&'()*+,/:;=?@[]~%-._"


class Engagement:
    """Handles what people and their mail clients ask for."""

    def __init__(self, fake: Fake, *, state: State, activities: Activities) -> None:
        self._fake = fake
        self._state = state
        self._activities = activities

    def handlers(self) -> Mapping[str, Handler]:
        """Give the handlers; none wants a key."""
        return {
            "openPixel": self.open_pixel,
            "followLink": self.follow_link,
            "showUnsubscribePage": self.leave,
            "unsubscribeOneClick": self.leave_in_one_click,
            "complain": self.complain,
            "submitAmpForm": self.submit_amp_form,
            "showFormPage": self.show_form_page,
            "submitWebForm": self.submit_web_form,
        }

    async def open_pixel(self, call: Call) -> web.Response:
        """Answer with a pixel and record an open; every fetch is one."""
        send = self._state.sends.get(call.path["ref"])
        if send is not None:
            self._state.mark_read(send.contact, "open")
            self._activities.record(
                ActivityName.OPENED,
                send,
                part=_part(call),
                counters=("opens", "ampOpens" if _part(call) == "amp" else "htmlOpens"),
                apple_privacy_open=call.headers.get("User-Agent") == APPLE_PRIVACY_AGENT,
            )
        return web.Response(body=_GIF, content_type="image/gif", headers=_NO_STORE)

    async def follow_link(self, call: Call) -> web.Response:
        """Redirect to where a link leads and record a click."""
        send = self._state.sends.get(call.path["ref"])
        link = send.campaign.template.link(call.path["linkId"]) if send else None
        if send is None or link is None:
            return _gone()
        url = _target(link, send.values)
        if not url:
            return _gone()
        self._state.mark_read(send.contact, "click")
        self._activities.record(
            ActivityName.CLICKED,
            send,
            part=_part(call),
            counters=("clicks", "ampClicks" if _part(call) == "amp" else "htmlClicks"),
            link_id=link.id,
            link_url=url,
        )
        return web.Response(status=302, headers={"Location": url, **_NO_STORE})

    async def leave(self, call: Call) -> web.Response:
        """Unsubscribe whoever follows the link in the mail."""
        return self._leave(call, call.query.get("reason") or "Clicked the unsubscribe link")

    async def leave_in_one_click(self, call: Call) -> web.Response:
        """Unsubscribe on the mail client's own button. Source: RFC 8058."""
        fields = dict(read_form(call))
        return self._leave(call, fields.get("reason") or "One-click unsubscribe")

    async def complain(self, call: Call) -> web.Response:
        """Take a spam report from the recipient's mail host; a mail counts once."""
        send = self._state.sends.get(call.path["ref"])
        if send is None:
            return _gone()
        if not send.is_complained:
            send.is_complained = True
            send.contact.blocked_reason = "Marked as spam"
            self._activities.record(ActivityName.MARKED_AS_SPAM, send, counters=("complaints",))
        return web.Response(status=204)

    async def submit_amp_form(self, call: Call) -> web.Response:
        """Take the answers to a form from inside the mail; the mail client shows the JSON it gets."""
        fields = read_form(call)
        send = self._state.sends.get(_last(fields, "ref") or call.query.get("ref", ""))
        form = send.form if send is not None else None
        if send is None or form is None or form.id != call.path["formId"]:
            raise failure("Form not found")
        headers = _cors(call, send.campaign.sender_email)
        submission = self._submit(send, form, fields, "AMP")
        if isinstance(submission, str):
            body = {"success": False, "message": submission}
            return web.json_response(body, status=400, headers=headers)
        message = (form.thanks or _THANKS) if submission.is_whole else _NEXT
        body = {"success": True, "message": message, "responseId": submission.response_id}
        return web.json_response(body, headers=headers)

    async def show_form_page(self, call: Call) -> web.Response:
        """Show the form where the mail client shows no AMP."""
        found = self._find_form(call)
        return _html(form_page(*found, base_url=self._base_url())) if found else _gone()

    async def submit_web_form(self, call: Call) -> web.Response:
        """Take the answers to a form from its page."""
        found = self._find_form(call)
        if found is None:
            return _gone()
        send, form = found
        fields = read_form(call)
        number = form.number_of(_last(fields, "next-step-id"))
        submission = self._submit(send, form, fields, "WEB")
        if isinstance(submission, str):
            page = form_page(send, form, base_url=self._base_url(), number=number, problem=submission)
            return _html(page, status=400)
        if not submission.is_whole:
            return _html(form_page(send, form, base_url=self._base_url(), number=number + 1))
        return _html(notice_page(form.name, form.thanks or _THANKS))

    def _find_form(self, call: Call) -> tuple[Send, StoredForm] | None:
        send = self._state.sends.get(call.path["ref"])
        form = send.form if send else None
        return (send, form) if send and form and form.id == call.path["formId"] else None

    def _submit(
        self,
        send: Send,
        form: StoredForm,
        fields: list[tuple[str, str]],
        submission_type: SubmissionType,
    ) -> Submission | str:
        """Take the answers to a step, and record them; or say what is wrong with them."""
        number = form.number_of(_last(fields, "next-step-id"))
        new = read_answers(form.steps[number], fields)
        if isinstance(new, str):
            return new
        answers = {**send.answers, **new} if len(form.steps) > 1 else new
        if number + 1 == len(form.steps) and (problem := missing(form, answers)):
            return problem
        send.answers = answers if len(form.steps) > 1 else {}
        random = self._fake.surroundings.random
        response_id = _last(fields, "responseId")
        submission = Submission(
            send=send,
            form=form,
            response_id=response_id if _UUID.fullmatch(response_id) else send.response_id,
            fuuid=f"{random.randrange(100_000):05}",
            at=self._fake.surroundings.now(),
            answers=answers,
            type=submission_type,
            next_step_id=form.step_after(number),
        )
        if submission.is_whole:
            self._activities.record_submission(submission)
        else:
            self._activities.record_step(submission, number)
        return submission

    def _leave(self, call: Call, reason: str) -> web.Response:
        send = self._state.sends.get(call.path["ref"])
        if send is None:
            return _gone()
        contact = send.contact
        if not contact.is_unsubscribed:
            contact.is_unsubscribed = True
            contact.unsubscribe_reason = reason
            self._activities.record(
                ActivityName.UNSUBSCRIBED, send, counters=("unsubscribed",), reason=reason
            )
        return _html(notice_page("Unsubscribed", f"{contact.email} will get no more mail from us."))

    def _base_url(self) -> str:
        return self._fake.surroundings.url_of(self._fake.hosts[0])


def _target(link: StoredLink, values: Values) -> str:
    """Say where a link leads; the variable that a URL begins with is one, and not a part to be encoded."""
    parts = link.url.parts
    beginning = parts[1] if not parts[0] and len(parts) > 1 else None
    url = link.url.fill(lambda name: values(name) if name == beginning else quote(values(name), safe=""))
    return quote(url, safe=_AS_IN_URL)


def _cors(call: Call, sender: str) -> dict[str, str]:
    """Check who posts from inside a mail, and give the headers that let the mail client show the answer.

    Version 2 names the sender in a header, version 1 in the query beside an `Origin`. A request with neither
    does not come from inside a mail client's sandbox and is let through.

    Raises:
        MailmodoError: The mail is not from the campaign's sender.
    Source: amp.dev, "CORS in AMP for Email".
    """
    headers = {}
    version_2 = call.headers.get("AMP-Email-Sender")
    origin, version_1 = call.headers.get("Origin"), call.query.get("__amp_source_origin")
    if version_2 is not None:
        _check_sender(version_2, sender)
        headers["AMP-Email-Allow-Sender"] = version_2
    if version_1 is not None:
        _check_sender(version_1, sender)
        headers["AMP-Access-Control-Allow-Source-Origin"] = version_1
        headers["Access-Control-Expose-Headers"] = "AMP-Access-Control-Allow-Source-Origin"
        if origin is not None:
            headers["Access-Control-Allow-Origin"] = origin
    return headers


def _check_sender(claimed: str, sender: str) -> None:
    if claimed.lower() != sender.lower():
        raise failure("Sender is not allowed to submit this form", status=403)


def _last(fields: list[tuple[str, str]], name: str) -> str:
    return next((value for field, value in reversed(fields) if field == name), "")


def _part(call: Call) -> Part:
    return "amp" if call.query.get("part") == "amp" else "html"


def _html(page: str, *, status: int = 200) -> web.Response:
    return web.Response(text=page, status=status, content_type="text/html")


def _gone() -> web.Response:
    return _html(notice_page("Not found", "This link is not valid any more."), status=404)
