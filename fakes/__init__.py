"""Stateful stand-ins for CleverTap, Customer.io, Mailjet, Mailmodo and Segment, met only over HTTP.

Each vendor is a package of its own, with its fake, its settings and what its accounts are made of:

    >>> from fakes.clevertap import CleverTapSettings, FakeCleverTap
    >>> from fakes.customerio import CustomerIoSettings, FakeCustomerIo
    >>> from fakes.mailjet import FakeMailjet, MailjetSettings
    >>> from fakes.mailmodo import FakeMailmodo, MailmodoSettings
    >>> from fakes.segment import FakeSegment, SegmentSettings

`fakes.kit` is what they share. Nothing is exported here, so that one vendor never loads another.
"""

__all__: list[str] = []
