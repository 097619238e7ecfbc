"""The routing file as JSON Schema: to check what was read, and for editors to complete from."""

from __future__ import annotations

from typing import Any, Final

from bridge.destinations import CALLS
from bridge.engagement import Kind, SourceName

__all__ = ["table_schema"]

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_NAME: Final = "^[a-z][a-z0-9_]*$"


def table_schema() -> dict[str, Any]:
    """Describe the file."""
    return {
        "$schema": _DIALECT,
        "title": "Routing table of the bridge",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "extends": {
                "const": "default",
                "description": "Whether the shipped table holds beside this file: its gates and templates by other names, its rows for other engagements.",
            },
            "gates": {
                "description": "What must hold for a row to apply.",
                "type": "object",
                "propertyNames": {"pattern": _NAME},
                "additionalProperties": _gate(),
            },
            "templates": {
                "description": "Calls, and the bodies that they carry.",
                "type": "object",
                "propertyNames": {"pattern": _NAME},
                "additionalProperties": _template(),
            },
            "rows": {"description": "Which engagement goes where.", "type": "array", "items": _row()},
        },
    }


def _gate() -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["says", "checks"],
        "properties": {
            "says": {"description": "What it lets pass, in words.", "type": "string", "minLength": 1},
            "checks": {
                "description": "What is looked at, in order; the first that does not hold shuts the gate.",
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["needs", "else"],
                    "properties": {
                        "needs": {"description": "An expression that must hold.", "type": "string"},
                        "else": {
                            "description": "The reason under which what it refuses is kept.",
                            "type": "string",
                            "pattern": _NAME,
                        },
                        "quarantine": {
                            "description": "Whether that is quarantined, to be replayed once mended, instead of filtered.",
                            "type": "boolean",
                            "default": False,
                        },
                    },
                },
            },
        },
    }


def _template() -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["call", "body"],
        "properties": {
            "call": {"description": "What is called.", "enum": sorted(CALLS)},
            "campaign": {"description": "Which campaign is triggered.", "type": "string", "minLength": 1},
            "body": {"description": "What is sent; texts with {{ … }} are expressions.", "type": "object"},
        },
    }


def _row() -> dict[str, Any]:
    destinations = sorted({name for call in CALLS.values() for name in call.destinations})
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["source", "kind", "destination"],
        "if": {"properties": {"off": {"const": True}}, "required": ["off"]},
        "else": {"required": ["body"]},
        "properties": {
            "source": {"description": "Who reports.", "enum": [str(each) for each in SourceName]},
            "kind": {"description": "What happened.", "enum": [str(each) for each in Kind]},
            "where": {
                "description": "By which inlet: `activity`, `form` or `journey` of Mailmodo, a campaign of CleverTap; any when not said.",
                "type": "string",
                "minLength": 1,
            },
            "destination": {"description": "Who is told.", "enum": destinations},
            "event": {"description": "The event's name there.", "type": "string", "minLength": 1},
            "body": {"description": "The template of the call.", "type": "string"},
            "gate": {"description": "What must hold.", "type": "string"},
            "with": {"description": "What is put in at the template's `...with`.", "type": "object"},
            "off": {
                "description": "Takes the shipped rows for the same source, kind, where and destination away.",
                "const": True,
            },
        },
    }
