"""IR text to machine code, whatever the version of llvmlite."""

import ctypes
import gc
import sys
import threading
import types

import pytest

pytest.importorskip("llvmlite")

import moonpool
from moonpool import _llvm

ANSWER = "define i32 @kernel(ptr %frame) {\n  ret i32 42\n}\n"
SUM = """\
define i32 @kernel(ptr %p) {
  %a = load <8 x double>, ptr %p, align 1
  %b = fadd <8 x double> %a, %a
  store <8 x double> %b, ptr %p, align 1
  ret i32 0
}
"""
SINE = """\
declare double @sin(double)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
define i32 @kernel(ptr %p) {
  %n = load i64, ptr %p
  %x = getelementptr i8, ptr %p, i64 8
  %y = getelementptr i8, ptr %p, i64 16
  call void @llvm.memcpy.p0.p0.i64(ptr %y, ptr %x, i64 %n, i1 false)
  %v = load double, ptr %y
  %s = call double @sin(double %v)
  store double %s, ptr %y
  ret i32 0
}
"""
BEST = "avx2"


def compiled(ir, isa):
    return _llvm.link(_llvm.compile_ir(ir, isa))


def call(code, argument=None):
    return ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p)(code.address)(argument)


def test_compiles_and_runs():
    assert call(compiled(ANSWER, "scalar")) == 42


def test_calls_c_functions():
    import math

    frame = (ctypes.c_double * 3)(0, 0.5, 0)
    ctypes.cast(frame, ctypes.POINTER(ctypes.c_int64))[0] = 8
    assert call(compiled(SINE, "sse2"), ctypes.addressof(frame)) == 0
    assert frame[2] == math.sin(0.5)


def test_object_code_makes_the_same_code_again():
    data = _llvm.compile_ir(ANSWER, "sse2")
    first = _llvm.link(data)
    del first
    assert call(_llvm.link(data)) == 42


@pytest.mark.parametrize("data", [b"", b"\x7fELF", b"no object file" * 100])
def test_no_object_file(data):
    with pytest.raises(_llvm.CompilerError):
        _llvm.link(data)


@pytest.mark.parametrize(
    ("isa", "has", "lacks"),
    [
        ("scalar", "xmm", "ymm"),
        ("sse2", "xmm", "ymm"),
        ("avx2", "ymm", "zmm"),
        ("avx512", "zmm", None),
    ],
)
def test_only_the_instructions_asked_for(isa, has, lacks):
    if not _llvm._is_x86():
        pytest.skip("names of registers of another machine")
    text = _llvm.assembly(SUM, isa)
    assert has in text
    assert lacks is None or lacks not in text


GATHER = f"""\
declare <8 x double> @llvm.masked.gather.v8f64.v8p0(<8 x ptr>, i32, <8 x i1>, <8 x double>)
define i32 @kernel(ptr %p) {{
  %o = load <8 x i64>, ptr %p, align 1
  %a = getelementptr i8, ptr %p, <8 x i64> %o
  %v = call <8 x double> @llvm.masked.gather.v8f64.v8p0(<8 x ptr> %a, i32 1, \
<8 x i1> <{", ".join(["i1 true"] * 8)}>, <8 x double> poison)
  store <8 x double> %v, ptr %p, align 1
  ret i32 0
}}
"""


def test_gathers_are_what_is_fast():
    """AMD's are slower than loads one by one, which LLVM knows how to avoid since 17."""
    if not _llvm._is_x86():
        pytest.skip("instructions of another machine")
    _, cpu, features = _llvm.target("avx512")
    slow = cpu.startswith("znver") and "+prefer-no-gather" in features
    assert ("vgatherqpd" in _llvm.assembly(GATHER, "avx512")) != slow


def test_passes_inline():
    text = _llvm.optimized_ir(
        "define internal i32 @f() alwaysinline {\n  ret i32 7\n}\n"
        "define i32 @kernel(ptr %p) {\n  %x = call i32 @f()\n  ret i32 %x\n}\n",
        "scalar",
    )
    assert "ret i32 7" in text
    assert "@f" not in text


@pytest.mark.parametrize(
    "ir",
    [
        "this is no IR",
        "define i32 @kernel(ptr %p) {\n  ret i32 %x\n}\n",
        "declare i32 @no_such_function()\n"
        "define i32 @kernel(ptr %p) {\n  %x = call i32 @no_such_function()\n  ret i32 %x\n}\n",
        "define i32 @other(ptr %p) {\n  ret i32 0\n}\n",
    ],
)
def test_what_is_wrong_is_an_error(ir):
    with pytest.raises(_llvm.CompilerError):
        compiled(ir, "scalar")
    assert call(compiled(ANSWER, "scalar")) == 42


def test_code_outlives_its_compiler(monkeypatch):
    monkeypatch.setattr(_llvm, "_GENERATION", 3)
    codes = [compiled(ANSWER.replace("42", str(k)), "scalar") for k in range(10)]
    del codes[::2]
    gc.collect()
    assert [call(code) for code in codes] == [1, 3, 5, 7, 9]


def test_from_many_threads():
    found = []

    def work(number):
        code = compiled(ANSWER.replace("42", str(number)), BEST)
        found.append((number, call(code)))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [(k, k) for k in range(8)]


def test_target_names_what_code_depends_on():
    versions, cpu, features = _llvm.target("sse2")
    assert "llvmlite" in versions
    assert "LLVM" in versions
    assert cpu
    assert (cpu, features) != _llvm.target("avx2")[1:] or not _llvm._is_x86()


@pytest.mark.parametrize(
    ("version", "reason"), [(None, "not installed"), ("0.40.1", "too old"), ("0.44.0", None)]
)
def test_why_there_is_none(monkeypatch, version, reason):
    monkeypatch.setattr(_llvm, "_compiler", [])
    if version != "0.44.0":
        module = types.ModuleType("llvmlite") if version else None
        if module is not None:
            vars(module)["__version__"] = version
        monkeypatch.setitem(sys.modules, "llvmlite", module)
    found = _llvm.unavailable()
    assert (found is None) if reason is None else (reason in str(found))


def test_import_does_not_import_llvm(run_python):
    out = run_python("import sys, moonpool; print('llvmlite' in sys.modules)")
    assert out == "False\n"


def test_a_large_kernel_does_not_end_the_process(run_python):
    """A pass of LLVM's failed an assertion where one loop followed the other."""
    run_python(
        """
        import moonpool
        line = "for i = 1, 3 do if x > i then x = math.sin(x) // y else y = y + 1 end end\\n"
        kernel = moonpool.kernel("function(x, y)\\n" + line * 120 + "return x end")
        assert "kernel:" in kernel.inspect_asm("f8", "f8")
        """
    )


@pytest.mark.slow_asan
def test_little_memory_does_not_end_the_process(run_python):
    run_python(
        f"""
        import resource
        from moonpool import _llvm
        small = {ANSWER!r}
        lines = [f"  %x{{i + 1}} = fdiv double %x{{i}}, {{i}}.5" for i in range(4000)]
        text = "\\n".join(
            ["define i32 @kernel(ptr %p) {{", "  %x0 = load double, ptr %p", *lines,
             "  store double %x4000, ptr %p", "  ret i32 0", "}}"]
        )
        code = _llvm.compile_ir(small, "sse2")
        used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (used + (4 << 20), most))
        for ir in (text, small):
            try:
                _llvm.compile_ir(ir, "sse2")
            except MemoryError as error:
                assert "too little memory is left" in str(error), error
            else:
                raise AssertionError("there is memory")
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        assert _llvm.compile_ir(small, "sse2") == code
        _llvm.compile_ir(text, "sse2")
        """
    )


def test_short_loops_over_tables_are_unrolled():
    kernel = moonpool.kernel(
        "function(x) local v = {x, 2.0, 3.0} local s = 0.0"
        " for i = 1, 3 do s = s + v[i] * x end return s end"
    )
    assert "%own" in kernel.inspect_llvm("f8")
    text = _llvm.optimized_ir(kernel.inspect_llvm("f8"), "sse2")
    assert "%own" not in text
