"""Every table there is, whatever module describes it."""

from engramia_core.database import operation_tables, tables
from engramia_core.database.columns import metadata

__all__ = ["metadata", "operation_tables", "tables"]
