"""Customer.io's part of the control API: what it remembers. What is in the account is created through its own API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from fakes.kit import Root, VendorControl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fakes.customerio.app import FakeCustomerIo

__all__ = ["CustomerIoControl"]


class CustomerIoControl(VendorControl):
    """What can be shown and done in a Customer.io workspace."""

    fixed: ClassVar[Mapping[str, str]] = {
        "mode": "people are known as the workspace was made to know them",
        "region": "a workspace lives where it was made",
        "workspace_id": "the ids of people and deliveries are made from it",
    }

    def __init__(self, fake: FakeCustomerIo) -> None:
        super().__init__(fake, fake.settings)
        self._fake = fake

    def credentials(self) -> dict[str, Any]:
        """The keys of both APIs and of the webhooks' signatures."""
        settings = self._fake.settings
        return {
            "site_id": settings.site_id,
            "track_api_key": settings.track_api_key,
            "app_api_key": settings.app_api_key,
            "webhook_signing_key": settings.webhook_signing_key,
        }

    def roots(self) -> Mapping[str, Root]:
        """People, deliveries, transactional messages, reporting webhooks, and the windows of the rates."""
        return {"workspace": Root(self._fake.state), "rates": Root(self._fake._recent)}  # noqa: SLF001 - two parts of one fake
