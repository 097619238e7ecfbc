"""Segment's part of the control API: its sources, and what it remembers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from fakes.kit import Collection, Root, VendorControl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fakes.kit.account_settings import Bounds
    from fakes.segment.app import FakeSegment

__all__ = ["SegmentControl"]


class SegmentControl(VendorControl):
    """What can be shown and done in a Segment workspace."""

    fixed: ClassVar[Mapping[str, str]] = {"region": "a workspace keeps its data where it was made"}
    bounds: ClassVar[Mapping[str, Bounds]] = {"delivery_attempts": (1, 1000)}

    def __init__(self, fake: FakeSegment) -> None:
        super().__init__(fake, fake.settings)
        self._fake = fake

    def credentials(self) -> dict[str, Any]:
        """Every source's write key."""
        return {"write_keys": {source.slug: source.write_key for source in self._fake.state.sources}}

    def url(self) -> str:
        """Give the tracking API's host of the workspace's region."""
        return self._fake.surroundings.url_of(self._fake.host)

    def roots(self) -> Mapping[str, Root]:
        """Sources, destinations and what they got; the windows of repeated messages and of the rate, too."""
        rate = Root(self._fake, only=("_second", "_calls_this_second"))
        return {"workspace": Root(self._fake.state), "rate": rate}

    def collections(self) -> Mapping[str, Collection]:
        """The sources; `POST` creates none, for they come with the accounts."""
        return {"sources": Collection(self._show_sources)}

    def _show_sources(self) -> list[dict[str, Any]]:
        return [{"name": source.slug, "write_key": source.write_key} for source in self._fake.state.sources]
