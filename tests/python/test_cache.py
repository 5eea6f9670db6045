"""Object code on disk: what is used again, what is not trusted, how it is bounded."""

import os
import stat
import subprocess
import sys
import textwrap

import pytest

pytest.importorskip("llvmlite")

from moonpool import _cache, _core

KEY = bytes(range(32))
CODE = bytes(range(256)) * 3


@pytest.fixture
def directory(tmp_path, monkeypatch):
    """Return where the cache is, which is not there yet."""
    path = tmp_path / "cache" / "moonpool"
    monkeypatch.setenv("MOONPOOL_CACHE_DIR", str(path))
    for name in ("MOONPOOL_CACHE", "MOONPOOL_CACHE_SIZE"):
        monkeypatch.delenv(name, raising=False)
    return path


@pytest.fixture
def file(directory):
    """Return a file with code in it."""
    _cache.store(KEY, CODE)
    (found,) = directory.iterdir()
    return found


def key(number):
    return number.to_bytes(32, "little")


class TestStoring:
    def test_round_trip(self, directory):
        assert _cache.load(KEY) is None
        _cache.store(KEY, CODE)
        assert _cache.load(KEY) == CODE
        assert _cache.load(key(1)) is None
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700

    def test_nothing_else_is_left(self, directory):
        for k in range(5):
            _cache.store(key(k), CODE)
        assert len(list(directory.iterdir())) == 5

    def test_a_key_depends_on_all_there_is(self, directory, monkeypatch):
        first = _cache.key(b"text", "avx2")
        assert first == _cache.key(b"text", "avx2")
        others = [_cache.key(b"text2", "avx2"), _cache.key(b"text", "sse2")]
        for place, name in ((_core, "cpu"), (_core, "__version__")):
            with monkeypatch.context() as patch:
                patch.setattr(_cache, "_identity", [])
                patch.setattr(place, name, "another")
                others.append(_cache.key(b"text", "avx2"))
        assert len({first, *others}) == 5

    def test_no_room(self, directory, monkeypatch):
        def full(*args, **keywords):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "replace", full)
        _cache.store(KEY, CODE)
        assert _cache.load(KEY) is None
        assert list(directory.iterdir()) == []

    def test_many_writers_at_once(self, directory):
        script = """
            from moonpool import _cache
            for round in range(60):
                key = (round % 7).to_bytes(32, "little")
                _cache.store(key, bytes([round % 7]) * 5000)
                found = _cache.load(key)
                assert found is None or found == bytes([round % 7]) * 5000
        """
        command = [sys.executable, "-c", textwrap.dedent(script)]
        env = {**os.environ, "MOONPOOL_CACHE_SIZE": "24K"}
        running = [subprocess.Popen(command, env=env) for _ in range(4)]
        assert [one.wait(60) for one in running] == [0] * 4


class TestDistrust:
    def test_cut_short_anywhere(self, file):
        whole = file.read_bytes()
        for size in range(len(whole)):
            file.write_bytes(whole[:size])
            assert _cache.load(KEY) is None
        file.write_bytes(whole + b"x")
        assert _cache.load(KEY) is None
        file.write_bytes(whole)
        assert _cache.load(KEY) == CODE

    def test_any_bit(self, file):
        whole = file.read_bytes()
        for at in range(len(whole)):
            file.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :])
            assert _cache.load(KEY) is None

    def test_of_another_key(self, file):
        file.rename(file.with_name(f"{key(1).hex()}.o"))
        assert _cache.load(key(1)) is None

    @pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
    def test_a_file_that_others_can_write(self, file, mode):
        file.chmod(mode)
        assert _cache.load(KEY) is None

    @pytest.mark.parametrize("mode", [0o720, 0o702, 0o1777])
    def test_a_directory_that_others_can_write(self, file, directory, mode):
        directory.chmod(mode)
        assert _cache.load(KEY) is None
        _cache.store(key(1), CODE)
        assert len(list(directory.iterdir())) == 1
        with pytest.raises(_cache.OffError, match="others may write"):
            _cache.usage()
        directory.chmod(0o700)
        assert _cache.load(KEY) == CODE

    def test_of_somebody_else(self, file, monkeypatch):
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
        assert _cache.load(KEY) is None
        with pytest.raises(_cache.OffError, match="somebody else"):
            _cache.usage()

    def test_a_link(self, file, directory):
        real = file.rename(directory.parent / "elsewhere")
        file.symlink_to(real)
        assert _cache.load(KEY) is None
        # It is not written through.
        before = real.read_bytes()
        _cache.store(KEY, CODE[::-1])
        assert real.read_bytes() == before
        assert _cache.load(KEY) == CODE[::-1]

    def test_a_link_to_a_directory(self, file, directory):
        real = directory.rename(directory.parent / "elsewhere")
        directory.symlink_to(real)
        assert _cache.load(KEY) is None
        _cache.store(key(1), CODE)
        assert len(list(real.iterdir())) == 1

    def test_a_pipe(self, file):
        file.unlink()
        os.mkfifo(file)
        assert _cache.load(KEY) is None

    def test_a_directory_in_place_of_a_file(self, file):
        file.unlink()
        file.mkdir()
        assert _cache.load(KEY) is None
        _cache.store(KEY, CODE)
        assert _cache.load(KEY) is None

    def test_a_file_in_place_of_the_directory(self, directory):
        directory.parent.mkdir()
        directory.write_text("")
        _cache.store(KEY, CODE)
        assert _cache.load(KEY) is None
        with pytest.raises(_cache.OffError):
            _cache.usage()


class TestSize:
    def test_the_oldest_go(self, directory, monkeypatch):
        monkeypatch.setenv("MOONPOOL_CACHE_SIZE", "20K")
        for k in range(40):
            _cache.store(key(k), bytes(1500))
            file = directory / f"{key(k).hex()}.o"
            os.utime(file, (1e9 + k, 1e9 + k))
            # What is used stays.
            assert _cache.load(key(0)) is not None
        used = _cache.usage()
        assert used.limit == 20 << 10
        assert 5 < used.files < 14
        assert used.size <= used.limit + 2000
        assert _cache.load(key(39)) is not None
        assert _cache.load(key(1)) is None

    def test_what_was_given_up_goes(self, directory, monkeypatch):
        monkeypatch.setenv("MOONPOOL_CACHE_SIZE", "20K")
        _cache.store(KEY, bytes(1000))
        partial = directory / f"{KEY.hex()}.o.1.1"
        partial.write_bytes(b"")
        foreign = directory / "README"
        foreign.write_bytes(bytes(100_000))
        os.utime(partial, (1e9, 1e9))
        _cache.store(key(1), bytes(1000))
        assert not partial.exists()
        assert foreign.exists()

    def test_too_large_for_it(self, directory, monkeypatch):
        monkeypatch.setenv("MOONPOOL_CACHE_SIZE", "1K")
        _cache.store(KEY, CODE)
        assert _cache.load(KEY) is None

    def test_clear(self, file, directory):
        foreign = directory / "README"
        foreign.write_text("mine")
        assert _cache.clear().files == 1
        assert list(directory.iterdir()) == [foreign]
        assert _cache.clear().files == 0


class TestSettings:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("MOONPOOL_CACHE", "0"),
            ("MOONPOOL_CACHE", ""),
            ("MOONPOOL_CACHE_DIR", ""),
            ("MOONPOOL_CACHE_DIR", "relative"),
            ("MOONPOOL_CACHE_SIZE", "0"),
            ("MOONPOOL_CACHE_SIZE", "much"),
        ],
    )
    def test_off(self, file, monkeypatch, name, value):
        monkeypatch.setenv(name, value)
        assert _cache.load(KEY) is None
        assert _cache.key(b"text", "avx2") is None
        _cache.store(key(1), CODE)
        with pytest.raises(_cache.OffError):
            _cache.usage()

    def test_where(self, directory, tmp_path, monkeypatch):
        monkeypatch.delenv("MOONPOOL_CACHE_DIR")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
        assert _cache.usage().directory == tmp_path / "xdg" / "moonpool"
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
        assert _cache.usage().directory == tmp_path / "home" / ".cache" / "moonpool"

    @pytest.mark.parametrize("home", ["/proc/nowhere", "/dev/null"])
    def test_no_home(self, directory, monkeypatch, run_python, home):
        monkeypatch.delenv("MOONPOOL_CACHE_DIR")
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        monkeypatch.setenv("HOME", home)
        run_python(
            """
            import moonpool
            with moonpool.Pool(1, native="require") as pool:
                assert pool.map("function(x) return x + 1 end", 1) == 2
            """
        )

    @pytest.mark.parametrize(("size", "count"), [("64M", 64 << 20), ("1 GiB", 1 << 30), ("99", 99)])
    def test_size(self, directory, monkeypatch, size, count):
        monkeypatch.setenv("MOONPOOL_CACHE_SIZE", size)
        assert _cache.usage().limit == count


MAP = """
    import sys
    import numpy as np
    import moonpool
    with moonpool.Pool(1, native="require") as pool:
        x = np.linspace(0, 5, 100)
        y = pool.map("function(x) return math.sin(x) + math.sqrt(x) end", x)
        assert np.allclose(y, np.sin(x) + np.sqrt(x))
    print("llvmlite" in sys.modules)
"""


def test_the_next_process_needs_no_llvm(directory, run_python):
    assert run_python(MAP) == "True\n"
    assert _cache.usage().files == 1
    found = run_python(MAP)
    if os.uname().machine == "x86_64":
        assert found == "False\n"


def test_code_that_is_wrong_is_made_again(directory, run_python):
    run_python(MAP)
    (file,) = directory.iterdir()
    file.write_bytes(b"")
    assert run_python(MAP) == "True\n"
    assert file.stat().st_size > 100


def test_command_line(file, directory, run_python):
    script = "from moonpool.__main__ import main; main({!r})"
    assert f"{directory}: 1 kernel, 0.0 MiB of 256.0 MiB" in run_python(script.format([]))
    assert "1 kernel removed" in run_python(script.format(["cache", "--clear"]))
    assert "0 kernels" in run_python(script.format(["cache"]))
