from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from simulator.clevertap_specs import CampaignSpec, When
from simulator.problems import ScenarioInvalid
from simulator.quantities import Delay, Moment, Share
from simulator.scenario import Deed
from tests.support.stories import RECEIPT, SURVEY, changed, scenario_of

NAMED = "people__named"
ASK = SURVEY["accounts"]["clevertap"]["campaigns"][0]
NUDGE = SURVEY["accounts"]["clevertap"]["campaigns"][1]


def problems_of(story: dict[str, Any], **changes: Any) -> list[str]:
    with pytest.raises(ScenarioInvalid) as refusal:
        scenario_of(story, **changes)
    return [str(problem).partition(" ")[2] for problem in refusal.value.problems]


class TestWholes:
    def test_title_start_length_and_seed_are_read(self) -> None:
        scenario = scenario_of(SURVEY, seed=9)

        assert (scenario.title, scenario.file, scenario.seed) == ("A survey", "story.yaml", 9)
        assert scenario.starts == datetime(2026, 3, 2, 9, tzinfo=timezone(timedelta(hours=5, minutes=30)))
        assert scenario.lasts_s == 172_800

    def test_the_seed_is_one_unless_said(self) -> None:
        assert scenario_of(SURVEY).seed == 1

    def test_a_day_that_does_not_exist_is_told(self) -> None:
        (problem,) = problems_of(SURVEY, starts="2026-02-30T09:00:00Z")

        assert problem.startswith("starts: found `2026-02-30T09:00:00Z`, wanted a real date and time")

    def test_everything_wrong_is_told_at_once_in_the_order_of_the_file(self) -> None:
        found = problems_of(SURVEY, lasts="2 dyas", journey__0__at="5 h a", people__locale="en_XX")

        assert [problem.partition(":")[0] for problem in found] == ["lasts", "people.locale", "journey[0].at"]


class TestAccounts:
    def test_vendors_take_part_when_they_have_an_account_or_a_step(self) -> None:
        assert scenario_of(SURVEY).accounts.used == ("clevertap", "mailmodo")
        story = changed(RECEIPT, accounts__segment=None)
        story["journey"].append({"at": "1 h", "segment": "identify"})

        assert scenario_of(story).accounts.used == ("mailjet", "segment")

    def test_what_is_not_said_is_the_usual(self) -> None:
        accounts = scenario_of(SURVEY).accounts

        assert (accounts.clevertap_region, accounts.segment_region) == ("in1", "us")
        assert accounts.uploads_profiles
        assert accounts.identifies_people
        assert (accounts.mailjet_event_version, accounts.mailjet_track_opens) == (2, True)
        assert not accounts.has_mailmodo_destination

    def test_templates_have_forms_with_three_kinds_of_questions(self) -> None:
        (template,) = scenario_of(SURVEY).accounts.templates

        assert template.questions == {"score": (0, 10), "why": "text", "plan": ("free", "pro")}
        assert (template.form_name, template.email_type, template.type) == ("nps", "AMP", "Promotional")
        assert template.links == {"Shop": "https://shop.example"}

    def test_a_scale_that_goes_nowhere_is_told(self) -> None:
        (problem,) = problems_of(
            SURVEY, accounts__mailmodo__templates__0__form={"name": "n", "questions": {"score": "5..5"}}
        )

        assert problem.startswith(
            "accounts.mailmodo.templates[0].form.questions.score: found `5..5`, wanted a scale"
        )

    def test_campaigns_know_what_they_call_and_when_they_fire(self) -> None:
        ask, nudge = scenario_of(SURVEY).accounts.campaigns

        assert ask == CampaignSpec("ask", "webhook", "nps", "bridge", ASK["body"], "", None)
        assert nudge.when == When(did_not=("MM Email Form Submitted",), within_s=86_400, after="ask")

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            (
                {"accounts__mailmodo__campaigns__0__template": "NSP"},
                "accounts.mailmodo.campaigns[0].template: found `NSP`, wanted a template; did you mean `NPS`?",
            ),
            (
                {"accounts__mailmodo__templates": []},
                "found `NPS`, wanted a template; there is none; add it under `accounts.mailmodo.templates`",
            ),
            (
                {"accounts__clevertap__campaigns__0__calls": "mailmodo/nsp"},
                "campaigns[0].calls: found `nsp`, wanted a Mailmodo campaign; did you mean `nps`?",
            ),
            (
                {"accounts__mailmodo__campaigns": []},
                "found `nps`, wanted a Mailmodo campaign; there is none; add it under `accounts.mailmodo.campaigns`",
            ),
            (
                {"accounts__clevertap__campaigns": [ASK, ASK]},
                "accounts.clevertap.campaigns[1].name: `ask` stands here for a second time; give it another one",
            ),
            (
                {"accounts__clevertap__campaigns__1__when__after": "aks"},
                "when.after: found `aks`, which is no webhook campaign; did you mean `ask`?",
            ),
            (
                {"accounts__clevertap__campaigns__1__when__within": "1 dya"},
                "when.within: found `1 dya`, wanted a duration",
            ),
            (
                {"accounts__segment": {"destination": "Mailmodo"}, "accounts__mailmodo": None,
                 "accounts__clevertap__campaigns": [NUDGE], "journey__0__clevertap": "event Sale"},
                "accounts.segment.destination: mailmodo takes no part in this scenario; add it under `accounts`",
            ),
        ],
    )  # fmt: skip
    def test_contradictions_are_told(self, changes: dict[str, Any], message: str) -> None:
        assert any(message in problem for problem in problems_of(SURVEY, **changes))

    def test_inaction_may_be_counted_from_any_event(self) -> None:
        scenario = scenario_of(SURVEY, accounts__clevertap__campaigns__1__when__after="Order Placed")

        when = scenario.accounts.campaigns[1].when
        assert when is not None
        assert when.after == "Order Placed"

    def test_two_messages_of_one_name_are_told(self) -> None:
        message = {"name": "receipt", "subject": "x"}

        assert problems_of(RECEIPT, accounts__mailjet__messages=[message, message]) == [
            "accounts.mailjet.messages[1].name: `receipt` stands here for a second time; give it another one"
        ]


class TestPeople:
    def test_named_people_count_when_no_count_is_given(self) -> None:
        assert scenario_of(RECEIPT).people.count == 2

    def test_what_is_not_said_of_a_named_person_follows_from_the_name(self) -> None:
        scenario = scenario_of(RECEIPT, people__named__0={"name": "Ada Lovelace"})

        ada = scenario.people.named[0]
        assert (ada.email, ada.user_id, ada.phone) == ("ada-lovelace@example.com", "u-ada-lovelace", "")
        assert ada.deeds == {}

    def test_a_name_beyond_ascii_gets_an_address_too(self) -> None:
        scenario = scenario_of(RECEIPT, people__named__0={"name": "आशा"})

        assert scenario.people.named[0].email == "person@example.com"
        assert scenario.people.named[0].user_id == "u-person"

    def test_addresses_are_lower_case(self) -> None:
        assert scenario_of(RECEIPT, people__named__0__email="Ada@Example.COM").people.named[0].email == (
            "ada@example.com"
        )

    def test_deeds_are_moments_links_and_answers(self) -> None:
        scenario = scenario_of(
            RECEIPT,
            people__named__0={
                "name": "Ada",
                "opens": {"median": "1 h", "p95": "2 h"},
                "clicks": {"link": "Shop", "after": "2 to 3 h"},
                "submits": {"after": "4 h", "answers": {"score": 9}},
                "unsubscribes": "never",
            },
        )

        assert scenario.people.named[0].deeds == {
            "open": Deed(Delay(3600, 7200, is_log_normal=True)),
            "click": Deed(Delay(7200, 10_800), "Shop"),
            "submit": Deed(Delay(14_400, 14_400), "", {"score": 9}),
            "unsubscribe": Deed(None),
        }

    def test_habits_have_a_share_and_a_delay(self) -> None:
        scenario = scenario_of(SURVEY, people__habits__click={"share": "20 % of open"})

        assert scenario.people.habits["open"].share == Share(0.6)
        assert scenario.people.habits["click"].share == Share(0.2, "open")
        assert scenario.people.habits["click"].after == Delay(60, 60)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"people__count": 1, NAMED: [{"name": "A"}, {"name": "B"}]}, "found 1, wanted at least 2"),
            ({"people": {}, "expect": []}, "people: found nobody, wanted `count: 200` or people under `named`"),
            ({NAMED: [{"name": "A", "email": "a@x.example"}, {"name": "A", "email": "b@x.example", "user_id": "b"}]},
             "people.named[1].name: `A` stands here for a second time"),
            ({NAMED: [{"name": "A", "email": "a@x.example"}, {"name": "B", "email": "A@x.example"}]},
             "people.named[1].email: `a@x.example` stands here for a second time"),
            ({NAMED: [{"name": "A", "user_id": "u"}, {"name": "B", "user_id": "u"}]},
             "people.named[1].user_id: `u` stands here for a second time"),
            ({"people__clients": {"amp": "70 %", "html": "20 %"}}, "found shares that add up to 90 %, wanted 100 %"),
            ({"people__clients": {"amp": "50 % of open", "html": "50 %"}},
             "found a share of `open`, wanted a share of everyone"),
            ({"people__user_ids": "50 % of open"}, "people.user_ids: found a share of `open`, wanted a share of everyone"),
            ({"people__hard_bounces": "60 %", "people__soft_bounces": "50 %"}, "over 100 % together"),
            ({"people__habits__open__share": "50 % of open"}, "found a share of itself"),
            ({"people__habits__click": {"share": "20 % of opne"}},
             "found a share of `opne`, wanted a share of everyone or of `open`; did you mean `open`?"),
            ({"people__habits": {"click": {"share": "20 % of open"}}}, "found a share of `open`, but there is no habit `open`"),
            ({"people__habits": {"mark_as_spam": {"share": "2 %"}}}, "found people who mark as spam, but there is no habit `open`"),
            ({"people__habits__click": {"share": "70 %"}}, "found 70 % of everyone, but only 60 % open their mail"),
            ({"people__habits__open__after": "3 to 2 h"}, "people.habits.open.after: found `3 to 2 h`, wanted a range"),
            ({"people__locale": "en_XX"}, "found `en_XX`, for which there are no names"),
            ({NAMED: [{"name": "A", "opens": "never", "clicks": "1 h"}]}, "`opens: never` and `clicks` contradict each other"),
            ({NAMED: [{"name": "A", "opens": "2 h", "submits": {"after": "1 h"}}]},
             "people.named[0].submits: `submits` comes before `opens`"),
            ({NAMED: [{"name": "A", "bounces": "hard", "opens": "1 h"}]}, "mail that bounces is never read"),
        ],
    )  # fmt: skip
    def test_contradictions_are_told(self, changes: dict[str, Any], message: str) -> None:
        found = problems_of(changed(SURVEY, expect=[]), **changes)

        assert any(message in problem for problem in found), found

    def test_people_without_an_id_do_not_clash(self) -> None:
        scenario = scenario_of(
            RECEIPT, people__named=[{"name": "A", "user_id": None}, {"name": "B", "user_id": None}]
        )

        assert [person.user_id for person in scenario.people.named] == [None, None]

    def test_mail_that_bounces_may_go_with_deeds_that_never_happen(self) -> None:
        scenario = scenario_of(RECEIPT, people__named__0={"name": "A", "bounces": "soft", "opens": "never"})

        assert scenario.people.named[0].bounces == "soft"


class TestJourney:
    def test_steps_have_a_vendor_a_verb_and_a_noun(self) -> None:
        scenario = scenario_of(
            SURVEY,
            journey=[
                {
                    "at": "1 h 5 min",
                    "clevertap": "event Order Placed",
                    "with": {"total": 3},
                    "over": "10 min",
                },
                {"at": "2 h", "segment": "identify", "without": ["email"]},
                {"at": "2 h", "mailmodo": "trigger 'nps'"},
            ],
        )

        first, second, third = scenario.journey
        assert (first.vendor, first.verb, first.noun, first.at_s) == (
            "clevertap",
            "event",
            "Order Placed",
            3900,
        )
        assert (first.values, first.over_s, first.audience) == ({"total": 3}, 600, "everyone")
        assert (second.verb, second.noun, second.without) == ("identify", "", ("email",))
        assert third.noun == "nps"

    @pytest.mark.parametrize(
        ("audience", "read"),
        [
            ("everyone", "everyone"),
            ("named", "named"),
            ("others", "others"),
            ("30 %", "30 %"),
            ("30 % of others", "30 % of others"),
            ("Asha", ("asha@example.com",)),
            ("ASHA@example.com", ("asha@example.com",)),
            (["Asha"], ("asha@example.com",)),
        ],
    )
    def test_steps_are_for_groups_shares_or_people(self, audience: Any, read: Any) -> None:
        assert scenario_of(SURVEY, journey__0__for=audience).journey[0].audience == read

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"journey__0__at": "3 days"}, "journey[0].at: found `3 days`, which is after the end; the scenario lasts 2 d"),
            ({"journey__0__over": "3 days"}, "journey[0].over: found `3 days`, which goes on beyond the end"),
            ({"journey__0__clevertap": "launch aks"}, "found `aks`, wanted a CleverTap campaign; did you mean `ask`?"),
            ({"journey__0__clevertap": "launch nudge"}, "campaign `nudge` has a `when` and fires by itself"),
            ({"journey__0": {"at": "0 h", "mailmodo": "trigger nsp"}}, "did you mean `nps`?"),
            ({"journey__0": {"at": "0 h", "mailjet": "send receipt"}},
             "found `receipt`, wanted a message; there is none; add it under `accounts.mailjet.messages`"),
            ({"journey__0__for": "Asja"}, "found `Asja`, which is nobody under `people.named`; did you mean `Asha`?"),
            ({"journey__0__for": "everybody"}, "did you mean `everyone`?"),
            ({"journey__0__for": ["Asha", "Rvi"]}, "journey[0].for[1]: found `Rvi`, which is nobody"),
            ({"journey__0__for": "30 % of named"},
             "found a share of `named`, wanted a share of everyone or of `others`"),
            ({"journey__0__for": "130 %"}, "journey[0].for: found `130 %`, wanted a share"),
        ],
    )  # fmt: skip
    def test_contradictions_are_told(self, changes: dict[str, Any], message: str) -> None:
        assert any(message in problem for problem in problems_of(SURVEY, **changes))

    def test_a_step_may_take_place_at_the_very_end(self) -> None:
        assert scenario_of(SURVEY, journey__0__at="2 days").journey[0].at_s == 172_800


class TestExpectations:
    def expected(self, expectation: Any) -> Any:
        return scenario_of(SURVEY, expect=[expectation]).expect[0]

    def test_expectations_are_read_and_kept_as_written(self) -> None:
        found = self.expected(
            {"clevertap.profile": "Asha", "has": "Paid", "once": True, "within": "2 h", "with": {"total": 3}}
        )

        assert (found.subject, found.person, found.predicate) == (
            "clevertap.profile",
            "asha@example.com",
            "has",
        )
        assert (found.what, found.times, found.within_s, found.values) == ("Paid", 1, 7200, {"total": 3})
        assert found.text == "{clevertap.profile: Asha, has: Paid, once: true, within: 2 h, with: {total: 3}}"

    def test_moments_and_numbers_of_times_are_read(self) -> None:
        found = self.expected({"person": "Asha", "got": "sms nudge", "times": 2, "at": "1 day ± 1 min"})

        assert (found.times, found.moment) == (2, Moment(86_400, 60))

    def test_expressions_lose_their_braces(self) -> None:
        found = self.expected("{{ people.count == 3 }}")

        assert found.expression == found.text == "people.count == 3"

    @pytest.mark.parametrize(
        ("expectation", "message"),
        [
            ({"segment.user": "Asha", "has": "x"}, "segment takes no part in this scenario"),
            ({"person": "Asha", "has": "x"}, "a person has no events of their own"),
            ({"clevertap.profile": "Asha", "has": "x", "once": True, "times": 2}, "contradict each other"),
            ({"clevertap.profile": "Asha", "lacks": "x", "once": True},
             "`lacks` and a number of times contradict each other"),
            ({"person": "Asha", "got_no": "sms nudge", "times": 2}, "`got_no` and a number of times contradict"),
            ({"person": "Asha", "got": "sms nugde"},
             "found `nugde`, wanted a CleverTap campaign on the channel sms; did you mean `nudge`?"),
            ({"person": "Asha", "got": "push nudge"}, "there is none; add it under `accounts.clevertap.campaigns`"),
            ({"clevertap.profile": "Rvi", "has": "x"}, "found `Rvi`, which is nobody under `people.named`"),
            ({"clevertap.profile": "Asha", "has": "x", "within": "2 dyas"}, "expect[0].within: found `2 dyas`"),
            ({"clevertap.profile": "Asha", "has": "x", "at": "2 days ± x"}, "wanted a moment"),
            ("{{ opend.count > 3 }}", "found `opend` in an expression, which is not known; did you mean `opened`?"),
            ("{{ opened.count > }}", "which is no expression"),
            ("{{ }}", "which is no expression"),
        ],
    )  # fmt: skip
    def test_contradictions_are_told(self, expectation: Any, message: str) -> None:
        found = problems_of(SURVEY, expect=[expectation])

        assert any(message in problem for problem in found), found

    def test_groups_are_no_hint_where_only_a_person_will_do(self) -> None:
        (problem,) = problems_of(SURVEY, expect=[{"clevertap.profile": "everyon", "has": "x"}])

        assert "`everyone`" not in problem
