"""From plain data of the right form to a typed `Scenario`; finds what a schema cannot see.

Everything that is wrong is collected and raised at once, each with its place in the file.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from simulator import quantities
from simulator.problems import Problem, ScenarioInvalid, did_you_mean, spell_path
from simulator.quantities import Delay, Share
from simulator.scenario import (
    HABITS,
    Accounts,
    CampaignSpec,
    Deed,
    Expectation,
    Habit,
    MailSpec,
    NamedPerson,
    PeopleSpec,
    Scenario,
    Step,
    TemplateSpec,
    TriggeredCampaignSpec,
    Vendor,
    When,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from simulator.documents import Document

    Path = tuple[str | int, ...]

__all__ = ["build_scenario"]

_VENDORS: tuple[Vendor, ...] = ("clevertap", "customerio", "mailjet", "mailmodo", "segment")
_DEEDS = {
    "opens": "open",
    "clicks": "click",
    "submits": "submit",
    "unsubscribes": "unsubscribe",
    "marks_as_spam": "mark_as_spam",
}


def build_scenario(document: Document) -> Scenario:
    """Build the scenario of a document whose form is right.

    Raises:
        ScenarioInvalid: It contradicts itself, or names what does not exist; every problem is named.
    """
    builder = _Builder(document)
    scenario = builder.build()
    if builder.problems:
        raise ScenarioInvalid(builder.problems)
    return scenario


class _Builder:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._data: dict[str, Any] = document.data
        self.problems: list[Problem] = []

    def build(self) -> Scenario:
        data = self._data
        accounts = self._accounts(data.get("accounts") or {})
        people = self._people(data["people"] or {})
        lasts_s = self._quantity(("lasts",), quantities.parse_duration, data["lasts"], 0.0)
        journey = tuple(
            self._step(("journey", index), step, accounts=accounts, people=people, lasts_s=lasts_s)
            for index, step in enumerate(data["journey"])
        )
        expect = tuple(
            self._expectation(("expect", index), item, accounts=accounts, people=people)
            for index, item in enumerate(data.get("expect") or ())
        )
        return Scenario(
            title=data["scenario"],
            file=self._document.file,
            proves=self._document.first_comment,
            starts=self._instant(("starts",), data["starts"]),
            lasts_s=lasts_s,
            seed=data.get("seed", 1),
            accounts=accounts,
            people=people,
            journey=journey,
            expect=expect,
        )

    # Accounts

    def _accounts(self, data: Mapping[str, Any]) -> Accounts:
        mailmodo, clevertap = data.get("mailmodo") or {}, data.get("clevertap") or {}
        mailjet, customerio, segment = (
            data.get("mailjet") or {},
            data.get("customerio") or {},
            data.get("segment") or {},
        )
        used = [vendor for vendor in _VENDORS if vendor in data]
        steps = [vendor for step in self._data["journey"] for vendor in _VENDORS if vendor in step]
        templates = tuple(
            self._template(("accounts", "mailmodo", "templates", index), item)
            for index, item in enumerate(mailmodo.get("templates") or ())
        )
        triggered = tuple(
            TriggeredCampaignSpec(
                item["name"], item["template"], item["subject"], item.get("trigger_app", "Rest API")
            )
            for item in mailmodo.get("campaigns") or ()
        )
        for index, campaign in enumerate(triggered):
            path = ("accounts", "mailmodo", "campaigns", index, "template")
            self._known(path, campaign.template, [template.name for template in templates], "a template")
        self._unique(("accounts", "mailmodo", "templates"), [template.name for template in templates])
        self._unique(("accounts", "mailmodo", "campaigns"), [campaign.name for campaign in triggered])
        campaigns = self._campaigns(clevertap.get("campaigns") or (), triggered)
        return Accounts(
            used=tuple(vendor for vendor in _VENDORS if vendor in used or vendor in steps),
            templates=templates,
            triggered_campaigns=triggered,
            clevertap_region=clevertap.get("region", "in1"),
            uploads_profiles=clevertap.get("profiles", "everyone") == "everyone",
            campaigns=campaigns,
            mailjet_messages=self._messages("mailjet", mailjet),
            mailjet_event_version=mailjet.get("event_version", 2),
            mailjet_track_opens=mailjet.get("track_opens", True),
            mailjet_track_clicks=mailjet.get("track_clicks", True),
            customerio_messages=self._messages("customerio", customerio),
            identifies_people=customerio.get("people", "everyone") == "everyone",
            segment_region=segment.get("region", "us"),
            segment_sources=tuple(segment.get("sources") or ()),
            has_mailmodo_destination=segment.get("destination") == "Mailmodo",
        )

    def _template(self, path: Path, data: Mapping[str, Any]) -> TemplateSpec:
        form = data.get("form") or {}
        questions: dict[str, tuple[int, int] | str | tuple[str, ...]] = {}
        for name, question in (form.get("questions") or {}).items():
            if isinstance(question, list):
                questions[name] = tuple(str(choice) for choice in question)
            elif question == "text":
                questions[name] = "text"
            else:
                at = (*path, "form", "questions", name)
                questions[name] = self._quantity(at, quantities.parse_scale, question, (0, 10))
        return TemplateSpec(
            name=data["name"],
            email_type=data.get("email_type", "AMP"),
            type=data.get("type", "Promotional"),
            body=data.get("body", ""),
            form_name=form.get("name", ""),
            questions=questions,
            links=dict(data.get("links") or {}),
        )

    def _campaigns(
        self, items: Iterable[Mapping[str, Any]], triggered: tuple[TriggeredCampaignSpec, ...]
    ) -> tuple[CampaignSpec, ...]:
        found = []
        data = list(items)
        webhook_names = [item["name"] for item in data if item["channel"] == "webhook"]
        for index, item in enumerate(data):
            path = ("accounts", "clevertap", "campaigns", index)
            calls = str(item.get("calls", "")).removeprefix("mailmodo/")
            if calls:
                known = [campaign.name for campaign in triggered]
                self._known((*path, "calls"), calls, known, "a Mailmodo campaign")
            when = item.get("when")
            made = None
            if when is not None:
                within = when.get("within")
                if "did" in when and "did_not" in when:
                    self._problem(
                        (*path, "when"), "`did` and `did_not` contradict each other", "keep one of them"
                    )
                made = When(
                    did=when.get("did", ""),
                    did_not=when.get("did_not", ""),
                    within_s=self._quantity((*path, "when", "within"), quantities.parse_duration, within, 0.0)
                    if within
                    else 0,
                    after=when.get("after", ""),
                )
                self._check_after((*path, "when", "after"), made.after, webhook_names)
            found.append(
                CampaignSpec(
                    name=item["name"],
                    channel=item["channel"],
                    calls=calls,
                    via=item.get("via", "bridge"),
                    body=item.get("body", ""),
                    text=item.get("text", ""),
                    when=made,
                )
            )
        self._unique(("accounts", "clevertap", "campaigns"), [campaign.name for campaign in found])
        return tuple(found)

    def _check_after(self, path: Path, after: str, campaigns: list[str]) -> None:
        """A near miss of a campaign's name is a slip; anything else is taken as an event's name."""
        if after and after not in campaigns:
            hint = did_you_mean(after, campaigns)
            if hint.startswith("did"):
                self._problem(path, f"found `{after}`, which is no webhook campaign", hint)

    def _messages(self, vendor: str, data: Mapping[str, Any]) -> tuple[MailSpec, ...]:
        messages = tuple(
            MailSpec(item["name"], item["subject"], item.get("body", ""), dict(item.get("links") or {}))
            for item in data.get("messages") or ()
        )
        self._unique(("accounts", vendor, "messages"), [message.name for message in messages])
        return messages

    # People

    def _people(self, data: Mapping[str, Any]) -> PeopleSpec:
        named = tuple(
            self._named(("people", "named", index), item)
            for index, item in enumerate(data.get("named") or ())
        )
        self._unique(("people", "named"), [person.name for person in named])
        self._unique(("people", "named"), [person.email for person in named], field="email")
        count = data.get("count", len(named))
        if count < len(named):
            problem = f"found {count}, wanted at least {len(named)}, because so many people are named"
            self._problem(("people", "count"), problem)
        if not count:
            self._problem(("people",), "found nobody, wanted `count: 200` or people under `named`")
        clients = {
            name: self._share(("people", "clients", name), value)
            for name, value in (data.get("clients") or {}).items()
        }
        if clients and abs(sum(clients.values()) - 1) > 0.001:
            total = round(sum(clients.values()) * 100, 1)
            self._problem(("people", "clients"), f"found shares that add up to {total} %, wanted 100 %")
        hard = self._share(("people", "hard_bounces"), data.get("hard_bounces", "0 %"))
        soft = self._share(("people", "soft_bounces"), data.get("soft_bounces", "0 %"))
        if hard + soft > 1:
            self._problem(("people", "soft_bounces"), "hard and soft bounces are over 100 % together")
        return PeopleSpec(
            count=count,
            locale=self._locale(data.get("locale", "en_US")),
            user_ids=self._share(("people", "user_ids"), data.get("user_ids", "100 %")),
            clients=clients or {"amp": 1.0},
            hard_bounces=hard,
            soft_bounces=soft,
            habits=self._habits(data.get("habits") or {}),
            named=named,
        )

    def _habits(self, data: Mapping[str, Any]) -> dict[str, Habit]:
        habits = {}
        for name in HABITS:
            if name not in data:
                continue
            path = ("people", "habits", name)
            share = self._quantity((*path, "share"), quantities.parse_share, data[name]["share"], Share(0))
            if share.of and share.of != "open":
                hint = did_you_mean(share.of, ["open"])
                self._problem(
                    (*path, "share"),
                    f"found a share of `{share.of}`, wanted a share of everyone or of `open`",
                    hint,
                )
            if share.of and name == "open":
                self._problem(
                    (*path, "share"), "found a share of itself, wanted a share of everyone such as `60 %`"
                )
            if share.of and "open" not in data:
                self._problem((*path, "share"), "found a share of `open`, but there is no habit `open`")
            after = data[name].get("after", "1 min")
            habits[name] = Habit(
                share, self._quantity((*path, "after"), quantities.parse_delay, after, Delay(60, 60))
            )
        return habits

    def _named(self, path: Path, data: Mapping[str, Any]) -> NamedPerson:
        deeds = {}
        for word, habit in _DEEDS.items():
            if word in data:
                deeds[habit] = self._deed((*path, word), data[word])
        opens = deeds.get("open")
        for habit in ("click", "submit"):
            deed = deeds.get(habit)
            if deed is None or deed.after is None or opens is None:
                continue
            word = next(word for word, known in _DEEDS.items() if known == habit)
            if opens.after is None:
                self._problem(
                    (*path, word), f"`opens: never` and `{word}` contradict each other", "drop one of them"
                )
            elif deed.after.high_s < opens.after.low_s:
                self._problem(
                    (*path, word), f"`{word}` comes before `opens`", "both count from the mail's arrival"
                )
        if "bounces" in data and any(deed.after is not None for deed in deeds.values()):
            self._problem((*path, "bounces"), "mail that bounces is never read; found deeds beside `bounces`")
        name = data["name"]
        slug = "".join(c if c.isascii() and c.isalnum() else "-" for c in name.lower()).strip("-")
        return NamedPerson(
            name=name,
            email=data.get("email", f"{slug or 'person'}@example.com").lower(),
            phone=data.get("phone", ""),
            user_id=data.get("user_id", f"u-{slug}"),
            client=data.get("client", ""),
            bounces=data.get("bounces", ""),
            deeds=deeds,
            properties=dict(data.get("properties") or {}),
        )

    def _deed(self, path: Path, value: Any) -> Deed:
        if value == "never":
            return Deed(None)
        if isinstance(value, dict) and "median" not in value:
            after = self._quantity((*path, "after"), quantities.parse_delay, value["after"], Delay(0, 0))
            return Deed(after, value.get("link", ""), dict(value.get("answers") or {}))
        return Deed(self._quantity(path, quantities.parse_delay, value, Delay(0, 0)))

    def _locale(self, locale: str) -> str:
        from faker.config import AVAILABLE_LOCALES  # noqa: PLC0415 - slow to import, and only needed for a check

        if locale not in AVAILABLE_LOCALES:
            hint = did_you_mean(locale, sorted(AVAILABLE_LOCALES))
            self._problem(("people", "locale"), f"found `{locale}`, for which there are no names", hint)
        return locale

    # Journey

    def _step(
        self, path: Path, data: Mapping[str, Any], *, accounts: Accounts, people: PeopleSpec, lasts_s: float
    ) -> Step:
        vendor = next(vendor for vendor in _VENDORS if vendor in data)
        verb, _, noun = data[vendor].partition(" ")
        noun = noun.strip().strip("\"'")
        at_s = self._quantity((*path, "at"), quantities.parse_duration, data["at"], 0.0)
        over_s = (
            self._quantity((*path, "over"), quantities.parse_duration, data["over"], 0.0)
            if "over" in data
            else 0.0
        )
        if at_s + over_s > lasts_s:
            lasts = quantities.format_duration(lasts_s)
            self._problem(
                (*path, "at"), f"found `{data['at']}`, which is after the end", f"the scenario lasts {lasts}"
            )
        known = {
            "launch": ([campaign.name for campaign in accounts.campaigns], "a CleverTap campaign"),
            "trigger": ([campaign.name for campaign in accounts.triggered_campaigns], "a Mailmodo campaign"),
            "send": ([message.name for message in _messages_of(accounts, vendor)], "a message"),
        }
        if verb in known:
            choices, what = known[verb]
            self._known((*path, vendor), noun, choices, what)
        if verb == "launch" and any(
            campaign.name == noun and campaign.when for campaign in accounts.campaigns
        ):
            self._problem(
                (*path, vendor),
                f"campaign `{noun}` has a `when` and fires by itself",
                "drop `when` or the step",
            )
        audience = data.get("for", "everyone")
        return Step(
            at_s=at_s,
            vendor=vendor,
            verb=verb,
            noun=noun,
            audience=self._audience((*path, "for"), audience, people),
            values=dict(data.get("with") or {}),
            without=tuple(data.get("without") or ()),
            over_s=over_s,
            where=self._document.where(path),
        )

    def _audience(self, path: Path, audience: str | list[str], people: PeopleSpec) -> str | tuple[str, ...]:
        if isinstance(audience, str):
            if audience in ("everyone", "named", "others"):
                return audience
            if "%" in audience:
                share = self._quantity(path, quantities.parse_share, audience, Share(0))
                if share.of not in ("", "others"):
                    hint = did_you_mean(share.of, ["others"])
                    self._problem(
                        path,
                        f"found a share of `{share.of}`, wanted a share of everyone or of `others`",
                        hint,
                    )
                return audience
            return (self._person(path, audience, people),)
        return tuple(self._person((*path, index), name, people) for index, name in enumerate(audience))

    def _person(self, path: Path, name: str, people: PeopleSpec) -> str:
        """Find somebody by name or address; give the address."""
        for person in people.named:
            if name in (person.name, person.email):
                return person.email
        known = [word for person in people.named for word in (person.name, person.email)]
        problem = f"found `{name}`, which is nobody under `people.named`"
        self._problem(path, problem, did_you_mean(name, (*known, "everyone", "named", "others")))
        return name

    # Expectations

    def _expectation(self, path: Path, data: Any, *, accounts: Accounts, people: PeopleSpec) -> Expectation:
        where = self._document.where(path)
        if isinstance(data, str):
            return self._expression(path, data)
        subject = next(
            key for key in ("clevertap.profile", "segment.user", "mailmodo.contact", "person") if key in data
        )
        predicate = next(key for key in ("has", "lacks", "got", "got_no") if key in data)
        vendor = subject.partition(".")[0]
        if vendor in _VENDORS and vendor not in accounts.used:
            self._problem(
                (*path, subject), f"{vendor} takes no part in this scenario", "add it under `accounts`"
            )
        if predicate.startswith("got"):
            self._check_got((*path, predicate), data[predicate], accounts)
        elif subject == "person":
            self._problem((*path, predicate), f"a person has no events of their own; `{predicate}` needs a vendor's record",
                          "use `clevertap.profile`, `segment.user` or `mailmodo.contact`, or `got: sms NAME`")  # fmt: skip
        if "once" in data and "times" in data:
            self._problem((*path, "times"), "`once` and `times` contradict each other", "keep one of them")
        if predicate in ("lacks", "got_no") and ("once" in data or "times" in data):
            self._problem((*path, predicate), f"`{predicate}` and a number of times contradict each other")
        within, moment = data.get("within"), data.get("at")
        return Expectation(
            text=json.dumps(data, ensure_ascii=False).replace('"', ""),
            where=where,
            subject=subject,
            person=self._person((*path, subject), data[subject], people),
            predicate=predicate,
            what=data[predicate],
            times=1 if data.get("once") else data.get("times"),
            within_s=self._quantity((*path, "within"), quantities.parse_duration, within, 0.0)
            if within
            else None,
            moment=self._quantity((*path, "at"), quantities.parse_moment, moment, None) if moment else None,
            values=dict(data.get("with") or {}),
            source=data.get("source", ""),
        )

    def _check_got(self, path: Path, got: str, accounts: Accounts) -> None:
        channel, _, name = got.partition(" ")
        if channel != "mail":
            known = [campaign.name for campaign in accounts.campaigns if campaign.channel == channel]
            self._known(path, name.strip(), known, f"a CleverTap campaign on the channel {channel}")

    def _expression(self, path: Path, text: str) -> Expectation:
        from simulator.expressions import ExpressionInvalid, compile_expression  # noqa: PLC0415 - Jinja is slow to import

        expression = text.strip().removeprefix("{{").removesuffix("}}").strip()
        try:
            compile_expression(expression)
        except ExpressionInvalid as error:
            self._problem(path, str(error), error.hint)
        return Expectation(text=expression, where=self._document.where(path), expression=expression)

    # What all parts share

    def _problem(self, path: Path, message: str, hint: str = "") -> None:
        self.problems.append(Problem(self._document.where(path), spell_path(path), message, hint))

    def _known(self, path: Path, found: str, known: list[str], what: str) -> None:
        if found not in known:
            hint = did_you_mean(found, known) or f"there is none; add it under `accounts.{path[0]}`"
            self._problem(path, f"found `{found}`, wanted {what}", hint)

    def _unique(self, path: Path, names: list[str], *, field: str = "name") -> None:
        for index, name in enumerate(names):
            if name in names[:index]:
                self._problem(
                    (*path, index, field), f"`{name}` stands here for a second time", "give it another name"
                )

    def _quantity(self, path: Path, parse: Callable[[Any], Any], value: Any, default: Any) -> Any:
        try:
            return parse(value)
        except ValueError as error:
            self._problem(path, f"found `{value}`, wanted {error}")
            return default

    def _share(self, path: Path, text: str) -> float:
        return cast("Share", self._quantity(path, quantities.parse_share, text, Share(0))).fraction

    def _instant(self, path: Path, text: str) -> datetime:
        try:
            return datetime.fromisoformat(text)
        except ValueError as error:
            self._problem(path, f"found `{text}`, wanted a real date and time ({error})")
            return datetime.fromisoformat("2026-01-01T00:00:00+00:00")


def _messages_of(accounts: Accounts, vendor: str) -> tuple[MailSpec, ...]:
    return accounts.mailjet_messages if vendor == "mailjet" else accounts.customerio_messages
