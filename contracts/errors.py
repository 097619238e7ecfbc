"""What can go wrong with contracts themselves.

ContractError
├── UnknownContract    no contract of that vendor
├── UnknownOperation   the contract has no such operation or webhook
└── ContractFileInvalid  the file is not the OpenAPI document we need
"""

from __future__ import annotations

__all__ = ["ContractError", "ContractFileInvalid", "UnknownContract", "UnknownOperation"]


class ContractError(Exception):
    """Base of everything this package raises."""


class UnknownContract(ContractError):
    """There is no contract of that name."""


class UnknownOperation(ContractError):
    """The contract has no operation or webhook of that name."""


class ContractFileInvalid(ContractError):
    """The file is not an OpenAPI 3.1 document with the parts that are needed."""
