"""Stateful stand-ins for CleverTap, Customer.io, Mailjet, Mailmodo and Segment, met only over HTTP."""
