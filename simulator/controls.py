"""The control APIs of a world's fakes, served beside them where somebody asks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fakes.clevertap import CleverTapControl
from fakes.customerio import CustomerIoControl
from fakes.kit import Control, VendorControl
from fakes.mailjet import MailjetControl
from fakes.mailmodo import MailmodoControl
from fakes.segment import SegmentControl
from simulator.ports import START_HOST
from simulator.start_page import StartPage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulator.network import Network
    from simulator.vendors import Vendors

__all__ = ["serve_controls", "vendor_controls"]


def vendor_controls(vendors: Vendors) -> dict[str, VendorControl]:
    """Give each fake's part of the control API, by vendor, in the order in which people read of them."""
    found: dict[str, VendorControl] = {}
    if vendors.clevertap is not None:
        found["clevertap"] = CleverTapControl(vendors.clevertap)
    if vendors.mailmodo is not None:
        found["mailmodo"] = MailmodoControl(vendors.mailmodo)
    if vendors.mailjet is not None:
        found["mailjet"] = MailjetControl(vendors.mailjet)
    if vendors.customerio is not None:
        found["customerio"] = CustomerIoControl(vendors.customerio)
    if vendors.segment is not None:
        found["segment"] = SegmentControl(vendors.segment)
    return found


async def serve_controls(
    vendors: Vendors, network: Network, *, links: Mapping[str, str], proxy: Mapping[str, str] | None = None
) -> dict[str, Control]:
    """Serve a control API for every fake, and a start page of all; `reset` leads back to the state as it is now.

    Args:
        vendors: Whose.
        network: On which they are served, each under `control.<vendor>.test`.
        links: Where else the start pages lead, by name.
        proxy: What the start page says of the proxy, when there is one.
    """
    controls: dict[str, Control] = {}

    def all_links() -> dict[str, str]:
        pages = {name: network.url(control.host) for name, control in controls.items()}
        return {"start": network.url(START_HOST), **pages, **links}

    page = StartPage(controls, links=all_links, proxy=proxy)
    await network.serve(page.app, [START_HOST])
    for name, part in vendor_controls(vendors).items():
        control = controls[name] = Control(part, links=all_links)
        await network.serve(control.app, [control.host])
        control.keep_baseline()
    return controls
