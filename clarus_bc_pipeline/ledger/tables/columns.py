"""The columns that tables share, and the metadata that holds them all."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

TIME = sa.DateTime(timezone=True)
MONEY = sa.Numeric(20, 4)
QUANTITY = sa.Numeric(16, 4)


def key_column(name: str, type_: type[sa.types.TypeEngine[Any]] = sa.BigInteger) -> sa.Column[Any]:
    return sa.Column(name, type_, primary_key=True, autoincrement=False)


def store_column() -> sa.Column[Any]:
    return key_column("store", sa.Text)


def source_columns() -> tuple[sa.Column[Any], sa.Column[Any]]:
    """Who said it ("BigCommerce orders", "reply to push 17") and when we saw it."""
    return sa.Column("source", sa.Text, nullable=False), sa.Column("seen_at", TIME, nullable=False)
