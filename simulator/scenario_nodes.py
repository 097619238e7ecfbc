"""The journeys of a scenario's CleverTap account, built and checked.

Whether the parts of a journey fit together is judged by CleverTap's own rules, those of `fakes.clevertap`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from fakes.clevertap import Action, Inaction, JourneyTrigger, Message, OnTheDate, Past
from simulator.clevertap_specs import JourneySpec, LinkSpec, NodeSpec, When

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from simulator.clevertap_specs import CampaignSpec
    from simulator.problem_collector import Path, ProblemCollector
    from simulator.scenario_comparison import ComparisonBuilder

__all__ = ["build_journeys", "paths_of"]

_WAITING: Final = ("did", "segment", "date")
_MOST_GOALS: Final = 3


class WhenBuilder(Protocol):
    """Builds what a node waits for.

    Attributes:
        comparison: Builds who is kept out of a journey.
    """

    comparison: ComparisonBuilder

    def when(self, path: Path, data: Mapping[str, Any]) -> When:
        """Build it."""
        ...

    def known_segment(self, path: Path, name: str) -> None:
        """Note a segment that there is not."""
        ...


def build_journeys(
    at: Path,
    items: Sequence[Mapping[str, Any]],
    builder: WhenBuilder,
    campaigns: Sequence[CampaignSpec],
    collector: ProblemCollector,
) -> tuple[JourneySpec, ...]:
    """Build the journeys.

    Args:
        at: Where they stand.
        items: What stands there.
        builder: Builds what nodes wait for.
        campaigns: What nodes may send.
        collector: Told what is wrong.
    """
    collector.unique(at, [item["name"] for item in items])
    for index, item in enumerate(items):
        if any(item["name"] == campaign.name for campaign in campaigns):
            problem = f"`{item['name']}` is the name of a campaign too, and steps launch both by name"
            collector.note((*at, index, "name"), problem, "give it another one")
    return tuple(
        _Journey((*at, index), item, builder, campaigns, collector).build()
        for index, item in enumerate(items)
    )


def paths_of(node: NodeSpec) -> tuple[str, ...]:
    """Name the paths out of a node."""
    if node.send:
        return Message.known_paths
    if node.sets:
        return ("next",)
    if node.splits:
        return tuple(node.splits)
    if node.is_exit:
        return ()
    if node.is_trigger or node.when is None:
        return JourneyTrigger.known_paths
    if node.when.did_not:
        return Inaction.known_paths
    if node.when.did:
        return Action.known_paths
    return Past.known_paths if node.when.segment else OnTheDate.known_paths


class _Journey:
    def __init__(
        self,
        path: Path,
        data: Mapping[str, Any],
        builder: WhenBuilder,
        campaigns: Sequence[CampaignSpec],
        collector: ProblemCollector,
    ) -> None:
        self._path = path
        self._data = data
        self._builder = builder
        self._campaigns = campaigns
        self._collector = collector

    def build(self) -> JourneySpec:
        nodes = tuple(
            self._node((*self._path, "nodes", name), name, item) for name, item in self._data["nodes"].items()
        )
        goals = self._data.get("goals") or ()
        events = tuple(goal for goal in goals if isinstance(goal, str))
        segments = tuple(goal["segment"] for goal in goals if not isinstance(goal, str))
        for index, goal in enumerate(goals):
            if not isinstance(goal, str):
                self._builder.known_segment((*self._path, "goals", index, "segment"), goal["segment"])
        self._check_entry(nodes[0])
        self._check_circle({node.name: node for node in nodes})
        return JourneySpec(
            name=self._data["name"],
            nodes=nodes,
            goals=events,
            goal_segments=segments,
            re_entry=self._data.get("re_entry", False),
            ends_after_s=self._collector.duration((*self._path, "ends_after"), self._data.get("ends_after")),
            in_local_time=self._data.get("in_local_time", False),
            control=self._builder.comparison.control((*self._path, "control"), self._data.get("control")),
        )

    def _node(self, path: Path, name: str, item: Mapping[str, Any]) -> NodeSpec:
        send = item.get("send", "")
        if send:
            self._check_send((*path, "send"), send)
        node = NodeSpec(
            name=name,
            when=self._builder.when(path, item) if any(word in item for word in _WAITING) else None,
            send=send,
            sets=dict(item.get("set") or {}),
            splits={
                way: self._collector.share((*path, "split", way), share).fraction
                for way, share in (item.get("split") or {}).items()
            },
            is_exit=item.get("exit", False),
            is_trigger=item.get("trigger", False),
            gives_up_after_s=self._collector.duration((*path, "gives_up_after"), item.get("gives_up_after")),
            listens_for_s=self._collector.duration((*path, "listens_for"), item.get("listens_for")),
            in_account_time=item.get("in_account_time", False),
            then={
                way: self._link((*path, "then", way), link) for way, link in (item.get("then") or {}).items()
            },
        )
        if node.splits and not any(node.splits.values()):
            self._collector.note((*path, "split"), "sends nobody anywhere", "give a path more than 0 %")
        self._check_words(path, item, node)
        for way in node.then:
            self._collector.known(
                (*path, "then", way), way, among=paths_of(node), what="a path out of this node",
                add_under=f"accounts.clevertap.journeys[].nodes.{name}",
            )  # fmt: skip
        return node

    def _link(self, path: Path, link: str | Mapping[str, Any]) -> LinkSpec:
        to = link if isinstance(link, str) else link["to"]
        self._collector.known(
            path if isinstance(link, str) else (*path, "to"),
            to,
            among=list(self._data["nodes"]),
            what="a node of this journey",
            add_under="accounts.clevertap.journeys[].nodes",
        )
        after = None if isinstance(link, str) else link.get("after")
        return LinkSpec(to, self._collector.duration((*path, "after"), after))

    def _check_send(self, path: Path, name: str) -> None:
        names = [campaign.name for campaign in self._campaigns]
        self._collector.known(
            path, name, among=names, what="a CleverTap campaign", add_under="accounts.clevertap.campaigns"
        )
        if any(campaign.name == name and campaign.when is not None for campaign in self._campaigns):
            problem = f"campaign `{name}` has a `when` and fires by itself"
            self._collector.note(path, problem, "drop `when`, or the node")

    def _check_words(self, path: Path, item: Mapping[str, Any], node: NodeSpec) -> None:
        """Find words that say nothing at a node of this kind."""
        is_inaction = "did_not" in item
        if is_inaction and "within" not in item:
            self._collector.note(path, "`did_not` needs a time", "add `within: 2 h`")
        fitting = {
            "did_not": "did" in item,
            "within": is_inaction,
            "constant": is_inaction,
            "where": "did" in item,
            "before": "date" in item,
            "later": "date" in item,
            "gives_up_after": "did" in item or "segment" in item,
            "listens_for": bool(node.send),
            "in_account_time": bool(node.send),
        }
        if node.in_account_time and node.send and not self._data.get("in_local_time"):
            problem = "takes a message out of local time, which this journey is not in"
            self._collector.note(
                (*path, "in_account_time"), problem, "add `in_local_time: true` to the journey"
            )
        for word, fits in fitting.items():
            if word in item and not fits:
                self._collector.note((*path, word), "says nothing at a node of this kind", "drop it")

    def _check_entry(self, entry: NodeSpec) -> None:
        path = (*self._path, "nodes", entry.name)
        if entry.when is None and not entry.is_trigger:
            problem = "is the first node, by which people enter, and waits for nothing"
            self._collector.note(path, problem, "begin with `did`, `segment`, `date` or `trigger: true`")

    def _check_circle(self, nodes: Mapping[str, NodeSpec]) -> None:
        done: set[str] = set()

        def follow(name: str, way: tuple[str, ...]) -> bool:
            if name in way:
                circle = " → ".join((*way[way.index(name) :], name))
                self._collector.note((*self._path, "nodes", name), f"goes round in a circle: {circle}")
                return True
            if name in done or name not in nodes:
                return False
            found = any(follow(link.to, (*way, name)) for link in nodes[name].then.values())
            done.add(name)
            return found

        any(follow(name, ()) for name in nodes)
