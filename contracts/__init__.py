"""What may cross a boundary: one OpenAPI 3.1 document per vendor, and the judge.

    >>> from contracts import Judge, load_contract
    >>> judge = Judge(load_contract("clevertap"))

`load_contract` finds a document, `Contract.operation` and `Contract.match` an operation in it, and `Judge`
says what is wrong with a message: where, what was found, what was wanted, and where the contract has it from.
"""

from contracts.catalog import VENDORS, Contract, Operation, load_contract, names
from contracts.errors import ContractError, ContractFileInvalid, UnknownContract, UnknownOperation
from contracts.validation import Judge, Violation

__all__ = [
    "VENDORS",
    "Contract",
    "ContractError",
    "ContractFileInvalid",
    "Judge",
    "Operation",
    "UnknownContract",
    "UnknownOperation",
    "Violation",
    "load_contract",
    "names",
]
