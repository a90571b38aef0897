"""From what somebody typed to the workflow that was meant."""

from __future__ import annotations

from collections.abc import Callable, Collection
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wfc import abi
from wfc.cli import output
from wfc.cli.common import Common
from wfc.errors import AmbiguousName, NoSuchWorkflow, WfcError
from wfc.ids import DefinitionId

if TYPE_CHECKING:
    from wfc.config import Session


def tell_if_empty(common: Common, root: Path, known: Collection[DefinitionId]) -> None:
    """Say that a build holds no workflow: whoever stands in a wrong folder would wait in vain."""
    if not known:
        output.note(
            common,
            f'no workflow is below {root}: an `async def` that begins with "use workflow". Is it '
            "another folder? --project names it; `packages` in the settings may leave it out.",
        )


def find(session: Session, name: str) -> tuple[DefinitionId, Callable[..., Any]]:
    """Find a workflow of the session's build, and its function. Raises as `resolve`."""
    known = session.registry.current.fingerprints if session.registry is not None else {}
    workflow = resolve(name, known)
    return workflow, abi.registered[workflow].function


def resolve(name: str, known: Collection[DefinitionId]) -> DefinitionId:
    """Find the id ``module:qualname`` that `name` means: an id, or a qualname if only one fits.

    Raises `NoSuchWorkflow` with the nearest names, `AmbiguousName` with all that fit.
    """
    fitting = sorted(one for one in known if name in {one, *_short_names(one)})
    if name in fitting:
        return DefinitionId(name)
    if len(fitting) > 1:
        message = (
            f"{name!r} fits {len(fitting)} workflows, and the wrong one must not start.\n"
            f"Name one of {', '.join(fitting)}"
        )
        raise AmbiguousName(message)
    if fitting:
        return fitting[0]
    message = f"no workflow is called {name!r}.\n{_hint(name, known)}"
    raise NoSuchWorkflow(message)


def built(out: Path) -> Collection[DefinitionId]:
    """Give the workflows of the last build, or none if there is none that can be read."""
    from wfc.manifests.store import current_version, read_version  # noqa: PLC0415 - rarely wanted

    version = current_version(out)
    if version is None:
        return ()
    try:
        return read_version(out / "versions" / version).fingerprints
    except WfcError:
        return ()  # whoever needs the build will hear of it; to look at runs it is only a help


def _short_names(workflow: str) -> set[str]:
    qualname = workflow.partition(":")[2]
    return {qualname, qualname.rpartition(".")[2]}


def _hint(name: str, known: Collection[DefinitionId]) -> str:
    words = {*known, *(one.partition(":")[2] for one in known)}
    near = get_close_matches(name, words, n=3, cutoff=0.6)
    if near:
        return f"Did you mean {' or '.join(near)}?"
    if known:
        return f"There are: {', '.join(sorted(known))}"
    return 'The build holds none. A workflow is an `async def` that begins with "use workflow".'
