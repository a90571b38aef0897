"""A cache is right or absent: entries are whole or ignored, and the index is believed by stat."""

from __future__ import annotations

import os
import sys
import time
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from tests.compiler.trees import write
from wfc.compiler import cache

KEY, SOURCE, DEPENDENCIES = cache.digest(b"key"), cache.digest(b"source"), cache.digest(b"deps")


def sealed(body: bytes = b"body") -> bytes:
    return cache.seal(KEY, SOURCE, DEPENDENCIES, body)


def test_an_entry_gives_its_body_back() -> None:
    """Key and source fit, so dependencies and body are given."""
    found = cache.unseal(sealed(), KEY, SOURCE)
    assert found is not None
    assert (found[0], bytes(found[1])) == (DEPENDENCIES, b"body")


@pytest.mark.parametrize("at", range(len(sealed())))
def test_a_flipped_bit_anywhere_is_found(at: int) -> None:
    """No damaged entry is used."""
    data = bytearray(sealed())
    data[at] ^= 1
    assert cache.unseal(bytes(data), KEY, SOURCE) is None


@pytest.mark.parametrize("length", range(len(sealed())))
def test_a_cut_entry_is_found(length: int) -> None:
    """Nor is one that ends too early."""
    assert cache.unseal(sealed()[:length], KEY, SOURCE) is None


def test_an_entry_of_another_key_or_source_is_stale() -> None:
    """Another compiler, other settings, another text."""
    assert cache.unseal(sealed(), cache.digest(b"other"), SOURCE) is None
    assert cache.unseal(sealed(), KEY, cache.digest(b"other")) is None


def test_code_comes_back_with_its_dependencies() -> None:
    """What is no code, or nothing that marshal knows, is ignored."""
    code = compile("x = 1", "x.py", "exec")
    one = ("a.py", KEY)
    assert cache.load_code(memoryview(cache.dump_code(code, (one,)))) == (code, (one,))
    assert cache.load_code(memoryview(b"\xff")) is None
    assert cache.load_code(memoryview(b"")) is None
    assert cache.load_code(memoryview(b"\xa9\x02\xa9\x00N")) is None  # ((), None)


def test_settings_are_part_of_the_key(tmp_path: Path) -> None:
    """A changed `[tool.wfc]` makes every entry stale; a missing file is as good as none."""
    settings = tmp_path / "pyproject.toml"
    without = cache.compiler_key([settings])
    assert without == cache.compiler_key([])
    settings.write_text("[tool.wfc]\n")
    assert cache.compiler_key([settings]) != without


def test_what_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    """A file in the place of a folder: no error, no remains."""
    (tmp_path / "file").write_text("")
    assert not cache.write_whole(tmp_path / "file" / "entry", b"data")
    (tmp_path / "folder").mkdir()
    assert not cache.write_whole(tmp_path / "folder", b"data")
    assert cache.write_whole(tmp_path / "new" / "entry", b"data")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder", "new"]
    assert cache.read_or_none(tmp_path / "new" / "entry") == b"data"
    assert cache.read_or_none(tmp_path / "nothing") is None


def test_step_code_stands_where_python_keeps_byte_code() -> None:
    """Beside the module's own byte code, under another level of optimisation."""
    for source in ("/x/app.py", "app.py", "/x.y/a.b.py", "/x/app"):
        level = f"wfc{sys.flags.optimize or ''}"
        assert cache.code_path(source) == cache_from_source(source, optimization=level)


def test_no_place_for_code_where_python_keeps_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """`sys.implementation.cache_tag` of None switches byte code off."""
    assert "opt-wfc" in str(cache.code_path("/x/app.py"))
    monkeypatch.setattr(sys.implementation, "cache_tag", None)
    assert cache.code_path("/x/app.py") is None


# --- the index ---------------------------------------------------------------------------------


def an_index(root: Path) -> tuple[cache.Index, str]:
    write(root, {"a.py": 'def f():\n    "use step"\n'})
    return cache.Index(root / ".wfc" / "index"), str(root / "a.py")


def test_the_index_remembers_over_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second index answers by the stat alone."""
    index, path = an_index(tmp_path)
    known = index.look_up(path)
    assert known is not None
    assert known.has_directive
    index.save()
    again = cache.Index(tmp_path / ".wfc" / "index")
    monkeypatch.setattr(cache, "_read_or_none", lambda *_: pytest.fail("the file was read"))
    found = again.look_up(path)
    assert found is not None
    assert (found.hash, found.has_directive) == (known.hash, True)


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    """Size, time or inode tell."""
    index, path = an_index(tmp_path)
    index.look_up(path)
    Path(path).write_text("x = 1\n")
    known = index.look_up(path)
    assert known is not None
    assert not known.has_directive


def second_edit_is_seen(root: Path, touched_ns: int) -> bool:
    """Edit a file twice within one tick of its time: all of its stat is equal."""
    index, path = an_index(root)
    os.utime(path, ns=(touched_ns, touched_ns))
    assert index.look_up(path) is not None
    index.save()
    with Path(path).open("r+b") as file:  # the same inode
        file.write(b'def f():\n    "no such"\n')
    os.utime(path, ns=(touched_ns, touched_ns))
    for one in (index, cache.Index(root / ".wfc" / "index")):
        known = one.look_up(path)
        assert known is not None
        if known.has_directive:
            return False
    return True


def test_a_file_touched_just_now_is_not_believed(tmp_path: Path) -> None:
    """Within two seconds of its reading a second edit may not show in the time."""
    assert second_edit_is_seen(tmp_path, time.time_ns())


def test_a_clock_that_went_back_is_not_believed(tmp_path: Path) -> None:
    """A file from the future is read again each time."""
    assert second_edit_is_seen(tmp_path, time.time_ns() + 10**12)


def test_an_old_file_is_believed(tmp_path: Path) -> None:
    """Or the two tests above would hold of an index that believes nothing."""
    assert not second_edit_is_seen(tmp_path, time.time_ns() - 10**12)


def test_a_file_not_believed_but_unchanged_is_not_scanned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its hash is enough, and the index is not written anew for it."""
    index, path = an_index(tmp_path)
    later = time.time_ns() + 10**12
    os.utime(path, ns=(later, later))
    index.look_up(path)
    index.save()
    again = cache.Index(tmp_path / ".wfc" / "index")
    monkeypatch.setattr(
        "wfc.compiler.mention.mentions_directive", lambda _: pytest.fail("the file was scanned")
    )
    known = again.look_up(path)
    assert known is not None
    assert known.has_directive
    assert not again.changed


def test_the_key_of_a_process_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """An edit of the compiler does not rename the compiler that is loaded already."""
    before = cache.compiler_key([])
    monkeypatch.setattr(os, "scandir", lambda _: pytest.fail("our files were looked at again"))
    assert cache.compiler_key([]) == before


def test_a_file_that_is_gone_is_unknown(tmp_path: Path) -> None:
    """So is one that cannot be read."""
    index, path = an_index(tmp_path)
    assert index.look_up(path + "x") is None
    assert index.look_up(str(tmp_path)) is None


@pytest.mark.parametrize("damage", [b"", b"wfc-index 1 00\n", b"rubbish\nmore", b"\xff\xfe"])
def test_a_damaged_index_is_no_index(tmp_path: Path, damage: bytes) -> None:
    """It is read as empty and written anew."""
    (tmp_path / "index").write_bytes(damage)
    assert cache.Index(tmp_path / "index").facts == {}


def test_nothing_is_written_without_need(tmp_path: Path) -> None:
    """An index in memory, an index that did not change."""
    index, path = an_index(tmp_path)
    index.save()
    assert not (tmp_path / ".wfc").exists()
    memory = cache.Index(None)
    memory.look_up(path)
    memory.save()
    assert not (tmp_path / ".wfc").exists()
