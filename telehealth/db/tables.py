"""What every table is made of: one metadata, named constraints, UTC instants, a data class on every column."""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import DateTime, Dialect, MetaData, String, TypeDecorator, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, MappedColumn, mapped_column


class DataClass(StrEnum):
    """How a column is treated in exports, erasure and logs."""

    PLAIN = "plain"
    PII = "pii"
    PHI = "phi"


class UtcDateTime(TypeDecorator[datetime]):
    """timestamptz that refuses naive values and always answers in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is not None and value.tzinfo is None:
            raise ValueError("a naive instant reached the database")
        return value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else value.astimezone(UTC)


class Table(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
        }
    )
    type_annotation_map: ClassVar[Mapping[Any, Any]] = {
        datetime: UtcDateTime(),
        UUID: Uuid(),
        str: String(),
        dict[str, Any]: JSONB(),
    }


def plain(*args: Any, **options: Any) -> MappedColumn[Any]:
    """A column that tells nothing about a person."""
    return _column(DataClass.PLAIN, *args, **options)


def pii(*args: Any, **options: Any) -> MappedColumn[Any]:
    """A column that identifies a person: names, addresses, birth dates."""
    return _column(DataClass.PII, *args, **options)


def phi(*args: Any, **options: Any) -> MappedColumn[Any]:
    """A column about someone's health or care. Free text in it is sealed by the vault."""
    return _column(DataClass.PHI, *args, **options)


def _column(data_class: DataClass, *args: Any, **options: Any) -> MappedColumn[Any]:
    return mapped_column(*args, info={"data_class": data_class}, **options)
