"""Where requests with the same head go, looked up once for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aiohttp import web

    from contracts import Operation, Violation
    from contracts.bodies import Body
    from fakes.kit.answers import FixedAnswer
    from fakes.kit.call import Call

__all__ = ["Route"]


class Route(NamedTuple):
    """Where requests go that are answered at once.

    Attributes:
        handler: Who answers.
        operation: What they are for.
        path: Path parameters, decoded.
        judge: Gives what is wrong with one, from its body.
    """

    handler: Callable[[Call], web.Response | FixedAnswer]
    operation: Operation
    path: Mapping[str, str]
    judge: Callable[[Body], tuple[Violation, ...]]
