"""Rules and bundles as dicts, lists and scalars, and back: what the files and archives hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wfc.determinism import Rules
from wfc.ids import DefinitionId, ModuleName
from wfc.manifests.bundle import (
    Bundle,
    CallSite,
    Entry,
    Exemption,
    Parameter,
    Purpose,
    Receiver,
    Signature,
    Span,
)


def rules_to_plain(rules: Rules) -> dict[str, Any]:
    """Give the rules of a build as dicts, lists and scalars."""
    return {
        "environment": list(rules.environment),
        "packages": list(rules.packages),
        "pure": list(rules.pure),
        "refused": list(rules.refused),
        "renamed": dict(rules.renamed),
    }


def rules_from_plain(plain: Mapping[str, Any]) -> Rules:
    """Read what `rules_to_plain` gave."""
    return Rules(
        packages=tuple(plain["packages"]),
        pure=tuple(plain["pure"]),
        refused=tuple(plain["refused"]),
        environment=tuple(plain["environment"]),
        # Builds before it had none.
        renamed=tuple((old, new) for old, new in sorted(plain.get("renamed", {}).items())),
    )


def bundle_to_plain(bundle: Bundle) -> dict[str, Any]:
    """Give a bundle as dicts, lists and scalars, keys in a fixed order."""
    return {
        "allowed": [[one.code, one.line, one.end_line] for one in bundle.allowed],
        "entries": [_entry_to_plain(entry) for entry in bundle.entries],
        "futures": list(bundle.futures),
        "imports": list(bundle.imports),
        "is_package": bundle.is_package,
        "module": bundle.module,
        "path": bundle.path,
        "purpose": bundle.purpose.value,
        "shared": list(bundle.shared),
        "sites": [
            {
                "blocks": list(site.blocks),
                "callee": site.callee,
                "function": site.function,
                "ordinal": site.ordinal,
                "place": site.place,
                "span": span_to_plain(site.span),
            }
            for site in bundle.sites
        ],
        "source_sha256": bundle.source_sha256,
        "text": bundle.text,
    }


def bundle_from_plain(plain: Mapping[str, Any]) -> Bundle:
    """Read what `bundle_to_plain` gave."""
    return Bundle(
        module=ModuleName(plain["module"]),
        purpose=Purpose(plain["purpose"]),
        text=plain["text"],
        path=plain["path"],
        source_sha256=plain["source_sha256"],
        is_package=plain["is_package"],
        futures=tuple(plain["futures"]),
        entries=tuple(_entry_from_plain(entry) for entry in plain["entries"]),
        sites=tuple(
            CallSite(
                span=Span(*site["span"]),
                place=site["place"],
                callee=site["callee"],
                function=site["function"],
                blocks=tuple(site["blocks"]),
                ordinal=site["ordinal"],
            )
            for site in plain["sites"]
        ),
        imports=tuple(plain["imports"]),
        shared=tuple(plain["shared"]),
        allowed=tuple(
            Exemption(code=code, line=line, end_line=end_line)
            for code, line, end_line in plain.get("allowed", ())  # builds before it had none
        ),
    )


def _entry_to_plain(entry: Entry) -> dict[str, Any]:
    return {
        "docstring": entry.docstring,
        "id": entry.id,
        "is_async": entry.is_async,
        "kind": entry.kind,
        "nested_in": entry.nested_in,
        "policy": _sorted(entry.policy),
        "qualname": entry.qualname,
        "receiver": entry.receiver.value,
        "signature": {
            "captures": list(entry.signature.captures),
            "parameters": [
                {
                    "annotation": one.annotation,
                    "default": one.default,
                    "kind": one.kind,
                    "name": one.name,
                }
                for one in entry.signature.parameters
            ],
            "returns": entry.signature.returns,
        },
        "span": span_to_plain(entry.span),
    }


def _entry_from_plain(plain: Mapping[str, Any]) -> Entry:
    signature = plain["signature"]
    return Entry(
        id=DefinitionId(plain["id"]),
        qualname=plain["qualname"],
        kind=plain["kind"],
        is_async=plain["is_async"],
        docstring=plain["docstring"],
        signature=Signature(
            parameters=tuple(Parameter(**one) for one in signature["parameters"]),
            returns=signature["returns"],
            captures=tuple(signature["captures"]),
        ),
        span=Span(*plain["span"]),
        receiver=Receiver(plain["receiver"]),
        nested_in=plain["nested_in"],
        policy=dict(plain["policy"]),
    )


def span_to_plain(span: Span) -> list[int]:
    """Give a span as four numbers."""
    return [span.line, span.column, span.end_line, span.end_column]


def _sorted(value: Any) -> Any:
    """Sort the keys of nested mappings, and make lists of what JSON would make lists of."""
    if isinstance(value, Mapping):
        return {key: _sorted(inner) for key, inner in sorted(value.items())}
    if isinstance(value, (list, tuple)):
        return [_sorted(inner) for inner in value]
    return value
