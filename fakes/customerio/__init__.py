"""Customer.io, played over HTTP: Track API v1, transactional e-mail and App API v1, Reporting Webhooks.

Source: Customer.io's own OpenAPI files (Track, Reporting Webhooks: 2026; App: 2022), its SDKs and their
recorded responses, docs.customer.io. `docs/fakes/customerio.md` says what is not faked and what is guessed.

    >>> from fakes.customerio import CustomerIoSettings, FakeCustomerIo

`FakeCustomerIo.state.add_transactional_message` adds a template; reporting webhooks are registered over HTTP.
"""

from fakes.customerio.app import FakeCustomerIo
from fakes.customerio.control import CustomerIoControl
from fakes.customerio.deliveries import Delivery, Metric, TransactionalMessage
from fakes.customerio.people import Person
from fakes.customerio.settings import CustomerIoSettings, Region, WorkspaceMode
from fakes.customerio.state import SUBSCRIPTIONS, ReportingWebhook, State
from fakes.customerio.webhooks import sign

__all__ = [
    "SUBSCRIPTIONS",
    "CustomerIoControl",
    "CustomerIoSettings",
    "Delivery",
    "FakeCustomerIo",
    "Metric",
    "Person",
    "Region",
    "ReportingWebhook",
    "State",
    "TransactionalMessage",
    "WorkspaceMode",
    "sign",
]
