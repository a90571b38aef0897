"""What functions say about types, as far as it can be found out."""

from __future__ import annotations

from wfc.runtime.annotations import argument_annotations, result_annotation


async def checkout(name: str) -> str:
    return name


def test_the_type_of_a_result_is_read_from_the_function() -> None:
    assert result_annotation(checkout) is str

    def unresolved() -> Missing: ...  # type: ignore[name-defined]  # noqa: F821 - the case

    assert result_annotation(unresolved) is None


def test_annotations_resolve_each_on_its_own() -> None:
    def partly(a: Missing, *rest: int) -> str:  # type: ignore[name-defined]  # noqa: F821 - the case
        return f"{a}{rest}"

    assert argument_annotations(partly) == {"rest": tuple[int, ...]}
    assert result_annotation(partly) is str
