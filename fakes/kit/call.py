"""One request as a handler sees it."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from multidict import CIMultiDict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from contracts.bodies import Body
    from fakes.kit.request import Request

__all__ = ["Call"]

_WRONG: Final = "wrong"
_WRONG_BASIC: Final = b64encode(b"wrong:wrong").decode()


class Call:
    """One request as a handler sees it.

    Attributes:
        request: The request itself, for headers and the rest.
        content: The body, parsed at most once for judge and handler.
        path: Path parameters, decoded.
        exchange_id: The journal's id for this exchange.
    """

    __slots__ = ("content", "exchange_id", "path", "request")

    def __init__(self, request: Request, content: Body, path: Mapping[str, str], exchange_id: str) -> None:
        self.request = request
        self.content = content
        self.path = path
        self.exchange_id = exchange_id

    @property
    def body(self) -> bytes:
        """The raw bytes of the body."""
        return self.content.raw

    @property
    def query(self) -> Mapping[str, str]:
        """Query parameters; the first of a repeated one."""
        return self.request.query

    @property
    def headers(self) -> Mapping[str, str]:
        """Request headers; names compare without case."""
        return self.request.headers

    def json(self) -> Any:
        """Parse the body as JSON.

        Raises:
            ValueError: It is not JSON.
        """
        return self.content.json()

    def form(self) -> dict[str, str]:
        """Parse the body as a classic form post; the last of a repeated field."""
        return dict(self.form_items())

    def form_items(self) -> list[tuple[str, str]]:
        """Parse the body as a classic form post, every field in order."""
        return parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True)

    def with_wrong_credentials(self) -> Call:
        """Give the call as the vendor sees it when the credentials in it are not right, wherever they stand."""
        return _WrongCall(self.request, self.content, self.path, self.exchange_id)


class _WrongCall(Call):
    """A call as a vendor sees it for whom the credentials in it are not right, wherever they stand."""

    __slots__ = ()

    @property
    def query(self) -> Mapping[str, str]:
        return {
            name: _WRONG if "key" in name.lower() else value for name, value in self.request.query.items()
        }

    @property
    def headers(self) -> Mapping[str, str]:
        found = CIMultiDict(self.request.headers)
        scheme = found.get("Authorization", "").partition(" ")[0]
        for name in set(found):
            if name.lower() == "authorization":
                found[name] = f"Basic {_WRONG_BASIC}" if scheme.lower() == "basic" else f"{scheme} {_WRONG}"
            elif name.lower().endswith(("key", "passcode")):
                found[name] = _WRONG
        return found
