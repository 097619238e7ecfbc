"""The people of a world: who they are and what they do with mail, all drawn from the seed.

Each person has a generator of their own, split from the seed by who they are, so that somebody keeps name,
habits and answers when others are added or taken away.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Final

from faker import Faker

from simulator.scenario import HABITS, PHONE_HABITS, Deed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from simulator.scenario import Habit, NamedPerson, PeopleSpec

__all__ = ["Intent", "Person", "make_people", "split_random"]

_DIALLING_CODES: Final[Mapping[str, str]] = {
    "AT": "+43", "AU": "+61", "BR": "+55", "CA": "+1", "CH": "+41", "DE": "+49", "ES": "+34", "FR": "+33",
    "GB": "+44", "ID": "+62", "IE": "+353", "IN": "+91", "IT": "+39", "JP": "+81", "MX": "+52", "NL": "+31",
    "PL": "+48", "PT": "+351", "SG": "+65", "US": "+1",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Intent:
    """One thing a person is going to do with one mail or message.

    Attributes:
        habit: `open`, `click`, `submit`, `unsubscribe` or `mark_as_spam`; on a phone `view` or `tap`.
        after_s: Seconds after the mail or message arrived.
        link: Which link; empty for the first.
        answers: What to answer, by question; drawn when empty.
    """

    habit: str
    after_s: float
    link: str
    answers: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a mailbox, a phone and habits.

    Attributes:
        email: In lower case; the person's name in journal and reports.
        user_id: The customer's own id for them; None when they have none.
        client: `amp`, `html`, or `apple` (a privacy proxy opens every mail for them).
        mailbox: `ok`, `hard` (there is no such address) or `soft` (it is full).
        is_named: Whether the scenario speaks of them by name.
        deeds: What they are scripted to do; overrides habits.
        random: Their own generator.
        phone_random: Another one, for what they do on their phone, so that neither shifts the other.
        has_push: Whether they have the app, which takes notifications.
        has_web_push: Whether their browser takes notifications.
    """

    name: str
    email: str
    phone: str
    user_id: str | None
    client: str
    mailbox: str
    is_named: bool
    deeds: Mapping[str, Deed]
    habits: Mapping[str, Habit]
    properties: Mapping[str, object]
    random: Random
    phone_random: Random = field(default_factory=lambda: Random(0))  # noqa: S311 - a simulation, not a secret
    has_push: bool = False
    has_web_push: bool = False

    @property
    def first_name(self) -> str:
        """The first word of the name."""
        return self.name.split()[0]

    def intend(self) -> tuple[Intent, ...]:
        """Decide what to do with a mail that has just arrived, in order of time.

        Every habit is drawn every time, in the same order, so that one decision never shifts another.
        """
        drawn = {habit: (self.random.random(), self._draw_delay(habit)) for habit in HABITS}
        if self.deeds:  # a scripted person does what the script says and nothing else
            intents = [
                Intent(habit, deed.after.draw(self.random), deed.link, deed.answers)
                for habit, deed in self.deeds.items()
                if deed.after is not None and habit in HABITS
            ]
        else:
            intents = list(self._follow_habits(drawn))
        return tuple(sorted(intents, key=lambda intent: (intent.after_s, HABITS.index(intent.habit))))

    def intend_on_phone(self, campaign: str) -> tuple[Intent, ...]:
        """Decide what to do with a message of a campaign that has just arrived on the phone, in order of time."""
        chances = {habit: (self.phone_random.random(), self._draw_on_phone(habit)) for habit in PHONE_HABITS}
        if self.deeds:
            intents = [
                Intent(habit, deed.after.draw(self.phone_random), "", {})
                for habit, deed in self.deeds.items()
                if habit in PHONE_HABITS and deed.after is not None and deed.on in ("", campaign)
            ]
            return tuple(sorted(intents, key=lambda one: (one.after_s, PHONE_HABITS.index(one.habit))))
        view, tap = self.habits.get("view"), self.habits.get("tap")
        viewed_s = 0.0
        intents = []
        if view is not None:
            chance, viewed_s = chances["view"]
            if chance >= view.share.fraction:
                return ()
            intents.append(Intent("view", viewed_s, "", {}))
        if tap is not None:
            chance, delay_s = chances["tap"]
            # A share of everyone is drawn among those who look, and larger there.
            share = tap.share.fraction
            if chance < (share if tap.share.of or view is None else share / view.share.fraction):
                intents.append(Intent("tap", viewed_s + delay_s, "", {}))
        return tuple(intents)

    def _draw_on_phone(self, habit: str) -> float:
        known = self.habits.get(habit)
        return known.after.draw(self.phone_random) if known else 0.0

    def _follow_habits(self, drawn: Mapping[str, tuple[float, float]]) -> Iterator[Intent]:
        """Whoever does not open a mail does nothing else with it; other delays count from the opening.

        A share of everyone is therefore drawn among those who open, and larger there.
        """
        chance, opened_s = drawn["open"]
        if "open" not in self.habits or chance >= self.habits["open"].share.fraction:
            return
        openers = self.habits["open"].share.fraction
        yield Intent("open", opened_s, "", {})
        for habit in HABITS[1:]:
            if habit not in self.habits:
                continue
            chance, delay_s = drawn[habit]
            share = self.habits[habit].share
            if chance < (share.fraction if share.of else share.fraction / openers):
                yield Intent(habit, opened_s + delay_s, "", {})

    def _draw_delay(self, habit: str) -> float:
        known = self.habits.get(habit)
        return known.after.draw(self.random) if known else 0.0


def make_people(spec: PeopleSpec, seed: int) -> tuple[Person, ...]:
    """Make everybody: the named first, in the scenario's order, then the rest.

    Args:
        spec: How many and of which kind.
        seed: The world's seed.
    """
    named = [_named(person, spec, seed) for person in spec.named]
    return (*named, *_others(spec, seed))


def split_random(seed: int, name: str) -> Random:
    """Split a generator of its own from the seed, by name."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return Random(int.from_bytes(digest[:16]))  # noqa: S311 - a simulation, not a secret


def _others(spec: PeopleSpec, seed: int) -> Iterator[Person]:
    faker = Faker(spec.locale)
    for number in range(1, spec.count - len(spec.named) + 1):
        random = split_random(seed, f"person/{number}")
        faker.seed_instance(random.getrandbits(64))
        first, last = faker.first_name(), faker.last_name()
        phone_random = split_random(seed, f"phone/{number}")
        yield Person(
            name=f"{first} {last}",
            email=f"{_slug(first, last)}.{number}@example.com",
            phone=_phone(spec.locale, random),
            user_id=f"u-{number:05d}" if random.random() < spec.user_ids else None,
            client=_choose(spec.clients, random),
            mailbox=_mailbox(spec, random),
            is_named=False,
            deeds={},
            habits=spec.habits,
            properties={},
            random=random,
            phone_random=phone_random,
            has_push=phone_random.random() < spec.push,
            has_web_push=phone_random.random() < spec.web_push,
        )


def _named(person: NamedPerson, spec: PeopleSpec, seed: int) -> Person:
    random = split_random(seed, f"person/{person.email}")
    phone_random = split_random(seed, f"phone/{person.email}")
    has_push, has_web_push = (phone_random.random() < share for share in (spec.push, spec.web_push))
    return Person(
        name=person.name,
        email=person.email,
        phone=person.phone or _phone(spec.locale, random),
        user_id=person.user_id,
        client=person.client or "amp",
        mailbox=person.bounces or "ok",
        is_named=True,
        deeds=person.deeds,
        habits=spec.habits,
        properties=person.properties,
        random=random,
        phone_random=phone_random,
        has_push=has_push if person.push is None else person.push,
        has_web_push=has_web_push if person.web_push is None else person.web_push,
    )


def _choose(shares: Mapping[str, float], random: Random) -> str:
    names: Sequence[str] = sorted(shares)
    return random.choices(names, [shares[name] for name in names])[0]


def _mailbox(spec: PeopleSpec, random: Random) -> str:
    chance = random.random()
    if chance < spec.hard_bounces:
        return "hard"
    return "soft" if chance < spec.hard_bounces + spec.soft_bounces else "ok"


def _phone(locale: str, random: Random) -> str:
    """Draw a number of the right country; 555 keeps it out of anybody's pocket."""
    return f"{_DIALLING_CODES.get(locale[-2:], '+1')}555{random.randrange(10**7):07d}"


def _slug(first: str, last: str) -> str:
    words = ["".join(c for c in word.lower() if c.isascii() and c.isalpha()) for word in (first, last)]
    return ".".join(word for word in words if word) or "person"
