"""The `people` of a scenario: how many, with which habits, and who of them is named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from simulator import quantities
from simulator.problems import did_you_mean
from simulator.quantities import Delay
from simulator.scenario import HABITS, PHONE_HABITS, Deed, Habit, NamedPerson, PeopleSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulator.problem_collector import Path, ProblemCollector

__all__ = ["AUDIENCES", "build_people", "find_person"]

AUDIENCES: Final = ("everyone", "named", "others")
"""Groups of people that a step can be for."""

_DEEDS: Final[Mapping[str, str]] = {
    "opens": "open",
    "clicks": "click",
    "submits": "submit",
    "unsubscribes": "unsubscribe",
    "marks_as_spam": "mark_as_spam",
    "views": "view",
    "taps": "tap",
}


def build_people(data: Mapping[str, Any], collector: ProblemCollector) -> PeopleSpec:
    """Build the people from what stands under `people`; the collector is told what is wrong."""
    named = tuple(
        _named(("people", "named", index), item, collector)
        for index, item in enumerate(data.get("named") or ())
    )
    collector.unique(("people", "named"), [person.name for person in named])
    collector.unique(("people", "named"), [person.email for person in named], field="email")
    collector.unique(("people", "named"), [person.user_id for person in named], field="user_id")
    hard, soft = (
        collector.share(("people", key), data.get(key, "0 %")).fraction
        for key in ("hard_bounces", "soft_bounces")
    )
    if hard + soft > 1:
        collector.note(("people", "soft_bounces"), "hard and soft bounces are over 100 % together")
    return PeopleSpec(
        count=_count(data, len(named), collector),
        locale=_locale(data.get("locale", "en_US"), collector),
        user_ids=collector.share(("people", "user_ids"), data.get("user_ids", "100 %")).fraction,
        clients=_clients(data.get("clients") or {}, collector),
        hard_bounces=hard,
        soft_bounces=soft,
        habits=_habits(data.get("habits") or {}, collector),
        named=named,
        push=collector.share(("people", "push"), data.get("push", "0 %")).fraction,
        web_push=collector.share(("people", "web_push"), data.get("web_push", "0 %")).fraction,
    )


def find_person(path: Path, name: str, people: PeopleSpec, collector: ProblemCollector) -> str:
    """Find somebody by name or address, however it is capitalised; give the address."""
    for person in people.named:
        if name == person.name or name.lower() == person.email:
            return person.email
    known = [word for person in people.named for word in (person.name, person.email)]
    problem = f"found `{name}`, which is nobody under `people.named`"
    hint = did_you_mean(name, (*known, *AUDIENCES) if path[0] == "journey" else known)
    collector.note(path, problem, hint)
    return name


def _count(data: Mapping[str, Any], named: int, collector: ProblemCollector) -> int:
    count = int(data.get("count", named))
    if count < named:
        problem = f"found {count}, wanted at least {named}, because so many people are named"
        collector.note(("people", "count"), problem)
    if not count:
        collector.note(("people",), "found nobody, wanted `count: 200` or people under `named`")
    return count


def _clients(data: Mapping[str, str], collector: ProblemCollector) -> Mapping[str, float]:
    clients = {
        name: collector.share(("people", "clients", name), value).fraction for name, value in data.items()
    }
    if clients and abs(sum(clients.values()) - 1) > 0.001:
        total = round(sum(clients.values()) * 100, 1)
        collector.note(("people", "clients"), f"found shares that add up to {total:g} %, wanted 100 %")
    return clients or {"amp": 1.0}


def _habits(data: Mapping[str, Any], collector: ProblemCollector) -> dict[str, Habit]:
    habits = {}
    for name in (*HABITS, *PHONE_HABITS):
        if name not in data:
            continue
        path = ("people", "habits", name)
        first = "view" if name in PHONE_HABITS else "open"
        share = collector.share((*path, "share"), data[name]["share"], of=(first,))
        habits[name] = Habit(share, _delay((*path, "after"), data[name].get("after", "1 min"), collector))
    for name in habits:
        _check_habit(name, habits, collector)
    return habits


def _check_habit(name: str, habits: Mapping[str, Habit], collector: ProblemCollector) -> None:
    """Whoever does not open a mail does nothing else with it; nor does anybody with a message they never look at."""
    path, share = ("people", "habits", name, "share"), habits[name].share
    if name in PHONE_HABITS:
        _check_phone_habit(name, habits, collector)
        return
    if name == "open":
        if share.of == "open":
            problem = "found a share of itself, wanted a share of everyone such as `60 %`"
            collector.note(path, problem)
        return
    if "open" not in habits:
        found = f"found a share of `{share.of}`" if share.of else f"found people who {name.replace('_', ' ')}"
        problem = f"{found}, but there is no habit `open`, and who opens nothing does nothing else"
        collector.note(path, problem, "add `open: {share: 60 %}`")
    elif not share.of and share.fraction > habits["open"].share.fraction:
        openers = f"{habits['open'].share.fraction * 100:g} %"
        problem = f"found {share.fraction * 100:g} % of everyone, but only {openers} open their mail"
        collector.note(path, problem, f"wanted at most `{openers}`, or a share of those, `50 % of open`")


def _check_phone_habit(name: str, habits: Mapping[str, Habit], collector: ProblemCollector) -> None:
    path, share = ("people", "habits", name, "share"), habits[name].share
    if name == "view":
        if share.of == "view":
            collector.note(path, "found a share of itself, wanted a share of everyone such as `60 %`")
    elif share.of == "view" and "view" not in habits:
        problem = "found a share of `view`, but there is no habit `view`"
        collector.note(path, problem, "add `view: {share: 60 %}`, or say a share of everyone")
    elif not share.of and "view" in habits and share.fraction > habits["view"].share.fraction:
        viewers = f"{habits['view'].share.fraction * 100:g} %"
        problem = f"found {share.fraction * 100:g} % of everyone, but only {viewers} look at their messages"
        collector.note(path, problem, f"wanted at most `{viewers}`, or a share of those, `50 % of view`")


def _delay(path: Path, value: str | Mapping[str, str], collector: ProblemCollector) -> Delay:
    return collector.quantity(path, quantities.parse_delay, text=value, default=Delay(0, 0))


def _named(path: Path, data: Mapping[str, Any], collector: ProblemCollector) -> NamedPerson:
    deeds = {
        habit: _deed((*path, word), data[word], collector) for word, habit in _DEEDS.items() if word in data
    }
    _check_deeds(path, data, deeds, collector)
    name = data["name"]
    slug = "".join(c if c.isascii() and c.isalnum() else "-" for c in name.lower()).strip("-") or "person"
    return NamedPerson(
        name=name,
        email=data.get("email", f"{slug}@example.com").lower(),
        phone=data.get("phone", ""),
        user_id=data.get("user_id", f"u-{slug}"),
        client=data.get("client", ""),
        bounces=data.get("bounces", ""),
        deeds=deeds,
        properties=dict(data.get("properties") or {}),
        push=data.get("push"),
        web_push=data.get("web_push"),
    )


def _check_deeds(
    path: Path, data: Mapping[str, Any], deeds: Mapping[str, Deed], collector: ProblemCollector
) -> None:
    """Find what nobody can do: click before opening, open what bounced."""
    opens = deeds.get("open")
    for word in ("clicks", "submits"):
        deed = deeds.get(_DEEDS[word])
        if deed is None or deed.after is None or opens is None:
            continue
        if opens.after is None:
            problem = f"`opens: never` and `{word}` contradict each other"
            collector.note((*path, word), problem, "drop one of them")
        elif deed.after.high_s < opens.after.low_s:
            problem = f"`{word}` comes before `opens`"
            collector.note((*path, word), problem, "both count from the mail's arrival")
    _check_phone_deeds(path, deeds, collector)
    on_mail = [deed for habit, deed in deeds.items() if habit in HABITS]
    if "bounces" in data and any(deed.after is not None for deed in on_mail):
        problem = "mail that bounces is never read; found deeds beside `bounces`"
        collector.note((*path, "bounces"), problem, "drop one of them")


def _check_phone_deeds(path: Path, deeds: Mapping[str, Deed], collector: ProblemCollector) -> None:
    views, taps = deeds.get("view"), deeds.get("tap")
    if views is None or taps is None or taps.after is None or views.on != taps.on:
        return
    if views.after is None:
        problem = "`views: never` and `taps` contradict each other"
        collector.note((*path, "taps"), problem, "drop one of them")
    elif taps.after.high_s < views.after.low_s:
        problem = "`taps` comes before `views`"
        collector.note((*path, "taps"), problem, "both count from the message's arrival")


def _deed(path: Path, value: Any, collector: ProblemCollector) -> Deed:
    if value == "never":
        return Deed(None)
    if isinstance(value, dict) and "median" not in value:
        after = _delay((*path, "after"), value["after"], collector)
        return Deed(after, value.get("link", ""), dict(value.get("answers") or {}), value.get("on", ""))
    return Deed(_delay(path, value, collector))


def _locale(locale: str, collector: ProblemCollector) -> str:
    from faker.config import AVAILABLE_LOCALES  # noqa: PLC0415 - slow to import, and only needed for a check

    if locale not in AVAILABLE_LOCALES:
        hint = did_you_mean(locale, sorted(AVAILABLE_LOCALES))
        collector.note(("people", "locale"), f"found `{locale}`, for which there are no names", hint)
    return locale
