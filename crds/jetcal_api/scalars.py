"""Texts and numbers of the resource whose form a pattern tells: quantities, uris, names, formulas."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

DnsLabel = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]


def _as_text(value: Any) -> Any:
    """A bare whole number is as good as its text, as an API server's int-or-string has it."""
    if isinstance(value, float):
        msg = f"must be a whole number or text such as 500m or '{value:g}', in quotes, got {value:g}"
        raise ValueError(msg)  # noqa: TRY004  # pydantic turns only a ValueError into a sentence
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Quantity = Annotated[
    str,
    Field(
        pattern=r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$",
        max_length=32,
        json_schema_extra={"format": "int-or-string", "minimum": 0},
    ),
    BeforeValidator(_as_text),
]
Uri = Annotated[str, Field(min_length=1, max_length=1024, pattern=r"^[^\x00-\x20\x7f-\xa0'\"`$;|&<>\\]+$")]
TritonVersion = Annotated[str, Field(pattern=r"^[0-9]{2}\.[0-9]{2}-py3$", max_length=16)]
TreePath = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[A-Za-z0-9_./-]+$")]
SettingName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=64)]
SettingValue = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.+-]*$", max_length=64)]
Formula = Annotated[str, Field(max_length=256, pattern=r"^[A-Za-z0-9_ .,()\[\]<>=!&|~*/+-]+$")]
