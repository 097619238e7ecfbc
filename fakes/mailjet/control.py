"""Mailjet's part of the control API: what it remembers. What is in the account is created through its own API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from fakes.kit import Root, VendorControl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fakes.kit.account_settings import Bounds
    from fakes.mailjet.app import FakeMailjet

__all__ = ["MailjetControl"]


class MailjetControl(VendorControl):
    """What can be shown and done in a Mailjet account."""

    fixed: ClassVar[Mapping[str, str]] = {"api_key_id": "what is in the account was made under it"}
    bounds: ClassVar[Mapping[str, Bounds]] = {"batch_limit": (1, 100_000)}

    def __init__(self, fake: FakeMailjet) -> None:
        super().__init__(fake, fake.settings)
        self._fake = fake

    def credentials(self) -> dict[str, Any]:
        """The key pair."""
        return {"api_key": self._fake.settings.api_key, "secret_key": self._fake.settings.secret_key}

    def roots(self) -> Mapping[str, Root]:
        """Contacts, messages, campaigns, templates, callback URLs, and the window of the rate."""
        return {"account": Root(self._fake.state)}

    async def cut_off(self) -> None:
        """Cut off sends under way, and forget the events that wait."""
        await super().cut_off()
        self._fake.events.clear()
