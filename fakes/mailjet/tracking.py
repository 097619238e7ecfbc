"""What recipients reach: pixel, tracked links, unsubscribe page, and the stand-in for the feedback loop."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING, Final

from aiohttp import web

from fakes.mailjet.errors import NoSuchPage
from fakes.mailjet.mail import link_hash, link_target, pixel_mark
from fakes.mailjet.state import EventType, MessageStatus

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from fakes.kit import Call, Fake
    from fakes.mailjet.dispatch import Dispatcher
    from fakes.mailjet.settings import MailjetSettings
    from fakes.mailjet.state import MailjetState, Message

__all__ = ["TrackingHandlers"]

_GIF: Final = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_UNSUBSCRIBED_PAGE: Final = (
    "<!DOCTYPE html><html><head><title>Unsubscribed</title></head>"
    "<body><h1>You are unsubscribed</h1><p>You will no longer receive these messages.</p></body></html>"
)


class TrackingHandlers:
    """Handlers of everything on the track host."""

    def __init__(
        self, fake: Fake, state: MailjetState, settings: MailjetSettings, *, dispatcher: Dispatcher
    ) -> None:
        self._fake = fake
        self._state = state
        self._settings = settings
        self._dispatcher = dispatcher

    def handlers(self) -> Mapping[str, Callable[[Call], Awaitable[web.Response]]]:
        """Give the handlers by `operationId`."""
        return {
            "trackOpen": self._open,
            "trackClick": self._click,
            "showUnsubscribePage": self._unsubscribe,
            "unsubscribeByHeader": self._unsubscribe_by_header,
            "complain": self._complain,
        }

    async def _open(self, call: Call) -> web.Response:
        message = self._find(call)
        if call.path["mark"] != pixel_mark(message.token):
            raise NoSuchPage
        if message.tracks_opens:
            message.move_to(MessageStatus.OPENED)
            self._dispatcher.record(message, EventType.OPEN, self._visit(call))
        return web.Response(body=_GIF, content_type="image/gif", headers={"Cache-Control": "no-cache"})

    async def _click(self, call: Call) -> web.Response:
        message = self._find(call)
        target = call.path["target"]
        if call.path["hash"] != link_hash(message.token, call.path["position"], target):
            raise NoSuchPage
        url = link_target(target)
        message.move_to(MessageStatus.CLICKED)
        self._dispatcher.record(message, EventType.CLICK, {"url": url, **self._visit(call)})
        return web.Response(status=302, headers={"Location": url})

    async def _unsubscribe(self, call: Call) -> web.Response:
        self._note_unsubscribe(self._find(call), self._visit(call))
        return web.Response(text=_UNSUBSCRIBED_PAGE, content_type="text/html")

    async def _unsubscribe_by_header(self, call: Call) -> web.Response:
        self._note_unsubscribe(self._find(call), {**self._visit(call), "agent": "List-Unsubscribe"})
        return web.Response(text=_UNSUBSCRIBED_PAGE, content_type="text/html")

    async def _complain(self, call: Call) -> web.Response:
        message = self._find(call)
        if not message.has_seen("spam"):
            message.contact.is_spam_complaining = True
            message.move_to(MessageStatus.SPAM)
            self._dispatcher.record(message, EventType.SPAM, {"source": self._settings.feedback_loop})
        return web.Response(status=204)

    def _note_unsubscribe(self, message: Message, visit: Mapping[str, str]) -> None:
        """A second visit changes nothing; transactional mail has no list, so other mail goes on."""
        if message.has_seen("unsub"):
            return
        message.contact.unsubscribed_at = self._fake.surroundings.now()
        message.move_to(MessageStatus.UNSUB)
        self._dispatcher.record(message, EventType.UNSUB, {"mj_list_id": 0, **visit})

    def _find(self, call: Call) -> Message:
        message = self._state.message_by_token(call.path["token"])
        if message is None:
            raise NoSuchPage
        return message

    def _visit(self, call: Call) -> dict[str, str]:
        """Say from where and with what somebody came; a proxy's word about the address goes first."""
        forwarded = call.headers.get("X-Forwarded-For", "").split(",", 1)[0].strip()
        return {
            "ip": forwarded or call.request.remote or "",
            "geo": self._settings.geo,
            "agent": call.headers.get("User-Agent", ""),
        }
