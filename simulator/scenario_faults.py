"""The `faults` of a scenario: what goes wrong at which vendor, when, and with which messages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from contracts import load_contract
from fakes.kit import FAULTS, FaultInvalid, FaultRule, Faults, make_fault
from simulator import quantities
from simulator.problems import did_you_mean
from simulator.scenario import FaultSpec
from simulator.scenario_accounts import VENDORS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fakes.kit import Fault
    from simulator.problem_collector import Path, ProblemCollector
    from simulator.scenario import Accounts

__all__ = ["build_faults"]

_CALLS: Final = re.compile(r"(\d+)(?:\s*\.\.\s*(\d+)?)?")
_EXAMPLES: Final = {
    "delay": "`delay 2 s` or `delay 2 to 20 s`",
    "status": "`status 503`",
    "reset": "`reset`",
    "cut": "`cut` or `cut 25 %`",
    "duplicate": "`duplicate` or `duplicate after 5 s`",
    "reorder": "`reorder` or `reorder within 5 s`",
    "rate limit": "`rate limit 30 s`",
    "wrong credentials": "`wrong credentials`",
    "down": "`down`, `down refusing connections` or `down resetting connections`",
}
_CONNECTIONS: Final = {"refusing connections": "refused", "resetting connections": "reset"}
_MAY_BE_HANDLED: Final = ("delay", "status", "reset")


def build_faults(
    items: Sequence[Mapping[str, Any]], accounts: Accounts, *, lasts_s: float, collector: ProblemCollector
) -> tuple[FaultSpec, ...]:
    """Build every fault, in the order of the file.

    Args:
        items: What stands under `faults`.
        accounts: Which vendors take part.
        lasts_s: When the scenario ends.
        collector: Told what is wrong.
    """
    built = (
        _build(("faults", index), item, accounts, lasts_s=lasts_s, collector=collector)
        for index, item in enumerate(items)
    )
    return tuple(fault for fault in built if fault is not None)


def _build(
    path: Path, item: Mapping[str, Any], accounts: Accounts, *, lasts_s: float, collector: ProblemCollector
) -> FaultSpec | None:
    vendor = next(vendor for vendor in VENDORS if vendor in item)
    at_s = collector.duration((*path, "at"), item.get("at"))
    lasts = collector.duration((*path, "lasts"), item["lasts"]) if "lasts" in item else None
    if vendor not in accounts.used:
        collector.note((*path, vendor), f"{vendor} takes no part in this scenario", "add it under `accounts`")
    if at_s >= lasts_s > 0:
        ends = quantities.format_duration(lasts_s)
        collector.note(
            (*path, "at"), f"found `{item['at']}`, which is not before the end", f"the scenario lasts {ends}"
        )
    if lasts == 0:
        collector.note((*path, "lasts"), "found no time at all, wanted a duration such as `6 h`")
    fault = _fault((*path, vendor), item, item[vendor], collector=collector)
    if fault is None:
        return None
    first, last = _calls((*path, "calls"), item.get("calls"), collector)
    share = collector.share((*path, "share"), item["share"]).fraction if "share" in item else 1.0
    names = item.get("on") or ()
    rule = _rule(
        path,
        vendor,
        collector=collector,
        fault=fault,
        on=(names,) if isinstance(names, str) else tuple(names),
        caller=item.get("caller", ""),
        first=first,
        last=last,
        share=share,
        name=item.get("name", ""),
    )
    if rule is None:
        return None
    return FaultSpec(vendor=vendor, rule=rule, at_s=at_s, lasts_s=lasts, where=collector.where(path))


def _rule(path: Path, vendor: str, *, collector: ProblemCollector, **words: Any) -> FaultRule | None:
    try:
        rule = FaultRule(**words)
        Faults.check_names(rule, load_contract(vendor))
    except FaultInvalid as error:
        at: Path = (*path, "on") if error.found else path
        collector.note(at, str(error), did_you_mean(error.found, error.known) if error.known else "")
        return None
    return rule


def _fault(path: Path, item: Mapping[str, Any], text: str, *, collector: ProblemCollector) -> Fault | None:
    words = " ".join(text.split())
    kind = next((word for word in FAULTS if words == word or words.startswith(f"{word} ")), None)
    if kind is None:
        guess = (
            " ".join(words.split()[:2])
            if words.lower().startswith(("rate", "wrong"))
            else words.partition(" ")[0]
        )
        collector.note(path, f"found `{text}`, wanted a fault", did_you_mean(guess, FAULTS))
        return None
    rest = words[len(kind) :].strip()
    try:
        details = _details(kind, rest)
        if "handled" in item:
            if kind not in _MAY_BE_HANDLED:
                collector.note((*path[:-1], "handled"), f"means nothing for `{kind}`", "drop it")
                return None
            details["handled"] = item["handled"]
        return make_fault(kind, details)
    except (ValueError, FaultInvalid) as error:
        message = str(error) if isinstance(error, FaultInvalid) else f"found `{text}`"
        collector.note(path, message, f"write {_EXAMPLES[kind]}")
        return None


def _details(kind: str, rest: str) -> dict[str, Any]:
    """Read what follows a fault's word.

    Raises:
        ValueError: It means nothing there.
    """
    match kind:
        case "delay":
            delay = quantities.parse_delay(rest)
            return {"seconds": delay.low_s} | (
                {"to_seconds": delay.high_s} if delay.high_s != delay.low_s else {}
            )
        case "status":
            return {"status": int(rest)}
        case "rate limit" if rest:
            return {"retry_after_s": quantities.parse_duration(rest)}
        case "cut" if rest:
            return {"arrives": quantities.parse_share(rest).fraction}
        case "down" if rest in _CONNECTIONS:
            return {"connections": _CONNECTIONS[rest]}
        case "duplicate" if rest.startswith("after "):
            return {"seconds": quantities.parse_duration(rest.removeprefix("after "))}
        case "reorder" if rest.startswith("within "):
            return {"seconds": quantities.parse_duration(rest.removeprefix("within "))}
    if rest:
        raise ValueError(rest)
    return {}


def _calls(path: Path, text: object, collector: ProblemCollector) -> tuple[int, int | None]:
    if text is None:
        return 1, None
    found = _CALLS.fullmatch(str(text).strip())
    if found is None or int(found[1]) < 1 or (found[2] and int(found[2]) < int(found[1])):
        collector.note(path, f"found `{text}`, wanted a number from 1 on, `2..5` or `2..`")
        return 1, None
    first = int(found[1])
    is_open = ".." in found[0] and found[2] is None
    return first, None if is_open else int(found[2] or first)
