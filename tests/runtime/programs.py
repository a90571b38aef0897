"""Programs under test: source text compiled as the import hook would, and the version it makes."""

from __future__ import annotations

import hashlib
import linecache
import sys
import tempfile
import textwrap
import types
from pathlib import Path
from typing import Any

from wfc import abi
from wfc.compiler.build import build
from wfc.compiler.compile import compile_module
from wfc.compiler.facts import ModuleSource
from wfc.compiler.project import Project
from wfc.ids import ModuleName, VersionId
from wfc.manifests.code import module_code
from wfc.manifests.store import Version


class Program:
    """One module, imported: its functions are attributes of `module`. With `whole` its version has
    a manifest, as that of any project; making one takes longer.
    """

    def __init__(self, name: str, text: str, *, whole: bool = False) -> None:
        self.name = ModuleName(name)
        text = textwrap.dedent(text).lstrip("\n")
        digest = hashlib.sha256(text.encode()).hexdigest()
        filename = f"/project/{name}.py"
        linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
        source = ModuleSource(
            name=self.name, path=f"{name}.py", filename=filename, text=text, sha256=digest
        )
        compiled = compile_module(source)
        assert compiled.step is not None, compiled.diagnostics
        assert compiled.workflow is not None
        self.module: Any = types.ModuleType(name)
        self.module.__file__ = filename
        setattr(self.module, abi.NAME, abi.Bundle(self.name, self.module.__dict__))
        sys.modules[name] = self.module
        exec(module_code(compiled.step, filename), self.module.__dict__)  # noqa: S102 - an import
        workflows = [entry.id for entry in compiled.step.entries if entry.kind == "workflow"]
        self.version = Version(
            id=VersionId(digest[:16]),
            workflow={self.name: compiled.workflow},
            step={self.name: compiled.step},
            source={self.name: text},
            fingerprints=dict.fromkeys(workflows, digest),
            classes=frozenset(
                f"{name}:{value.__qualname__}"
                for value in vars(self.module).values()
                if isinstance(value, type) and value.__module__ == name
            ),
        )
        if whole:
            self.version = _built(name, text)


def _built(name: str, text: str) -> Version:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "pyproject.toml").write_text("[tool.wfc]\n")
        (Path(folder) / f"{name}.py").write_text(text)
        result = build(Project.at(Path(folder)), out=None)
    assert result.version is not None, [one.sentence for one in result.diagnostics]
    return result.version
