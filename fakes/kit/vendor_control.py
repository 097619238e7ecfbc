"""What the control API of one vendor can show and do; each vendor's `control.py` fills it in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from fakes.kit.account_settings import apply_settings, read_settings, show_settings
from fakes.kit.errors import ControlRefused, SnapshotInvalid
from fakes.kit.mail import Inboxes
from fakes.kit.snapshots import check, restore, take

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from fakes.kit.account_settings import Bounds
    from fakes.kit.server import Fake
    from fakes.kit.snapshots import Root

__all__ = ["FORMAT", "Collection", "VendorControl"]

FORMAT: Final = 1
"""Version of the form of snapshots."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Collection:
    """Things of one kind in an account.

    Attributes:
        show: Gives all of them, the oldest first, from the vendor's own record.
        create: Creates one and gives it as `show` does; None where nothing can be created.
        schema: Name of the schema, in the contract of the control API, of what is created.
        is_on_page: Whether the start page shows them; not where there may be thousands.
    """

    show: Callable[[], Sequence[Json]]
    create: Callable[[Json], Awaitable[Json]] | None = None
    schema: str = ""
    is_on_page: bool = True


class VendorControl(ABC):
    """One vendor's part of the control API. Everything has a default but the credentials and the memory.

    Args:
        fake: Whose.
        settings: The fake's own.

    Attributes:
        fixed: Settings that cannot be changed, with the reason.
        bounds: For settings whose numbers may be others than from 0 to a year of seconds.
    """

    fixed: ClassVar[Mapping[str, str]] = {}
    bounds: ClassVar[Mapping[str, Bounds]] = {}

    def __init__(self, fake: Fake, settings: object) -> None:
        self.fake = fake
        self.settings = settings

    @abstractmethod
    def credentials(self) -> Json:
        """Give what a client needs to be let in, under the names that `serve --json` has."""

    @abstractmethod
    def roots(self) -> Mapping[str, Root]:
        """Give everything that remembers, by name."""

    def collections(self) -> Mapping[str, Collection]:
        """Give what there is in the account, by the name in the path."""
        return {}

    def setup_steps(self) -> list[Json]:
        """Give what the dashboard shows for copying into other systems, for each campaign."""
        return []

    async def launch(self, name: str, emails: Sequence[str] | None) -> int:  # noqa: ARG002 - for those that can
        """Launch a campaign; say for how many people.

        Raises:
            ControlRefused: The vendor has none that are launched, or none of that name.
        """
        raise ControlRefused(
            404, "not_offered", f"{self.fake.vendor} has no campaigns that are launched ({name!r})"
        )

    async def cut_off(self) -> None:
        """Cut off what is under way; a vendor with queues of its own empties them as well."""
        await self.fake.cut_off()

    def url(self) -> str:
        """Give where the vendor's API is."""
        return self.fake.surroundings.url_of(self.fake.hosts[0])

    def account(self) -> Json:
        """Show the account: where, with which credentials and settings, and what is in it."""
        fake = self.fake
        return {
            "vendor": fake.vendor,
            "url": self.url(),
            "hosts": {host: fake.surroundings.url_of(host) for host in fake.hosts},
            "credentials": self.credentials(),
            "settings": show_settings(self.settings),
            "fixed": dict(self.fixed),
            "collections": {name: one.schema or None for name, one in self.collections().items()},
            "operations": [operation.id for operation in fake.contract.of_kind("operation")],
            "webhooks": [operation.id for operation in fake.contract.of_kind("webhook")],
        }

    def change_settings(self, changes: Json) -> None:
        """Change settings of the account.

        Args:
            changes: New values by name; what is not named stays.

        Raises:
            ControlRefused: One of them makes no sense, or cannot be changed; then none is.
        """
        self._take_up(read_settings(self.settings, changes, fixed=self.fixed, bounds=self.bounds))

    def take(self) -> Json:
        """Take a snapshot.

        Raises:
            SnapshotImpossible: Something that the fake remembers has no form in a document.
        """
        now = self.fake.surroundings.now
        people = {name: one.intentions(self.fake.vendor, now()) for name, one in self._inboxes().items()}
        return {
            "vendor": self.fake.vendor,
            "format": FORMAT,
            "taken_at": now().isoformat(),
            "under_way": self.fake.under_way,
            "settings": show_settings(self.settings),
            "state": take(self.roots(), self.live(), now=now),
            **({"people": people} if people else {}),
        }

    async def put(self, document: Json) -> None:
        """Make the vendor what it was when a snapshot was taken.

        Raises:
            SnapshotInvalid: The document is not one of this vendor's; nothing is changed.
        """
        if document["vendor"] != self.fake.vendor:
            raise SnapshotInvalid("$.vendor", found=str(document["vendor"]), wanted=self.fake.vendor)
        settings = self._read_settings(document["settings"])
        state, now = document["state"], self.fake.surroundings.now
        check(state, self.roots(), self.live(), now=now)
        plans = document.get("people", {})
        prepared = [
            one.prepare(self.fake.vendor, plans[name], now(), f"$.people.{name}")
            for name, one in self._inboxes().items()
            if name in plans
        ]
        await self.cut_off()
        self._take_up(settings)
        restore(state, self.roots(), self.live(), now=now)
        for take_up in prepared:
            take_up()

    def live(self) -> dict[str, object]:
        """Name what belongs to the running fake and not to its memory; a vendor with further parts adds them."""
        surroundings = self.fake.surroundings
        return {
            "fake": self.fake,
            "settings": self.settings,
            "surroundings": surroundings,
            "now": surroundings.now,
            "random": surroundings.random,
            "observer": surroundings.observer,
        }

    def _inboxes(self) -> dict[str, Inboxes]:
        surroundings = self.fake.surroundings
        found = {"mail": surroundings.mail_host, "phones": surroundings.phone_network}
        return {name: one for name, one in found.items() if isinstance(one, Inboxes)}

    def _take_up(self, settings: Any) -> None:
        apply_settings(self.settings, settings)
        self.fake.take_up_settings()

    def _read_settings(self, settings: Json) -> Any:
        names = show_settings(self.settings)
        if settings.keys() != names.keys():
            found = ", ".join(settings) or "nothing"
            raise SnapshotInvalid("$.settings", found=found, wanted=", ".join(names))
        try:
            return read_settings(self.settings, settings, fixed=self.fixed, bounds=self.bounds)
        except ControlRefused as error:
            raise SnapshotInvalid("$", found=str(error), wanted="what GET /snapshot gives") from error
