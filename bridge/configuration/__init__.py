"""How settings are declared, read, checked and described; which settings there are is said in `bridge.settings`."""

from bridge.configuration.page import reference_table, shown
from bridge.configuration.reader import Reader
from bridge.configuration.row import Row, rows_of, setting
from bridge.configuration.schema import file_schema, values_schema

__all__ = ["Reader", "Row", "file_schema", "reference_table", "rows_of", "setting", "shown", "values_schema"]
