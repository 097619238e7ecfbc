from __future__ import annotations

from random import Random
from typing import Any

import pytest

from simulator.people import Person, make_people, split_random
from simulator.quantities import Delay, Share
from simulator.scenario import Deed, Habit, NamedPerson, PeopleSpec

ADA = NamedPerson("Ada", "ada@example.com", "", "u-ada", "", "", {}, {"plan": "pro"})


def spec(count: int = 50, **changes: Any) -> PeopleSpec:
    settings: dict[str, Any] = {
        "locale": "en_GB",
        "user_ids": 1.0,
        "clients": {"amp": 1.0},
        "hard_bounces": 0.0,
        "soft_bounces": 0.0,
        "habits": {},
        "named": (),
    }
    return PeopleSpec(count=count, **(settings | changes))


def person(habits: dict[str, Habit], deeds: dict[str, Deed] | None = None, seed: int = 1) -> Person:
    return Person(
        "Ada Byron",
        "ada@example.com",
        "",
        None,
        "amp",
        "ok",
        False,
        deeds or {},
        habits,
        {},
        Random(seed),
    )


def shares_of(habits: dict[str, Habit], mails: int = 4000) -> dict[str, float]:
    ada = person(habits)
    done = [intent.habit for _ in range(mails) for intent in ada.intend()]
    return {habit: done.count(habit) / mails for habit in habits}


class TestMaking:
    def test_the_named_come_first_and_count_among_all(self) -> None:
        people = make_people(spec(3, named=(ADA,)), 1)

        assert [one.is_named for one in people] == [True, False, False]
        assert (people[0].name, people[0].user_id, people[0].properties) == ("Ada", "u-ada", {"plan": "pro"})

    def test_everybody_can_be_told_apart(self) -> None:
        people = make_people(spec(500), 1)

        for values in ([one.email for one in people], [one.user_id for one in people]):
            assert len(set(values)) == 500

    @pytest.mark.parametrize("locale", ["en_IN", "de_DE", "ja_JP", "ru_RU", "ar_SA", "zh_CN"])
    def test_addresses_are_plain_whatever_the_language(self, locale: str) -> None:
        for one in make_people(spec(30, locale=locale), 1):
            local, _, domain = one.email.partition("@")
            assert one.email.isascii()
            assert domain == "example.com"
            assert local.replace(".", "").isalnum()
            assert one.name.strip()
            assert one.first_name

    @pytest.mark.parametrize(
        ("locale", "code"), [("en_IN", "+91555"), ("de_DE", "+49555"), ("en_XY", "+1555")]
    )
    def test_phones_are_of_the_country_and_of_nobody(self, locale: str, code: str) -> None:
        people = make_people(spec(2, locale=locale if locale != "en_XY" else "en_US"), 1)

        assert all(one.phone.startswith(code) for one in people)

    def test_shares_are_kept(self) -> None:
        clients = {"amp": 0.7, "html": 0.2, "apple": 0.1}
        people = make_people(
            spec(3000, user_ids=0.8, clients=clients, hard_bounces=0.04, soft_bounces=0.02), 1
        )

        def share(of: Any) -> float:
            return sum(1 for one in people if of(one)) / len(people)

        assert share(lambda one: one.user_id) == pytest.approx(0.8, abs=0.03)
        assert share(lambda one: one.mailbox == "hard") == pytest.approx(0.04, abs=0.015)
        assert share(lambda one: one.mailbox == "soft") == pytest.approx(0.02, abs=0.015)
        for client, wanted in clients.items():
            assert share(lambda one, client=client: one.client == client) == pytest.approx(wanted, abs=0.03)

    def test_another_seed_makes_other_people(self) -> None:
        assert [one.name for one in make_people(spec(), 1)] != [one.name for one in make_people(spec(), 2)]

    def test_splits_of_one_seed_are_independent_and_repeatable(self) -> None:
        assert split_random(1, "a").random() == split_random(1, "a").random()
        assert len({split_random(seed, name).random() for seed in (1, 2) for name in ("a", "b", "1/a")}) == 6


class TestHabits:
    OPEN = Habit(Share(0.6), Delay(3600, 3600))

    def test_shares_of_openers_are_of_openers(self) -> None:
        found = shares_of({"open": self.OPEN, "click": Habit(Share(0.5, "open"), Delay(60, 60))})

        assert found["open"] == pytest.approx(0.6, abs=0.03)
        assert found["click"] == pytest.approx(0.3, abs=0.03)

    def test_shares_of_everyone_are_of_everyone(self) -> None:
        found = shares_of({"open": self.OPEN, "click": Habit(Share(0.5), Delay(60, 60))})

        assert found["click"] == pytest.approx(0.5, abs=0.03)

    def test_delays_count_from_the_opening(self) -> None:
        ada = person({"open": Habit(Share(1), Delay(3600, 3600)), "click": Habit(Share(1), Delay(60, 60))})

        assert [(intent.habit, intent.after_s) for intent in ada.intend()] == [
            ("open", 3600),
            ("click", 3660),
        ]

    def test_what_happens_at_one_moment_happens_in_a_sensible_order(self) -> None:
        now = Habit(Share(1), Delay(0, 0))
        ada = person(dict.fromkeys(("mark_as_spam", "submit", "open", "click"), now))

        assert [intent.habit for intent in ada.intend()] == ["open", "click", "submit", "mark_as_spam"]

    def test_whoever_has_no_habits_does_nothing(self) -> None:
        assert person({}).intend() == ()

    def test_one_habit_never_shifts_another(self) -> None:
        """Adding a habit leaves what the others do as it was."""
        before = person({"open": self.OPEN})
        after = person({"open": self.OPEN, "submit": Habit(Share(0.5, "open"), Delay(60, 60))})

        def openings(one: Person) -> list[bool]:
            return [any(intent.habit == "open" for intent in one.intend()) for _ in range(200)]

        assert openings(before) == openings(after)


class TestDeeds:
    def test_a_scripted_person_does_what_the_script_says_and_nothing_else(self) -> None:
        deeds = {"submit": Deed(Delay(7500, 7500), "", {"score": 9}), "open": Deed(Delay(7200, 7200))}
        ada = person({"click": Habit(Share(1), Delay(1, 1)), "open": Habit(Share(1), Delay(1, 1))}, deeds)

        first, second = ada.intend()

        assert (first.habit, first.after_s) == ("open", 7200)
        assert (second.habit, second.after_s, second.answers) == ("submit", 7500, {"score": 9})

    def test_never_means_never(self) -> None:
        ada = person({"open": Habit(Share(1), Delay(1, 1))}, {"open": Deed(None)})

        assert ada.intend() == ()
