"""Renders mail: Liquid over the person and the request's data, then links, pixel and unsubscribe link."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from liquid import Environment
from liquid.ast import Node
from liquid.builtin.filters.misc import date as liquid_date
from liquid.exceptions import LiquidError
from liquid.filter import with_environment
from liquid.tag import Tag
from liquid.token import TOKEN_TAG

from fakes.customerio.tracking import TrackedLink, click_path, open_path

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from typing import TextIO

    from liquid import RenderContext
    from liquid.stream import TokenStream

    from fakes.customerio.deliveries import Delivery, Outgoing

__all__ = ["Rendered", "Renderer", "RenderingFailed", "Urls"]

_ANCHOR: Final = re.compile(r"<a\b[^<>]{0,4000}>", re.IGNORECASE)
_HREF: Final = re.compile(r"(\bhref\s*=\s*)(\"[^\"]*\"|'[^']*')", re.IGNORECASE)
_MOST_TAGS: Final = 1000
_END: Final = re.compile(r"</body\s*>", re.IGNORECASE)
_UNTRACKED: Final = re.compile(r"\bclass\s*=\s*[\"'][^\"']*\buntracked\b", re.IGNORECASE)


class RenderingFailed(ValueError):
    """A template's Liquid cannot be rendered; its text is the delivery's failure message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Urls:
    """Base URLs that a mail points to, without a trailing slash: the track host, and the one of tracked links."""

    track: str
    links: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """One message as it goes out."""

    subject: str
    html: str
    amp: str | None
    text: str


class Renderer:
    """Renders the mail of one workspace.

    Liquid sees `customer` (attributes and identifiers), `trigger` (the request's `message_data`), and the tag
    `{% unsubscribe_url %}`. What is undefined renders as nothing.
    """

    def __init__(
        self, *, now: Callable[[], datetime], tracking_key: str, adds_unsubscribe_footer: bool
    ) -> None:
        self._environment = _Liquid()
        self._environment.add_tag(_UnsubscribeUrlTag)
        self._environment.add_filter("date", _date_filter(now))
        self._tracking_key = tracking_key
        self._adds_footer = adds_unsubscribe_footer

    def render(
        self, delivery: Delivery, outgoing: Outgoing, *, customer: Mapping[str, Any], urls: Urls
    ) -> Rendered:
        """Render a message, and note its tracked links on the delivery.

        Raises:
            RenderingFailed: The Liquid is malformed, or does more than a template may.
        """
        unsubscribe_url = f"{urls.track}/unsubscribe/{delivery.id}"
        scope = {
            "customer": dict(customer),
            "trigger": dict(outgoing.data),
            "_unsubscribe_url": unsubscribe_url,
        }
        body = self._fill(outgoing.body, scope)
        if outgoing.preheader:
            preheader = html.escape(self._fill(outgoing.preheader, scope))
            body = f'<div style="display:none;max-height:0;overflow:hidden">{preheader}</div>{body}'
        if self._adds_footer and unsubscribe_url not in body:
            body = _append(body, f'<p><a href="{unsubscribe_url}">Unsubscribe</a></p>')
        if outgoing.tracked:
            body = self._track(body, delivery, urls)
        amp = self._fill(outgoing.body_amp, scope) if outgoing.body_amp else None
        return Rendered(
            subject=" ".join(self._fill(outgoing.subject, scope).split()),
            html=body,
            amp=amp,
            text=self._fill(outgoing.body_plain, scope),
        )

    def _fill(self, template: str, scope: Mapping[str, Any]) -> str:
        # The library's parser takes time quadratic in tags that are never closed.
        if "{{{{{{" in template or template.count("{{") + template.count("{%") > _MOST_TAGS:
            raise RenderingFailed(f"Liquid error: a template may have {_MOST_TAGS} tags at most")
        try:
            return self._environment.from_string(template).render(**scope)
        except (LiquidError, RecursionError, ArithmeticError, ValueError, TypeError) as error:
            # The library lets some errors of its filters through as they are.
            raise RenderingFailed(f"Liquid error: {error}") from error

    def _track(self, body: str, delivery: Delivery, urls: Urls) -> str:
        def wrap(anchor: re.Match[str]) -> str:
            found = _HREF.search(anchor[0])
            if found is None or _UNTRACKED.search(anchor[0]):
                return anchor[0]
            href = html.unescape(found[2][1:-1]).strip()
            if not href.lower().startswith(("http://", "https://")) or href.startswith(
                f"{urls.track}/unsubscribe/"
            ):
                return anchor[0]
            link_id = delivery.links.setdefault(href, len(delivery.links) + 1)
            link = TrackedLink(delivery.id, href, delivery.cio_id, link_id)
            tracked = urls.links + click_path(link, key=self._tracking_key)
            return f'{anchor[0][: found.start()]}{found[1]}"{tracked}"{anchor[0][found.end() :]}'

        pixel = f'<img src="{urls.links}{open_path(delivery.id)}" width="1" height="1" alt="" />'
        return _append(_ANCHOR.sub(wrap, body), pixel)


class _Liquid(Environment):
    # A template is a caller's text: it may not keep the fake busy.
    loop_iteration_limit = 100_000
    output_stream_limit = 4 * 1024 * 1024
    local_namespace_limit = 4 * 1024 * 1024
    context_depth_limit = 30


class _UnsubscribeUrlNode(Node):
    def __str__(self) -> str:
        return "{% unsubscribe_url %}"

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        return buffer.write(str(context.globals.get("_unsubscribe_url", "")))


class _UnsubscribeUrlTag(Tag):
    name = "unsubscribe_url"
    block = False

    def parse(self, stream: TokenStream) -> Node:
        return _UnsubscribeUrlNode(stream.eat(TOKEN_TAG))


def _date_filter(now: Callable[[], datetime]) -> Callable[..., object]:
    """Make the `date` filter with the world's "now" in place of the wall clock's."""

    @with_environment
    def date(value: object, pattern: object = "", *, environment: Environment) -> object:
        moment = now() if value in ("now", "today") else value
        return liquid_date(moment, pattern, environment=environment)

    return date


def _append(body: str, piece: str) -> str:
    """Put a piece last in the body."""
    ends = list(_END.finditer(body))
    return body[: ends[-1].start()] + piece + body[ends[-1].start() :] if ends else body + piece
