"""Faults as rules with guards: what goes wrong, with which messages, when, and how often.

```python
with fake.faults.install(FaultRule(Status(503), on=("upload",), share=0.2)) as installed:
    ...
assert installed.struck
```

The first rule that fits decides, in the order in which they were installed. Each rule has a generator of its own,
so that another rule does not change what this one draws.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Final, Self

from fakes.kit.errors import FaultInvalid, UnknownFault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from contracts import Contract, Operation
    from fakes.kit.fault_kinds import Fault
    from fakes.kit.outages import Outages

__all__ = ["CALLS", "PEOPLE", "WEBHOOKS", "FaultRule", "Faults", "InstalledFault", "wants_credentials"]

CALLS: Final = "calls"
"""In `FaultRule.on`: every call that the vendor gets."""

WEBHOOKS: Final = "webhooks"
"""In `FaultRule.on`: every webhook that the vendor sends."""

PEOPLE: Final = "people"
"""As `FaultRule.caller`: whoever acts on a mail."""


@dataclass(frozen=True, slots=True)
class FaultRule:
    """One rule.

    Attributes:
        fault: What goes wrong.
        on: Ids of operations and names of webhooks, `calls` or `webhooks`; empty for all that the fault can befall.
        caller: Whose calls: `bridge`, `client` (of `serve`), `app`, `people`, an address, or empty for everybody's.
            Webhooks have none.
        first: The first message that it befalls, counted from 1 among those that fit so far.
        last: The last one; None for no end.
        share: Which part of those it befalls, drawn from the seed.
        starts_at: From when on; None for always.
        ends_at: Until when, not included; None for ever.
        name: What the user calls it; may be empty.
    """

    fault: Fault
    on: tuple[str, ...] = ()
    caller: str = ""
    first: int = 1
    last: int | None = None
    share: float = 1.0
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    name: str = ""

    def __post_init__(self) -> None:
        word = self.fault.word
        if self.first < 1 or (self.last is not None and self.last < self.first):
            raise FaultInvalid(
                f"fault `{word}`: found calls {self.first} to {self.last}, wanted 1 or more, in order"
            )
        if not 0 < self.share <= 1:
            raise FaultInvalid(f"fault `{word}`: found a share of {self.share:g}, wanted above 0 and up to 1")
        if self.starts_at is not None and self.ends_at is not None and self.ends_at <= self.starts_at:
            raise FaultInvalid(f"fault `{word}`: found an end that is not after its start")

    @property
    def befalls_everything(self) -> bool:
        """Whether it picks no messages, but by their time."""
        return not self.on and not self.caller and self.first == 1 and self.last is None and self.share == 1

    def describe(self) -> str:
        """What the journal calls it: its name, or else what the fault does."""
        return self.name or self.fault.describe()


class InstalledFault:
    """A rule at work. As a context manager it uninstalls itself on leaving.

    Attributes:
        id: `f1`, `f2`, … in the order of installation.
        rule: What it does.
        random: Its own generator.
        fitted: How many messages fitted, whether it befell them or not.
        struck: How many it befell.
    """

    def __init__(self, faults: Faults, identity: str, rule: FaultRule, *, random: Random) -> None:
        self.id = identity
        self.rule = rule
        self.random = random
        self.fitted = 0
        self.struck = 0
        self._faults = faults
        self._removed = asyncio.Event()
        self._held: asyncio.Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.remove()

    def remove(self) -> None:
        """Uninstall; whatever it holds back goes on. Twice is the same as once."""
        self._removed.set()
        self.let_go()
        self._faults.forget(self)

    async def over(self) -> None:
        """Wait until the rule's time is over, or it is uninstalled."""
        ends_at = self.rule.ends_at
        timeout_s = None if ends_at is None else max(0.0, (ends_at - self._faults.now()).total_seconds())
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._removed.wait()

    async def hold_or_overtake(self, at_most_s: float) -> bool:
        """Wait to be overtaken, or overtake the one that waits; say whether it was the latter."""
        if self._held is not None:
            return True
        held = self._held = asyncio.get_running_loop().create_future()
        with suppress(TimeoutError):
            async with asyncio.timeout(at_most_s):
                await held
        if self._held is held:
            self._held = None
        return False

    def let_go(self) -> None:
        """Let the one that waits to be overtaken go on."""
        if self._held is not None and not self._held.done():
            self._held.set_result(None)
        self._held = None


class Faults:
    """The rules of one fake.

    Attributes:
        installed: In the order in which they decide; whoever serves looks here first, and nowhere when it is empty.
        now: The world's time.
    """

    def __init__(
        self,
        contract: Contract,
        *,
        now: Callable[[], datetime],
        random: Random,
        outages: Outages | None = None,
    ) -> None:
        """Make a board without rules.

        Args:
            contract: The vendor's.
            now: The world's time.
            random: Seeds what each rule draws.
            outages: Has connections refused; None where that cannot be.
        """
        self.installed: list[InstalledFault] = []
        self.now = now
        self._outages = outages
        self._contract = contract
        self._random = random
        self._count = 0

    def install(self, rule: FaultRule) -> InstalledFault:
        """Let a rule be at work from now on.

        Raises:
            FaultInvalid: It names what the contract does not have, or what the fault cannot befall.
        """
        self.check_names(rule, self._contract)
        refuses = rule.fault.refuses_connections
        if refuses and self._outages is None:
            raise FaultInvalid(
                f"fault `{rule.fault.word}`: nothing here can have connections refused; let them be reset"
            )
        self._count += 1
        random = Random(self._random.getrandbits(64))  # noqa: S311 - a simulation, not a secret
        made = InstalledFault(self, f"f{self._count}", rule, random=random)
        self.installed.append(made)
        if refuses and self._outages is not None:
            self._outages.add(made.id, rule.starts_at, rule.ends_at)
        return made

    @staticmethod
    def check_names(rule: FaultRule, contract: Contract) -> None:
        """Find out whether a rule makes sense for a vendor.

        Raises:
            FaultInvalid: It names what the contract does not have, or what the fault cannot befall.
        """
        word, names = rule.fault.word, (CALLS, WEBHOOKS, *contract.operations)
        if rule.fault.refuses_connections and not rule.befalls_everything:
            raise FaultInvalid(
                f"fault `{word}`: a connection is refused before anything is asked, so that nothing can be picked; "
                "drop the words on which messages, or let connections be reset"
            )
        for name in rule.on:
            if name not in names:
                message = f"fault `{word}`: {contract.name} has no operation or webhook {name!r}"
                raise FaultInvalid(message, found=name, known=names)
            operation = contract.operations.get(name)
            is_webhook = name == WEBHOOKS or (operation is not None and operation.kind == "webhook")
            if is_webhook and not rule.fault.for_webhooks:
                raise FaultInvalid(
                    f"fault `{word}` befalls calls only, and {name!r} is a webhook", found=name
                )
            if is_webhook and rule.caller:
                raise FaultInvalid(f"fault `{word}`: {name!r} is a webhook, which has no caller", found=name)
            if rule.fault.wants_credentials and operation and not wants_credentials(contract, operation):
                raise FaultInvalid(f"fault `{word}`: {name!r} wants no credentials", found=name)

    def by_id(self, identity: str) -> InstalledFault:
        """Find a rule at work.

        Raises:
            UnknownFault: There is none of that id.
        """
        for installed in self.installed:
            if installed.id == identity:
                return installed
        known = ", ".join(installed.id for installed in self.installed) or "none"
        raise UnknownFault(f"no fault {identity!r}; there are {known}")

    def forget(self, installed: InstalledFault) -> None:
        """Take a rule off the list; `InstalledFault.remove` is what users call."""
        if installed in self.installed:
            self.installed.remove(installed)
            if self._outages is not None:
                self._outages.drop(installed.id)

    def clear(self) -> None:
        """Uninstall every rule."""
        for installed in tuple(self.installed):
            installed.remove()

    def end_outages(self) -> None:
        """Let connections in again, whatever the rules say."""
        if self._outages is not None:
            for installed in self.installed:
                self._outages.drop(installed.id)

    def pick_for_call(self, operation: Operation | None, caller: str) -> InstalledFault | None:
        """Find the rule that befalls a call, if one does."""
        return self._pick((CALLS, operation.id if operation else ""), caller, operation=operation)

    def pick_for_webhook(self, name: str) -> InstalledFault | None:
        """Find the rule that befalls a try of a webhook, if one does."""
        return self._pick((WEBHOOKS, name), "", operation=None)

    def _pick(
        self, names: tuple[str, str], caller: str, *, operation: Operation | None
    ) -> InstalledFault | None:
        now = self.now()
        for installed in self.installed:
            rule = installed.rule
            if not self._fits(rule, names, caller, operation=operation) or not _is_on(rule, now):
                continue
            installed.fitted += 1
            if installed.fitted < rule.first or (rule.last is not None and installed.fitted > rule.last):
                continue
            if rule.share < 1 and installed.random.random() >= rule.share:
                continue
            installed.struck += 1
            return installed
        return None

    def _fits(
        self, rule: FaultRule, names: tuple[str, str], caller: str, *, operation: Operation | None
    ) -> bool:
        if rule.on and not any(name in rule.on for name in names):
            return False
        if names[0] == WEBHOOKS:
            return rule.fault.for_webhooks and not rule.caller
        if rule.fault.wants_credentials and (
            operation is None or not wants_credentials(self._contract, operation)
        ):
            return False
        return not rule.caller or rule.caller == caller or (rule.caller == PEOPLE and "@" in caller)


def wants_credentials(contract: Contract, operation: Operation) -> bool:
    """Say whether a call needs credentials, as the contract's `security` has it."""
    wanted: Iterable[object] = operation.spec.get("security", contract.document.get("security", ()))
    return any(wanted)


def _is_on(rule: FaultRule, now: datetime) -> bool:
    return (rule.starts_at is None or rule.starts_at <= now) and (rule.ends_at is None or now < rule.ends_at)
