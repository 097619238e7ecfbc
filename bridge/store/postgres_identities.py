"""Whom Segment identified, as a transaction on Postgres sees it.

A planner asks without waiting, so what it will ask for is fetched before; where it asks for more, that is fetched and
it is asked again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bridge.engagement import unix_ms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.store.postgres_locks import Session
    from bridge.store.records import Identity, Intake, Plan, Planner

__all__ = ["KnownIdentities"]

_LOOK: Final = """
(
    SELECT DISTINCT ON (email) TRUE AS is_user, email AS key, identified_ms, inbox_seq, user_id AS value FROM identities
    WHERE email = ANY($1::text[]) ORDER BY email, identified_ms DESC, inbox_seq DESC
) UNION ALL (
    SELECT DISTINCT ON (user_id) FALSE, user_id, identified_ms, inbox_seq, address FROM identities
    WHERE user_id = ANY($2::text[]) ORDER BY user_id, identified_ms DESC, inbox_seq DESC
)
"""
_REMEMBER: Final = """
INSERT INTO identities (user_id, email, address, identified_ms, inbox_seq)
SELECT user_id, email, address, identified_ms, inbox_seq
FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[]) WITH ORDINALITY
    AS new(user_id, email, address, identified_ms, inbox_seq, nth)
ORDER BY nth
ON CONFLICT (user_id, email) DO UPDATE
SET address = excluded.address, identified_ms = excluded.identified_ms, inbox_seq = excluded.inbox_seq
WHERE identities.identified_ms <= excluded.identified_ms
"""

_Last = tuple[int, int, str]
"""When it was identified, by which piece, as what; the greatest is the last."""


class KnownIdentities:
    """Identities that were fetched, and those that the batch itself made known."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._users: dict[str, _Last | None] = {}
        self._addresses: dict[str, _Last | None] = {}
        self._missing_emails: set[str] = set()
        self._missing_users: set[str] = set()
        self._learnt: list[tuple[Identity, int]] = []

    def user_of(self, email: str) -> str | None:
        """Say as which user an address was last identified; case does not count."""
        email = email.lower()
        if email not in self._users:
            self._missing_emails.add(email)
            return None
        last = self._users[email]
        return last[2] if last else None

    def address_of(self, user_id: str) -> str | None:
        """Say with which address a user was last identified."""
        if user_id not in self._addresses:
            self._missing_users.add(user_id)
            return None
        last = self._addresses[user_id]
        return last[2] if last else None

    async def fetch(self, intakes: Sequence[Intake]) -> None:
        """Fetch what planning these pieces will most likely ask for."""
        recipients = [each.engagement.recipient for each in intakes if each.engagement]
        self._missing_emails |= {each.email.lower() for each in recipients if each.email}
        self._missing_users |= {each.user_id for each in recipients if each.user_id}
        await self._fetch_missing()

    async def plan(self, planner: Planner, intake: Intake, inbox_seq: int) -> Plan:
        """Plan a piece with all that is known, and remember whom it makes known."""
        plan = planner(intake, self)
        while self._missing_emails or self._missing_users:
            await self._fetch_missing()
            plan = planner(intake, self)
        if plan.identity is not None:
            await self._learn(plan.identity, inbox_seq)
        return plan

    async def write(self) -> None:
        """Write what was learnt; one that arrives late does not replace a later one."""
        last: dict[tuple[str, str], tuple[int, int, str]] = {}
        for identity, inbox_seq in self._learnt:
            key = identity.user_id, identity.email.lower()
            new = unix_ms(identity.identified_at), inbox_seq, identity.email
            last[key] = max(last.get(key, new), new)
        if last:
            rows = [(*key, address, at_ms, seq) for key, (at_ms, seq, address) in sorted(last.items())]
            await self._session.execute(_REMEMBER, *zip(*rows, strict=True))

    async def _learn(self, identity: Identity, inbox_seq: int) -> None:
        email = identity.email.lower()
        self._missing_emails |= {email} - self._users.keys()
        self._missing_users |= {identity.user_id} - self._addresses.keys()
        await self._fetch_missing()
        at_ms = unix_ms(identity.identified_at)
        self._users[email] = _later(self._users[email], (at_ms, inbox_seq, identity.user_id))
        self._addresses[identity.user_id] = _later(
            self._addresses[identity.user_id], (at_ms, inbox_seq, identity.email)
        )
        self._learnt.append((identity, inbox_seq))

    async def _fetch_missing(self) -> None:
        emails = sorted(self._missing_emails - self._users.keys())
        users = sorted(self._missing_users - self._addresses.keys())
        self._missing_emails.clear()
        self._missing_users.clear()
        if not emails and not users:
            return
        self._users.update(dict.fromkeys(emails))
        self._addresses.update(dict.fromkeys(users))
        for is_user, key, *last in await self._session.fetch(_LOOK, emails, users):
            at_ms, inbox_seq, value = last
            (self._users if is_user else self._addresses)[key] = (at_ms, inbox_seq, value)


def _later(first: _Last | None, second: _Last) -> _Last:
    return second if first is None else max(first, second)
