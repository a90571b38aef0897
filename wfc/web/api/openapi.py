"""The document that describes the operator API, made of its table."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from pydantic import BaseModel, TypeAdapter

from wfc.web.api.asking import ATTRIBUTE

_PARAMETER: Final = re.compile(r"\{(\w+)(?::path)?\}")
_PROBLEM: Final = {
    "type": "object",
    "required": ["type", "title", "status", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "instance": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"pointer": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}


def described(rows: Iterable[Any], base: str, mount: str) -> dict[str, Any]:
    """Give OpenAPI 3.1 for these rows of the API, which stand below `base` of a `mount`."""
    schemas: dict[str, Any] = {"Problem": _PROBLEM}
    paths: dict[str, dict[str, Any]] = {}
    for row in rows:
        path = base + _PARAMETER.sub(r"{\1}", row.path)
        paths.setdefault(path, {})[row.method.lower()] = _operation(row, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "wfc operator API",
            "version": "1",
            "description": "Reads and steers the runs of one world.",
        },
        "servers": [{"url": mount or "/"}],
        "security": [{}, {"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(row: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    names = _PARAMETER.findall(row.path)
    operation: dict[str, Any] = {
        "operationId": f"{row.method.lower()}_{row.name.replace(' ', '_')}",
        "summary": row.summary,
        "x-wfc-role": row.role,
        "parameters": [
            *(
                {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
                for name in names
            ),
            *_query(row.query, schemas),
        ],
        "responses": {
            str(row.status): {
                "description": row.summary,
                "content": {"application/json": {"schema": _schema(row.returns, schemas)}},
            },
            **{
                str(status): {
                    "description": "Nothing was recorded.",
                    "content": {
                        "application/problem+json": {
                            "schema": {"$ref": "#/components/schemas/Problem"}
                        }
                    },
                }
                for status in row.problems
            },
        },
    }
    if row.status != _OK and row.role == "act":
        operation["responses"].setdefault(
            str(_OK),
            {
                "description": "It was so already.",
                "content": {"application/json": {"schema": _schema(row.returns, schemas)}},
            },
        )
    if row.cli is not None:
        operation["x-wfc-cli"] = f"wfc {row.cli}"
    if row.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _schema(row.body, schemas)}},
        }
    return operation


_OK: Final = 200


def _query(model: type[BaseModel], schemas: dict[str, Any]) -> list[dict[str, Any]]:
    described = _schema(model, schemas)
    fields = schemas[described["$ref"].rpartition("/")[2]].get("properties", {})
    found = []
    for name, schema in fields.items():
        if name == "attributes":
            # `attr.tier=free`, `attr.user=7`: any name behind the dot.
            found.append(
                {
                    "name": f"{ATTRIBUTE}*",
                    "in": "query",
                    "required": False,
                    "schema": {"type": "string"},
                    "description": f"{ATTRIBUTE}NAME=VALUE, up to 8",
                }
            )
            continue
        found.append({"name": name, "in": "query", "required": False, "schema": schema})
    return found


def _schema(kind: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    """Give a reference to the schema of a type, which is added to the components."""
    found = TypeAdapter(kind).json_schema(
        ref_template="#/components/schemas/{model}", mode="serialization"
    )
    schemas.update(found.pop("$defs", {}))
    title = found.get("title")
    if title is None or found.get("type") != "object" or "properties" not in found:
        return found
    name = re.sub(r"[^A-Za-z0-9]+", "_", title).strip("_")
    schemas[name] = found
    return {"$ref": f"#/components/schemas/{name}"}
