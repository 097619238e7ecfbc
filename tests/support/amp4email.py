"""Judges an AMP4EMAIL document by the AMP project's own validator rules.

The npm package `amphtml-validator` has no validator inside: it downloads one at each start. The rules themselves are
published as data, so `amp4email_rules.json` keeps those for AMP4EMAIL, unchanged but for the fields that say nothing
about validity, and this module applies them. It is stricter than the original in three ways: every element must be
closed explicitly, an extension that nothing uses is a violation, and so is whatever only a rule that is not understood
here would allow. It does not parse CSS beyond at-rules, URLs and `!important`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["amp_violations"]

Spec = dict[str, Any]

_CDN: Final = "https://cdn.ampproject.org/v0/"
_VOID: Final = frozenset(
    ("!DOCTYPE", "META", "INPUT", "BR", "HR", "IMG", "WBR", "COL", "LINK", "AREA", "EMBED")
)
_TAG_KEYS: Final = frozenset(
    (
        "allowed",
        "ampLayout",
        "attrLists",
        "attrs",
        "cdata",
        "disallowedAncestor",
        "explicitAttrsOnly",
        "extensionSpec",
        "mandatory",
        "mandatoryAncestor",
        "mandatoryParent",
        "requiresExtension",
        "specName",
        "tagName",
        "unique",
    )
)
_ATTR_KEYS: Final = frozenset(
    (
        "blacklistedValueRegex",
        "cssDeclaration",
        "dispatchKey",
        "implicit",
        "mandatory",
        "name",
        "requiresExtension",
        "value",
        "valueCasei",
        "valueRegex",
        "valueRegexCasei",
        "valueUrl",
    )
)
_LENGTH: Final = re.compile(r"\d+(?:\.\d+)?(?:px|em|rem|vh|vw|vmin|vmax)?")
_RAW_MUSTACHE: Final = re.compile(r"\{\{\{|\{\{\s*[&>]")


@dataclass
class Element:
    """A tag as it stands in the document."""

    tag: str
    attributes: dict[str, str]
    parent: Element | None
    names: set[str] = field(default_factory=set)
    text: str = ""

    @property
    def ancestors(self) -> Iterator[Element]:
        above = self.parent
        while above is not None:
            yield above
            above = above.parent

    def is_below(self, name: str) -> bool:
        return any(name in above.names or name == above.tag for above in self.ancestors)


class _Document(HTMLParser):
    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self.problems: list[str] = []
        self._open: list[Element] = []
        self.feed(source)
        self.close()
        self.problems.extend(f"<{element.tag}> is never closed" for element in self._open)

    def handle_decl(self, decl: str) -> None:
        name, _, rest = decl.partition(" ")
        self._add(f"!{name}".upper(), [(rest.lower(), None)] if rest else [])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = self._add(tag.upper(), attrs)
        if element.tag not in _VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open[-1].tag != tag.upper():
            self.problems.append(f"</{tag}> closes nothing that is open there")
            return
        self._open.pop()

    def handle_data(self, data: str) -> None:
        if self._open:
            self._open[-1].text += data

    def handle_comment(self, data: str) -> None:
        if data.lstrip().lower().startswith("[if"):
            self.problems.append("conditional comments are not allowed")

    def handle_pi(self, data: str) -> None:
        self.problems.append(f"<?{data}> is not allowed")

    def _add(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> Element:
        names = [name for name, _ in attrs]
        self.problems.extend(f"<{tag}> has {name!r} twice" for name in set(names) if names.count(name) > 1)
        parent = self._open[-1] if self._open else None
        element = Element(tag, {name: value or "" for name, value in attrs}, parent)
        self.elements.append(element)
        return element


def amp_violations(source: str) -> list[str]:
    """Say what in a document breaks the rules of AMP4EMAIL; an empty list for a valid one."""
    document = _Document(source)
    problems = list(document.problems)
    loaded = {name for element in document.elements if (name := _extension(element))}
    used: set[str] = set()
    seen: dict[str, int] = {}
    for element in document.elements:
        spec, found = _best(element, loaded)
        problems.extend(found)
        if spec is None:
            continue
        name = _name(spec)
        element.names |= {name}
        seen[name] = seen.get(name, 0) + 1
        used.update(spec.get("requiresExtension", ()))
        used.update(_needs(element, spec))
        if seen[name] == 2 and spec.get("unique"):
            problems.append(f"there is more than one {name}")
    problems += [f"{_name(s)} is missing" for s in _specs() if s.get("mandatory") and _name(s) not in seen]
    problems += [f"the extension {name} is loaded and not used" for name in sorted(loaded - used)]
    return problems


def _best(element: Element, loaded: set[str]) -> tuple[Spec | None, list[str]]:
    """Find the rule that allows an element; when none does, what the nearest one holds against it."""
    nearest: list[str] | None = None
    for spec in _specs():
        if spec["tagName"] != element.tag:
            continue
        found = list(_judge(element, spec, loaded))
        if not found:
            return spec, []
        if nearest is None or len(found) < len(nearest):
            nearest = found
    return None, [f"<{element.tag}> is not allowed"] if nearest is None else nearest


def _judge(element: Element, spec: Spec, loaded: set[str]) -> Iterator[str]:
    where = f"<{_name(spec)}>"
    if unknown := spec.keys() - _TAG_KEYS:
        yield f"{where}: the rule's {sorted(unknown)} cannot be judged here"
    wanted, parent = spec.get("mandatoryParent"), element.parent
    if wanted and (parent.tag if parent else "$ROOT") not in (
        wanted,
        *({"$ROOT"} if wanted == "!DOCTYPE" else ()),
    ):
        yield f"{where} must stand in {wanted}"
    above = spec.get("mandatoryAncestor")
    if above and not element.is_below(above):
        yield f"{where} must stand below {above}"
    for below in spec.get("disallowedAncestor", ()):
        if element.is_below(below):
            yield f"{where} must not stand below {below}"
    for extension in (*spec.get("requiresExtension", ()), *_needs(element, spec)):
        if extension not in loaded:
            yield f"{where} needs the extension {extension}, which is not loaded"
    yield from _judge_attributes(element, spec, where)
    yield from _judge_text(element, spec.get("cdata", {}), where)
    if "ampLayout" in spec:
        yield from _judge_layout(element, spec["ampLayout"], where)


def _judge_attributes(element: Element, spec: Spec, where: str) -> Iterator[str]:
    allowed: dict[str, Spec] = spec["allowed"]
    given = dict(element.attributes)
    if (
        element.tag == "HTML"
        and len([given.pop(mark) for mark in ("⚡4email", "amp4email") if mark in given]) != 1
    ):
        yield f"{where} must be marked as ⚡4email"
    for name, rule in allowed.items():
        if rule.get("mandatory") and name not in given:
            yield f"{where} must have {name!r}"
    for name, value in given.items():
        if name.startswith("data-"):
            continue
        if name not in allowed:
            yield f"{where} may not have {name!r}"
            continue
        if unknown := allowed[name].keys() - _ATTR_KEYS:
            yield f"{where}: the rule's {sorted(unknown)} for {name!r} cannot be judged here"
        if not all(_judge_value(value, allowed[name])):
            yield f"{where} may not have {name}={value!r}"
        if element.is_below("TEMPLATE") and _RAW_MUSTACHE.search(value):
            yield f"{where}: {name!r} has an unescaped or partial template"


def _judge_value(value: str, rule: Spec) -> Iterator[bool]:
    if "value" in rule:
        yield value in rule["value"]
    if "valueCasei" in rule:
        yield value.lower() in rule["valueCasei"]
    if "valueRegex" in rule:
        yield re.fullmatch(rule["valueRegex"], value) is not None
    if "valueRegexCasei" in rule:
        yield re.fullmatch(rule["valueRegexCasei"], value, re.IGNORECASE) is not None
    if "blacklistedValueRegex" in rule:
        yield re.search(rule["blacklistedValueRegex"], value, re.IGNORECASE) is None
    if "valueUrl" in rule:
        yield _is_url(value, rule["valueUrl"])
    if "cssDeclaration" in rule:
        known = {declaration["name"] for declaration in rule["cssDeclaration"]}
        yield all(
            part.partition(":")[0].strip().lower() in known for part in value.split(";") if part.strip()
        )


def _is_url(value: str, rule: Spec) -> bool:
    if not value:
        return bool(rule.get("allowEmpty"))
    try:
        scheme = urlsplit(value).scheme
    except ValueError:
        return False
    return scheme in rule["protocol"] if scheme else bool(rule.get("allowRelative", True))


def _judge_text(element: Element, rule: Mapping[str, Any], where: str) -> Iterator[str]:
    text = element.text
    if "cdataRegex" in rule and not re.fullmatch(rule["cdataRegex"], text):
        yield f"{where} must contain {rule['cdataRegex']}"
    for forbidden in rule.get("blacklistedCdataRegex", ()):
        if re.search(forbidden["regex"], text, re.IGNORECASE):
            yield f"{where} must not contain {forbidden['regex']}"
    if len(text.encode()) > rule.get("maxBytes", len(text.encode())):
        yield f"{where} is longer than {rule['maxBytes']} bytes"
    css = rule.get("cssSpec")
    if css is not None:
        at_rules = {at["name"] for at in css["atRuleSpec"] if at["type"] != "PARSE_AS_ERROR"}
        for name in re.findall(r"@([\w-]+)", text):
            if name not in at_rules:
                yield f"{where} must not contain @{name}"
        for url in re.findall(r"url\(\s*[\"']?([^\"')]*)", text):
            if urlsplit(url).scheme not in css["imageUrlSpec"]["protocol"]:
                yield f"{where} must not load {url}"


def _judge_layout(element: Element, rule: Spec, where: str) -> Iterator[str]:
    width, height = element.attributes.get("width"), element.attributes.get("height")
    layout = element.attributes.get("layout", "").upper().replace("-", "_")
    if not layout:
        layout = "CONTAINER" if height is None else "FIXED_HEIGHT" if width in (None, "auto") else "FIXED"
    if layout not in rule["supportedLayouts"]:
        yield f"{where} may not have the layout {layout}"
    needed = {"FIXED": (width, height), "RESPONSIVE": (width, height), "FIXED_HEIGHT": (height,)}.get(
        layout, ()
    )
    if not all(length is not None and _LENGTH.fullmatch(length) for length in needed):
        yield f"{where} with the layout {layout} needs its lengths"


def _attributes(spec: Spec, lists: Mapping[str, list[Spec]]) -> dict[str, Spec]:
    """Give the attributes that a rule allows, by name."""
    names = [] if spec.get("explicitAttrsOnly") else ["$GLOBAL_ATTRS"]  # the more particular rule comes later
    if "ampLayout" in spec:
        names.append("$AMP_LAYOUT_ATTRS")
    names += spec.get("attrLists", ())
    allowed = {rule["name"]: rule for name in names for rule in lists[name]}
    allowed.update((rule["name"], rule) for rule in spec.get("attrs", ()))
    extension = spec.get("extensionSpec")
    if extension:
        kind = "custom-template" if extension.get("extensionType") == "CUSTOM_TEMPLATE" else "custom-element"
        name = extension["name"]
        versions = [v for v in extension["version"] if v not in extension.get("deprecatedVersion", ())]
        allowed[kind] = {"name": kind, "mandatory": True, "value": [name]}
        sources = [f"{_CDN}{name}-{version}.js" for version in versions]
        allowed["src"] = {"name": "src", "mandatory": True, "value": sources}
    return allowed


def _needs(element: Element, spec: Spec) -> set[str]:
    """Give the extensions that an element's attributes need."""
    allowed: dict[str, Spec] = spec["allowed"]
    needed = {
        extension
        for name in element.attributes
        for extension in allowed.get(name, {}).get("requiresExtension", ())
    }
    return needed | ({"amp-bind"} if any(name.startswith("[") for name in element.attributes) else set())


def _extension(element: Element) -> str | None:
    if element.tag != "SCRIPT":
        return None
    return element.attributes.get("custom-element") or element.attributes.get("custom-template")


def _name(spec: Spec) -> str:
    extension = spec.get("extensionSpec", {}).get("name")
    return str(spec.get("specName") or (f"{spec['tagName']} {extension}" if extension else spec["tagName"]))


@cache
def _specs() -> tuple[Spec, ...]:
    rules: dict[str, Any] = json.loads(Path(__file__).with_name("amp4email_rules.json").read_text("utf-8"))
    return tuple({**spec, "allowed": _attributes(spec, rules["attrLists"])} for spec in rules["tags"])
