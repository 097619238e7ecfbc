"""`/v3.1/send` and `/v3/send`: what is taken, what is refused, and how the answer says so."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from aiohttp import web

from fakes.kit import draw_uuid
from fakes.mailjet.codec import compact, parse, spaced
from fakes.mailjet.dispatch import Position, Rendered, render
from fakes.mailjet.drafts import Draft, canonical, holds_null, merge, read_draft
from fakes.mailjet.drafts_v3 import read_v3_drafts
from fakes.mailjet.errors import (
    MAX_ATTACHED_BYTES,
    MAX_RECIPIENTS,
    JsonRefused,
    PhraseError,
    SendFault,
    SendRefused,
    TooManyCalls,
    malformed_json,
    too_many_recipients,
)
from fakes.mailjet.mail import VariableMissing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from fakes.kit import Call, Fake
    from fakes.mailjet.dispatch import Dispatcher
    from fakes.mailjet.settings import MailjetSettings
    from fakes.mailjet.state import MailjetState, Template

__all__ = ["SendHandlers", "fault_json", "send_response"]

_RECIPIENTS = ("To", "Cc", "Bcc")
_CALL_WINDOW = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class _Judged:
    """One message of a request, judged.

    Attributes:
        draft: None when it is malformed.
        rendered: None when it will not be sent: it is faulty, or the vendor drops it in silence.
        faults: Why it is refused; empty when it is taken.
    """

    draft: Draft | None
    rendered: Rendered | None
    faults: tuple[SendFault, ...]


class SendHandlers:
    """Handlers of both send operations."""

    def __init__(
        self,
        fake: Fake,
        state: MailjetState,
        settings: MailjetSettings,
        *,
        dispatcher: Dispatcher,
        api_host: str,
    ) -> None:
        self._fake = fake
        self._state = state
        self._settings = settings
        self._dispatcher = dispatcher
        self._api_host = api_host

    def handlers(self) -> Mapping[str, Callable[[Call], Awaitable[web.Response]]]:
        """Give the handlers by `operationId`."""
        return {"sendV31": self._send, "sendV3": self._send_v3}

    async def _send(self, call: Call) -> web.Response:
        self._count_call()
        root, messages = _read_root(call.body)
        is_strict = root.get("AdvanceErrorHandling", False)
        judged = [self._judge(message, is_strict=is_strict) for message in messages]
        answers: list[dict[str, Any]] = []
        for one in judged:
            if one.draft is None or one.faults:
                errors = [
                    fault_json(fault, draw_uuid(self._fake.surroundings.random)) for fault in one.faults
                ]
                answers.append({"Status": "error", "Errors": errors})
            else:
                is_rehearsal = root.get("SandboxMode", False)
                answers.append(self._take(one.draft, one.rendered, is_rehearsal=is_rehearsal))
        return send_response(
            {"Messages": answers}, status=_status(judged), guid=draw_uuid(self._fake.surroundings.random)
        )

    def _count_call(self) -> None:
        limit = self._settings.send_calls_per_10_s
        if limit is None:
            return
        now = self._fake.surroundings.now()
        calls = self._state.send_calls
        while calls and now - calls[0] >= _CALL_WINDOW:
            calls.popleft()
        if len(calls) >= limit:
            raise TooManyCalls
        calls.append(now)

    def _judge(self, message: Mapping[str, Any], *, is_strict: bool) -> _Judged:
        draft, faults = read_draft(message)
        if draft is None:
            return _Judged(None, None, faults)
        template, faults = self._check_template(draft)
        if (draft.sender is None) and (template is None or not template.sender_email) and not faults:
            faults = (SendFault.missing("From"),)
        faults = (*self._check_account(draft), *faults)
        if faults:
            silent = all(fault.code == "send-0010" for fault in faults) and not is_strict
            return _Judged(draft, None, () if silent else faults)
        try:
            rendered = render(draft, template)
        except VariableMissing as error:
            text = f'Variable "{error}" has neither a value nor a default value.'
            late = SendFault("send-0010", text, ("TemplateID", "Variables"))
            return _Judged(draft, None, (late,) if is_strict else ())
        sender = rendered.sender.email
        if not self._settings.allows_sender(sender):
            text = f'"{sender}" is not an authorized sender email address for your account.'
            late = SendFault("send-0008", text, ("From",), status=403)
            return _Judged(draft, None, (late,) if is_strict else ())
        return _Judged(draft, rendered, ())

    def _check_template(self, draft: Draft) -> tuple[Template | None, tuple[SendFault, ...]]:
        if draft.template is None:
            return None, ()
        template = self._state.templates.get(draft.template) if isinstance(draft.template, int) else None
        if template is None:
            text = f'Template id "{draft.template}" doesn\'t exist for your account.'
            return None, (SendFault("send-0010", text, ("TemplateID",)),)
        if draft.html and template.html:
            text = 'Only one of "HTMLPart" and the HTML part of the template can be used.'
            return template, (SendFault("send-0004", text, ("HTMLPart", "TemplateID")),)
        return template, ()

    def _check_account(self, draft: Draft) -> tuple[SendFault, ...]:
        faults = []
        if draft.on_behalf_of is not None and not self._settings.may_set_sender:
            text = 'You are not allowed to use the "Sender" property.'
            faults.append(SendFault("send-0006", text, ("SenderID",), status=403))
        elif draft.on_behalf_of is not None and not self._settings.allows_sender(draft.on_behalf_of.email):
            text = f'"{draft.on_behalf_of.email}" is not a validated sender for your account.'
            faults.append(SendFault("send-0007", text, ("SenderID",), status=403))
        category = draft.monitoring_category
        if category and category not in self._settings.monitoring_categories:
            text = f'Monitoring category "{category}" doesn\'t exist for your account.'
            faults.append(SendFault("send-0013", text, ("MonitoringCategory",)))
        return tuple(faults)

    def _take(self, draft: Draft, rendered: Rendered | None, *, is_rehearsal: bool) -> dict[str, Any]:
        groups = {"To": draft.to, "Cc": draft.cc, "Bcc": draft.bcc}
        if is_rehearsal:
            numbered = {name: [Position(address) for address in group] for name, group in groups.items()}
        else:
            numbered = {name: self._dispatcher.number(group) for name, group in groups.items()}
            if rendered is not None:
                self._dispatcher.send(rendered, [one for group in numbered.values() for one in group])
        listed = {name: [self._position(one) for one in group] for name, group in numbered.items()}
        return {"Status": "success", "CustomID": draft.custom_id, **listed}

    def _position(self, position: Position) -> dict[str, Any]:
        base_url = self._fake.surroundings.url_of(self._api_host)
        return {
            "Email": position.address.email,
            "MessageUUID": position.message_uuid,
            "MessageID": position.message_id,
            "MessageHref": f"{base_url}/v3/REST/message/{position.message_id}",
        }

    async def _send_v3(self, call: Call) -> web.Response:
        try:
            drafts = read_v3_drafts(parse(call.body))
        except JsonRefused as error:
            raise PhraseError(error.status, error.message) from error
        if any(holds_null(draft.variables) for draft in drafts):
            raise PhraseError(500, "Cannot convert data from Null value")
        accepted = [(draft, self._render_v3(draft)) for draft in drafts]
        sent: list[dict[str, Any]] = []
        for draft, rendered in accepted:
            positions = self._dispatcher.number((*draft.to, *draft.cc, *draft.bcc))
            if rendered is not None:
                self._dispatcher.send(rendered, positions)
            sent += [
                {"Email": one.address.email, "MessageID": one.message_id, "MessageUUID": one.message_uuid}
                for one in positions
            ]
        text = spaced({"Sent": sent}) + "\n"
        return web.Response(body=text.encode(), headers={"Content-Type": "application/json"})

    def _render_v3(self, draft: Draft) -> Rendered | None:
        """Fill a v3 draft in; None when the vendor takes it and then drops it."""
        key = draft.template
        template = (
            self._state.templates.get(key)
            if isinstance(key, int)
            else self._state.template_by_name(key or "")
        )
        stored_parts = template and (template.html or template.text)
        if key is None and not (draft.text or draft.html or stored_parts):
            raise PhraseError(400, 'At least "Html-part", "Text-part" or "Mj-TemplateID" must be provided')
        if key is not None and template is None:
            return None
        try:
            rendered = render(replace(draft, template=None), template)
        except VariableMissing:
            return None
        return rendered if self._settings.allows_sender(rendered.sender.email) else None


def fault_json(fault: SendFault, identifier: str) -> dict[str, Any]:
    """Write one error entry; its keys stand in the recorded order, empty ones are left out."""
    return {
        "ErrorIdentifier": identifier,
        **({"ErrorCode": fault.code} if fault.code else {}),
        "StatusCode": fault.status,
        "ErrorMessage": fault.message,
        **({"ErrorRelatedTo": list(fault.related_to)} if fault.related_to else {}),
    }


def send_response(value: Any, *, status: int, guid: str) -> web.Response:
    """Answer JSON as the new engine does."""
    headers = {"Content-Type": "application/json; charset=UTF-8", "X-Mj-Request-Guid": guid}
    return web.Response(status=status, body=compact(value).encode(), headers=headers)


def _read_root(body: bytes) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Read the request as a whole: the root's flags, and each message with the globals merged in.

    Raises:
        SendRefused: The request cannot be taken at all.
        PhraseError: A null stands in `Variables`; the vendor's template engine fails on it.
    """
    try:
        given = parse(body)
    except JsonRefused:
        raise malformed_json() from None
    if not isinstance(given, dict):
        raise malformed_json()
    root = canonical(given)
    flags = [root.get(name, False) for name in ("SandboxMode", "AdvanceErrorHandling")]
    defaults, listed = root.get("Globals", {}), root.get("Messages")
    if listed is None:
        raise SendRefused(SendFault.missing("Messages"))
    if not isinstance(listed, list) or not all(isinstance(message, dict) for message in listed):
        raise malformed_json()
    if not isinstance(defaults, dict) or not all(isinstance(flag, bool) for flag in flags):
        raise malformed_json()
    if not listed:
        raise SendRefused(SendFault.empty_array("Messages"))
    defaults = canonical(defaults)
    messages = [merge(defaults, canonical(message)) for message in listed]
    _check_totals(messages)
    return root, messages


def _check_totals(messages: Sequence[Mapping[str, Any]]) -> None:
    groups = (message.get(name) for message in messages for name in _RECIPIENTS)
    if sum(len(group) for group in groups if isinstance(group, list)) > MAX_RECIPIENTS:
        raise too_many_recipients()
    if len(messages) > MAX_RECIPIENTS:
        raise too_many_recipients()
    attached = (message.get(name) for message in messages for name in ("Attachments", "InlinedAttachments"))
    contents = (
        canonical(item).get("Base64Content")
        for group in attached
        if isinstance(group, list)
        for item in group
        if isinstance(item, dict)
    )
    # Four characters carry three bytes.
    if sum(len(text) for text in contents if isinstance(text, str)) * 3 // 4 > MAX_ATTACHED_BYTES:
        megabytes = MAX_ATTACHED_BYTES // (1024 * 1024)
        raise SendRefused(SendFault("mj-0011", f"Input payload must be less than {megabytes}MB."))
    if any(holds_null(message["Variables"]) for message in messages if "Variables" in message):
        raise PhraseError(500, "Cannot convert data from Null value")


def _status(judged: Sequence[_Judged]) -> int:
    """400 as soon as one message failed, though the others are sent; 403 only when nothing else happened."""
    faults = [fault for one in judged for fault in one.faults]
    if not faults:
        return 200
    is_all_refused = all(one.faults for one in judged)
    return 403 if is_all_refused and all(fault.status == 403 for fault in faults) else 400
