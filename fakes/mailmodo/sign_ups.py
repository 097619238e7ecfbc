"""Sign-up forms on the customer's own web site: the token in the URL stands for the key.

Source: public sites that post to `at/f` (Bluesky and AT Protocol docs, iii-hq); what it answers is not published.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import web

from fakes.mailmodo.errors import MailmodoError, failure, validation
from fakes.mailmodo.reading import Body, read_body, read_form

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fakes.kit import Call, Fake
    from fakes.kit.server import Handler
    from fakes.mailmodo.settings import MailmodoSettings
    from fakes.mailmodo.state import SignUpForm, State

__all__ = ["SignUps"]

_STORED: Final = {"success": True, "message": "The contact is successfully added/updated"}
_KNOWN: Final = (
    "email", "first_name", "last_name", "name", "gender", "age", "birthday", "phone", "address1", "address2", "city", "state",
    "country", "postal_code", "designation", "company", "industry", "description", "anniversary_date",
)  # fmt: skip
"""Properties that every contact can have. Source: OA-contact."""


class SignUps:
    """Handles what visitors of a web site post."""

    def __init__(self, fake: Fake, *, state: State, settings: MailmodoSettings) -> None:
        self._fake = fake
        self._state = state
        self._settings = settings

    def handlers(self) -> Mapping[str, Handler]:
        """Give the handlers; none wants a key."""
        return {"submitSignUpForm": self.submit, "preflightSignUpForm": self.allow}

    async def allow(self, call: Call) -> web.Response:
        """Tell a browser whether a page of that web site may post JSON to the form. Source: the Fetch standard."""
        form = self._form(call)
        headers = _check_origin(call, form)
        asked = call.headers.get("Access-Control-Request-Headers")
        if asked is not None:
            headers["Access-Control-Allow-Headers"] = asked
        return web.Response(status=204, headers={**headers, "Access-Control-Allow-Methods": "POST"})

    async def submit(self, call: Call) -> web.Response:
        """Store a contact and put it on the form's list."""
        form = self._form(call)
        headers = _check_origin(call, form)
        try:
            self._store(_read(call), form)
        except MailmodoError as error:
            # Without these the page that posted is shown no refusal, only that there was one.
            raise MailmodoError(error.status, error.message, body=error.body, headers=headers) from None
        return web.json_response(_STORED, headers=headers)

    def _form(self, call: Call) -> SignUpForm:
        form = self._state.sign_up_forms.get(call.path["formId"])
        if form is None or form.token != call.path["token"]:
            raise failure("Form not found")
        return form

    def _store(self, body: Body, form: SignUpForm) -> None:
        email, data = body.email(), body.flat_object("data")
        for name in data:
            if name not in _KNOWN and name not in self._state.properties:
                raise validation(f'data.{name}" is not a contact property')
        contact_list = self._state.open_list(form.list_name)
        if email in contact_list.members and self._settings.repeated_signup_status == 409:
            raise failure("The contact already exists", status=409)
        contact, is_new = self._state.store_contact(email, data)
        self._state.add_to_list(contact, contact_list)
        self._fake.tell(
            "contact_stored", email, list_name=contact_list.name, data=data, is_new=is_new, via="sign-up form"
        )


def _check_origin(call: Call, form: SignUpForm) -> dict[str, str]:
    """Refuse web sites that are not on the form's list, and let the others' scripts read the answer."""
    origin = call.headers.get("Origin")
    if origin is None:
        return {}
    if form.origins and origin not in form.origins:
        raise failure("Origin is not allowed to submit this form", status=403)
    return {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}


def _read(call: Call) -> Body:
    """Read JSON, or a classic form post with an `email` field."""
    if "json" in call.headers.get("Content-Type", "").lower():
        return read_body(call, validation)
    fields = dict(read_form(call))
    data = {name: value for name, value in fields.items() if name != "email"}
    return Body({"email": fields.get("email"), "data": data}, validation)
