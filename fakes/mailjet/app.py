"""The fake Mailjet: who may call, which resource is meant, and how each of its servers words an error."""

from __future__ import annotations

import binascii
from base64 import b64decode
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Final

from aiohttp import web

from fakes.kit import Fake, VendorError, draw_uuid
from fakes.mailjet.callbacks import CallbackHandlers
from fakes.mailjet.contacts import ContactHandlers
from fakes.mailjet.dispatch import Dispatcher
from fakes.mailjet.errors import (
    KeyRefused,
    NoRequest,
    NoSuchPage,
    PhraseError,
    RestError,
    SendFault,
    SendRefused,
    SendUnauthorised,
    TooManyCalls,
    wrong_key,
)
from fakes.mailjet.messages import MessageHandlers
from fakes.mailjet.rest import reason_phrase, rest_response
from fakes.mailjet.sending import SendHandlers, fault_json, send_response
from fakes.mailjet.settings import MailjetSettings
from fakes.mailjet.state import MailjetState
from fakes.mailjet.tracking import TrackingHandlers
from fakes.mailjet.webhooks import EventSender

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from contracts.catalog import Match
    from fakes.kit import Call, Surroundings

__all__ = ["FakeMailjet"]

_WEB_SERVER_PAGE: Final = (
    "<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n"
    "<center><h1>{0}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
_SEND_PATH: Final = "/v3.1/send"
_V3: Final = "v3"


class FakeMailjet(Fake):
    """One Mailjet account: send, webhooks, contacts, messages, and the tracked mail's own URLs.

    Attributes:
        settings: As given.
        state: What the account knows; templates are added here.
        events: The webhook queues.
    """

    vendor: ClassVar[str] = "mailjet"

    def __init__(self, surroundings: Surroundings, settings: MailjetSettings | None = None) -> None:
        """Make the fake.

        Args:
            surroundings: The world it lives in.
            settings: The account; the defaults when None.
        """
        self.surroundings = surroundings
        self.settings = replace(settings or MailjetSettings())  # its own: the control API may change them
        self.state = MailjetState()
        self.events = EventSender(self, self.state, self.settings)
        super().__init__(surroundings)

    @property
    def host(self) -> str:
        """Host name of the API."""
        return self.contract.hosts[0]

    @property
    def track_host(self) -> str:
        """Host name in tracked links, pixels and unsubscribe links."""
        return self.contract.hosts[-1]

    def handlers(self) -> Mapping[str, Callable[[Call], Awaitable[web.Response]]]:
        """Give the handlers by `operationId`; those of the API ask for the key first."""
        dispatcher = Dispatcher(
            self, self.state, self.settings, events=self.events, track_host=self.track_host
        )
        api = {
            **SendHandlers(
                self, self.state, self.settings, dispatcher=dispatcher, api_host=self.host
            ).handlers(),
            **CallbackHandlers(self, self.state, self.events, api_key_id=self.settings.api_key_id).handlers(),
            **ContactHandlers(self, self.state, dispatcher).handlers(),
            **MessageHandlers(self.state).handlers(),
        }
        tracking = TrackingHandlers(self, self.state, self.settings, dispatcher=dispatcher)
        return {**{name: self._guarded(handler) for name, handler in api.items()}, **tracking.handlers()}

    def locate(self, method: str, raw_path: str) -> Match | None:
        """Find the operation; `REST`, resources and actions compare without case."""
        return self.contract.match(method, _canonical_path(raw_path))

    def answer_unknown(self, call: Call, *, methods: tuple[str, ...]) -> web.Response:
        """Answer what no operation fits; below `/v3` the key is asked for before anything else."""
        path = _canonical_path(call.request.rel_url.raw_path)
        methods = methods or self.contract.methods(path)
        _, *segments = path.split("/")
        if path == _SEND_PATH:
            self._check_key(call)
            raise SendRefused(SendFault("", "Method not allowed.", status=405))
        if segments[0] != _V3:
            raise NoSuchPage
        self._check_key(call)
        if methods:
            raise RestError(401, "Operation not allowed")
        if segments[1:2] != ["REST"]:
            raise RestError(
                500,
                f'Could not determine HTTP module for request "{"/".join(segments[1:])}"',
                info="EFPWebError",
            )
        resource = segments[2] if len(segments) > 2 else ""
        if self.contract.methods(f"/v3/REST/{resource}") or self.contract.methods(f"/v3/REST/{resource}/0"):
            raise RestError(404, "Object not found")
        raise RestError(400, f'Unknown resource: "{resource}"', info="Bad Request")

    def rate_limit_error(self) -> VendorError:
        """Make the refusal of a call beyond the limit."""
        return TooManyCalls()

    def malformed_error(self) -> VendorError:
        """Make the refusal of what is no HTTP: a page of the web server in front, like the one for other paths."""
        return NoRequest()

    def render_error(self, error: VendorError) -> web.Response:
        """Put an error into the envelope of the server that it comes from."""
        random = self.surroundings.random
        if isinstance(error, SendRefused):
            return send_response(
                fault_json(error.fault, draw_uuid(random)), status=error.status, guid=draw_uuid(random)
            )
        if isinstance(error, SendUnauthorised):
            return send_response(error.message, status=error.status, guid=draw_uuid(random))
        if isinstance(error, TooManyCalls):
            return web.Response(status=error.status, text=error.message, content_type="text/html")
        if isinstance(error, (NoRequest, NoSuchPage)):
            page = _WEB_SERVER_PAGE.format(f"{error.status} {error.message}")
            return web.Response(status=error.status, text=page, content_type="text/html")
        if isinstance(error, (KeyRefused, PhraseError)):
            return web.Response(
                status=error.status,
                reason=reason_phrase(error.message),
                headers={"Content-Type": "text/html", **error.headers},
            )
        info = error.info if isinstance(error, RestError) else ""
        body = {"ErrorInfo": info, "ErrorMessage": error.message, "StatusCode": error.status}
        return rest_response(body, status=error.status, reason=error.message)

    def _guarded(
        self, handler: Callable[[Call], Awaitable[web.Response]]
    ) -> Callable[[Call], Awaitable[web.Response]]:
        async def with_key(call: Call) -> web.Response:
            self._check_key(call)
            return await handler(call)

        return with_key

    def _check_key(self, call: Call) -> None:
        """Ask for the key, and refuse in the words of the server that the path belongs to."""
        is_new_engine = call.request.rel_url.raw_path.startswith("/v3.1/")
        header = call.headers.get("Authorization")
        if header is None and is_new_engine:
            raise SendUnauthorised
        if header is None or _credentials(header) != (self.settings.api_key, self.settings.secret_key):
            raise wrong_key() if is_new_engine else KeyRefused()


def _canonical_path(raw_path: str) -> str:
    """Give a v3 path the contract's case: `/v3/rest/Contact/1` is `/v3/REST/contact/1`; keys stay as they are."""
    segments = raw_path.split("/")
    if len(segments) > 2 and segments[1] == _V3 and segments[2].upper() == "REST":
        segments[2] = "REST"
        # resource, then key, then action
        for index in (3, 5):
            if index < len(segments):
                segments[index] = segments[index].lower()
    return "/".join(segments)


def _credentials(header: str) -> tuple[str, str] | None:
    scheme, _, coded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, _, password = b64decode(coded.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError):
        return None
    return user, password
