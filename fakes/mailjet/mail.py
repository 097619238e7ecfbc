"""What lands in the inbox: variables filled, links and pixel tracked, a way to unsubscribe."""

from __future__ import annotations

import html
import json
import re
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import md5
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "VariableMissing",
    "add_url_tags",
    "fill",
    "link_hash",
    "link_path",
    "link_target",
    "pixel_mark",
    "pixel_path",
    "render_html",
    "unsubscribe_path",
]

_VARIABLE: Final = re.compile(r"(?:\{\{|\[\[)\s*var:([^:{}\[\]]+?)\s*(?::([^{}\[\]]*))?(?:\}\}|\]\])")
_LINK: Final = re.compile(r"""(<a\b[^>]*?\bhref\s*=\s*)("|')(https?://.*?)\2""", re.IGNORECASE | re.DOTALL)
_UNSUBSCRIBE_MARK: Final = re.compile(r"\[\[UNSUB_LINK(?:_[A-Z]{2})?\]\]")
_BODY_END: Final = re.compile(r"</body\s*>", re.IGNORECASE)


class VariableMissing(Exception):
    """A template names a variable that has neither a value nor a default."""


def fill(text: str, variables: Mapping[str, Any], *, is_lenient: bool = False) -> str:
    """Put values in for `{{var:name}}`, `{{var:name:default}}` and `[[var:name]]`.

    Args:
        text: The part to fill.
        variables: `Variables` of the send; a dotted name looks inside an object.
        is_lenient: Fill what is missing with nothing, as `TemplateErrorDeliver` asks.

    Raises:
        VariableMissing: A variable has neither a value nor a default.
    Source: Mailjet guide "Personalization", "Send API v3.1" `TemplateLanguage`.
    """

    def value_of(found: re.Match[str]) -> str:
        value: Any = variables
        for part in found[1].split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if value is None:
            if found[2] is None and not is_lenient:
                raise VariableMissing(found[1])
            return (found[2] or "").strip().strip("\"'")
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

    return _VARIABLE.sub(value_of, text)


def pixel_mark(token: str) -> str:
    """Give the eight hex digits that belong to a message's pixel."""
    return f"{zlib.crc32(token.encode()):08x}"


def pixel_path(token: str) -> str:
    """Give the path of a message's open pixel."""
    return f"/oo/{token}/{pixel_mark(token)}/e.gif"


def link_hash(token: str, position: str, target: str) -> str:
    """Give the 22 characters that tie a tracked link to its message, place and target."""
    digest = md5(f"{token}/{position}/{target}".encode(), usedforsecurity=False).digest()
    return urlsafe_b64encode(digest).decode().rstrip("=")


def link_path(token: str, position: int, url: str) -> str:
    """Give the path of a tracked link."""
    target = urlsafe_b64encode(url.encode()).decode().rstrip("=")
    return f"/lnk/{token}/{position}/{link_hash(token, str(position), target)}/{target}"


def link_target(target: str) -> str:
    """Give the URL that a tracked link's last segment holds.

    Raises:
        ValueError: It holds none.
    """
    return urlsafe_b64decode(target + "=" * (-len(target) % 4)).decode("utf-8")


def unsubscribe_path(token: str) -> str:
    """Give the path of a message's unsubscribe page."""
    return f"/unsub/{token}"


def add_url_tags(url: str, tags: str) -> str:
    """Append `URLTags` to a link's query, before its fragment."""
    if not tags:
        return url
    base, mark, fragment = url.partition("#")
    joint = "&" if "?" in base else "?"
    return f"{base}{joint}{tags.lstrip('?&')}{mark}{fragment}"


def render_html(
    source: str,
    *,
    token: str,
    base_url: str,
    url_tags: str,
    has_pixel: bool,
    has_links: bool,
    adds_unsubscribe: bool,
) -> str:
    """Make the HTML that is delivered: tags and tracking on links, an unsubscribe link, the pixel last.

    Args:
        source: HTML with its variables filled.
        token: Of the message.
        base_url: Of the track host, without a trailing slash.
        url_tags: Appended to every link; empty for none.
        has_pixel: Whether opens are tracked.
        has_links: Whether clicks are tracked.
        adds_unsubscribe: Whether HTML that places no unsubscribe link gets one at its end.
    """
    position = 0

    def rewrite(found: re.Match[str]) -> str:
        nonlocal position
        position += 1
        url = add_url_tags(html.unescape(found[3]), url_tags)
        if has_links:
            url = base_url + link_path(token, position, url)
        return f"{found[1]}{found[2]}{html.escape(url)}{found[2]}"

    body = _LINK.sub(rewrite, source)
    unsubscribe_url = base_url + unsubscribe_path(token)
    body, placed = _UNSUBSCRIBE_MARK.subn(lambda _found: unsubscribe_url, body)
    tail = f'<p><a href="{unsubscribe_url}">Unsubscribe</a></p>' if adds_unsubscribe and not placed else ""
    if has_pixel:
        tail += f'<img src="{base_url}{pixel_path(token)}" width="1" height="1" alt="" border="0">'
    end = None
    for end in _BODY_END.finditer(body):  # noqa: B007 - the last one is wanted
        pass
    return body + tail if end is None else body[: end.start()] + tail + body[end.start() :]
