/* What takes more than an instruction or two, in LLVM IR.
 *
 * Vectors of 64-bit integers lack much below AVX-512: no conversion to floats
 * and back, and no division. Where numbers are below 2^51 doubles stand in for
 * them: adding 1.5 * 2^52 to such a number leaves it, as an integer, in the low
 * bits. What is larger takes a slow way, rarely. */
#include "native/emit_template.h"

#include "native/spec.h"

#define FAST "$a nounwind readnone willreturn"
#define SLOW "noinline cold nounwind readnone willreturn"
#define ANY_ISA MP_ISA_SCALAR, MP_ISA_AVX512

/* As bits and as a double: 1.5 * 2^52. */
#define MAGIC "$(i64 4843621399236968448)"
#define FMAGIC "$(double 0x4338000000000000)"

/* Whether all of %o, numbers plus 2^51 that were ORed, are within 52 bits. */
#define BRANCH_SMALL                                                           \
    "  %h = lshr $i %o, $(i64 52)\n"                                           \
    "  %large = icmp ne $i %h, $(i64 0)\n"                                     \
    "  %any = call i1 @mp.some($b %large)\n"                                   \
    "  br i1 %any, label %slow, label %fast, !prof !0\n"

/* %fa, %fb and %fq: two ints below 2^51, and the floor of their quotient. The
 * quotient is off by less than a quarter of what separates it from the next
 * integer, so that its floor is right. */
#define QUOTIENT                                                               \
    "  %a1 = add $i %a, $(i64 2251799813685248)\n"                             \
    "  %b1 = add $i %b, $(i64 2251799813685248)\n"                             \
    "  %o = or $i %a1, %b1\n" BRANCH_SMALL "fast:\n"                           \
    "  %ma = add $i %a, " MAGIC "\n"                                           \
    "  %mb = add $i %b, " MAGIC "\n"                                           \
    "  %ba = bitcast $i %ma to $f\n"                                           \
    "  %bb = bitcast $i %mb to $f\n"                                           \
    "  %fa = fsub $f %ba, " FMAGIC "\n"                                        \
    "  %fb = fsub $f %bb, " FMAGIC "\n"                                        \
    "  %d = fdiv $f %fa, %fb\n"                                                \
    "  %fq = call $f @in.1.floor($f %d)\n"

/* %r: the int that %x is. */
#define TO_INT(x)                                                              \
    "  %t = fadd $f " x ", " FMAGIC "\n"                                       \
    "  %tb = bitcast $f %t to $i\n"                                            \
    "  %r = sub $i %tb, " MAGIC "\n"

/* -1 stands apart: the smallest int divided by it is out of range. */
#define IDIV                                                                   \
    "  %minus = icmp eq $i %b, $(i64 -1)\n"                                    \
    "  %d = select $b %minus, $i $(i64 1), $i %b\n"                            \
    "  %q = sdiv $i %a, %d\n"                                                  \
    "  %p = mul $i %q, %d\n"                                                   \
    "  %r = sub $i %a, %p\n"                                                   \
    "  %x = xor $i %r, %d\n"                                                   \
    "  %s = icmp slt $i %x, $(i64 0)\n"                                        \
    "  %nz = icmp ne $i %r, $(i64 0)\n"                                        \
    "  %fix = and $b %s, %nz\n"                                                \
    "  %less = sext $b %fix to $i\n"                                           \
    "  %q1 = add $i %q, %less\n"                                               \
    "  %n = sub $i $(i64 0), %a\n"                                             \
    "  %v = select $b %minus, $i %n, $i %q1\n"                                 \
    "  ret $i %v\n}\n"

#define IMOD                                                                   \
    "  %minus = icmp eq $i %b, $(i64 -1)\n"                                    \
    "  %d = select $b %minus, $i $(i64 1), $i %b\n"                            \
    "  %r = srem $i %a, %d\n"                                                  \
    "  %x = xor $i %r, %d\n"                                                   \
    "  %s = icmp slt $i %x, $(i64 0)\n"                                        \
    "  %nz = icmp ne $i %r, $(i64 0)\n"                                        \
    "  %fix = and $b %s, %nz\n"                                                \
    "  %more = select $b %fix, $i %d, $i $(i64 0)\n"                           \
    "  %v = add $i %r, %more\n"                                                \
    "  ret $i %v\n}\n"

#define TWO_INTS(attributes)                                                   \
    "define internal $i @self($i %a, $i %b) " attributes " {\n"

/* Shifts to the left by %l and to the right by %r, one of them minus the other:
 * by 64 and more, as unsigned numbers, nothing is left. */
#define SHIFT(l, r)                                                            \
    "  %n = sub $i $(i64 0), %y\n"                                             \
    "  %il = icmp ult $i " l ", $(i64 64)\n"                                   \
    "  %ir = icmp ult $i " r ", $(i64 64)\n"                                   \
    "  %vl = shl $i %x, " l "\n"                                               \
    "  %vr = lshr $i %x, " r "\n"                                              \
    "  %sl = select $b %il, $i %vl, $i $(i64 0)\n"                             \
    "  %sr = select $b %ir, $i %vr, $i $(i64 0)\n"                             \
    "  %v = or $i %sl, %sr\n"                                                  \
    "  ret $i %v\n}\n"

/* An int with a float: %d is the int rounded to a double and %e what rounding
 * took off, so that it decides where %d is the float. */
#define COMPARE(first, second)                                                 \
    "define internal $b @self($i %i, $f %x) " FAST " {\n"                      \
    "  %pair = call { $f, $f } @mp.split($i %i)\n"                             \
    "  %d = extractvalue { $f, $f } %pair, 0\n"                                \
    "  %e = extractvalue { $f, $f } %pair, 1\n"                                \
    "  %same = fcmp oeq $f %d, %x\n"                                           \
    "  %rest = fcmp " second " $f %e, $(double 0x0)\n"                         \
    "  %tie = and $b %same, %rest\n"                                           \
    "  %clear = fcmp " first " $f %d, %x\n"                                    \
    "  %v = or $b %tie, %clear\n"                                              \
    "  ret $b %v\n}\n"

/* The int that a float is, and whether it is none. */
#define TOINT_ALL(attributes)                                                  \
    "define internal { $i, $b } @self($f %x) " attributes " {\n"               \
    "  %low = fcmp oge $f %x, $(double 0xC3E0000000000000)\n"                  \
    "  %high = fcmp olt $f %x, $(double 0x43E0000000000000)\n"                 \
    "  %in = and $b %low, %high\n"                                             \
    "  %s = select $b %in, $f %x, $f $(double 0x0)\n"                          \
    "  %i = fptosi $f %s to $i\n"                                              \
    "  %back = sitofp $i %i to $f\n"                                           \
    "  %eq = fcmp oeq $f %back, %s\n"                                          \
    "  %ok = and $b %in, %eq\n"                                                \
    "  %bad = xor $b %ok, $(i1 true)\n"                                        \
    "  %p = insertvalue { $i, $b } poison, $i %i, 0\n"                         \
    "  %v = insertvalue { $i, $b } %p, $b %bad, 1\n"                           \
    "  ret { $i, $b } %v\n}\n"

/* Random words: two 64-bit words of them, from a seed and an index. */
#define RANDOM(stream)                                                         \
    "  %k0 = and $i %seed, $(i64 4294967295)\n"                                \
    "  %k1 = lshr $i %seed, $(i64 32)\n"                                       \
    "  %c0 = and $i %index, $(i64 4294967295)\n"                               \
    "  %c1 = lshr $i %index, $(i64 32)\n"                                      \
    "  %block = call { $i, $i, $i, $i } @mp.philox($i %c0, $i %c1, "           \
    "$i $(i64 0), $i $(i64 " stream "), $i %k0, $i %k1)\n"                     \
    "  %w0 = extractvalue { $i, $i, $i, $i } %block, 0\n"                      \
    "  %w1 = extractvalue { $i, $i, $i, $i } %block, 1\n"                      \
    "  %s1 = shl $i %w1, $(i64 32)\n"                                          \
    "  %low = or $i %w0, %s1\n"                                                \
    "  %l53 = lshr $i %low, $(i64 11)\n"

const mp_template mp__emit_templates[] = {
    /* The high and the low half each in the mantissa of a double of their
     * own; their sum rounds once. */
    {"mp.i2f", MP_TEMPLATE_WIDE, ANY_ISA,
     "define internal $f @self($i %x) " FAST " {\n"
     "  %h = lshr $i %x, $(i64 32)\n"
     "  %bh = xor $i %h, $(i64 4985484789646622720)\n"
     "  %l = and $i %x, $(i64 4294967295)\n"
     "  %bl = or $i %l, $(i64 4841369599423283200)\n"
     "  %fh = bitcast $i %bh to $f\n"
     "  %fl = bitcast $i %bl to $f\n"
     "  %d = fsub $f %fh, $(double 0x4530000080100000)\n"
     "  %v = fadd $f %d, %fl\n"
     "  ret $f %v\n}\n"},
    /* A float32: past 2^53 the bits that do not matter but for being there
     * are made one, so that a double holds the rest. */
    {"mp.i2s", MP_TEMPLATE_WIDE, MP_ISA_SCALAR, MP_ISA_AVX2,
     "define internal $s @self($i %x) " FAST " {\n"
     "  %k = add $i %x, $(i64 9007199254740992)\n"
     "  %large = icmp ugt $i %k, $(i64 18014398509481984)\n"
     "  %t = and $i %x, $(i64 2047)\n"
     "  %nz = icmp ne $i %t, $(i64 0)\n"
     "  %one = select $b %nz, $i $(i64 1024), $i $(i64 0)\n"
     "  %c = and $i %x, $(i64 -2048)\n"
     "  %j = or $i %c, %one\n"
     "  %y = select $b %large, $i %j, $i %x\n"
     "  %d = call $f @mp.i2f($i %y)\n"
     "  %v = fptrunc $f %d to $s\n"
     "  ret $s %v\n}\n"},
    {"mp.i2s", MP_TEMPLATE_BOTH, ANY_ISA,
     "define internal $s @self($i %x) " FAST " {\n"
     "  %v = sitofp $i %x to $s\n"
     "  ret $s %v\n}\n"},
    {"mp.split", MP_TEMPLATE_BOTH, ANY_ISA,
     "define internal { $f, $f } @self($i %x) " FAST " {\n"
     "  %h = lshr $i %x, $(i64 32)\n"
     "  %bh = xor $i %h, $(i64 4985484789646622720)\n"
     "  %l = and $i %x, $(i64 4294967295)\n"
     "  %bl = or $i %l, $(i64 4841369599423283200)\n"
     "  %fh = bitcast $i %bh to $f\n"
     "  %fl = bitcast $i %bl to $f\n"
     "  %high = fsub $f %fh, $(double 0x4530000080000000)\n"
     "  %low = fsub $f %fl, $(double 0x4330000000000000)\n"
     "  %d = fadd $f %high, %low\n"
     "  %t = fsub $f %d, %high\n"
     "  %e = fsub $f %low, %t\n"
     "  %p = insertvalue { $f, $f } poison, $f %d, 0\n"
     "  %v = insertvalue { $f, $f } %p, $f %e, 1\n"
     "  ret { $f, $f } %v\n}\n"},
    {"mp.eq", MP_TEMPLATE_BOTH, ANY_ISA, COMPARE("false", "oeq")},
    {"mp.lt.if", MP_TEMPLATE_BOTH, ANY_ISA, COMPARE("olt", "olt")},
    {"mp.le.if", MP_TEMPLATE_BOTH, ANY_ISA, COMPARE("olt", "ole")},
    {"mp.lt.fi", MP_TEMPLATE_BOTH, ANY_ISA, COMPARE("ogt", "ogt")},
    {"mp.le.fi", MP_TEMPLATE_BOTH, ANY_ISA, COMPARE("ogt", "oge")},

    {"mp.toint", MP_TEMPLATE_SCALAR, ANY_ISA, TOINT_ALL(FAST)},
    {"mp.toint", MP_TEMPLATE_WIDE, MP_ISA_AVX512, MP_ISA_AVX512,
     TOINT_ALL(FAST)},
    {"mp.toint.slow", MP_TEMPLATE_WIDE, ANY_ISA, TOINT_ALL(SLOW)},
    {"mp.toint", MP_TEMPLATE_WIDE, ANY_ISA,
     "define internal { $i, $b } @self($f %x) " FAST " {\n"
     "  %t = fadd $f %x, " FMAGIC "\n"
     "  %tb = bitcast $f %t to $i\n"
     "  %i = sub $i %tb, " MAGIC "\n"
     "  %back = fsub $f %t, " FMAGIC "\n"
     "  %eq = fcmp oeq $f %back, %x\n"
     "  %size = call $f @in.1.fabs($f %x)\n"
     "  %small = fcmp olt $f %size, $(double 0x4320000000000000)\n"
     "  %ok = and $b %eq, %small\n"
     "  %bad = xor $b %ok, $(i1 true)\n"
     "  %any = call i1 @mp.some($b %bad)\n"
     "  %p = insertvalue { $i, $b } poison, $i %i, 0\n"
     "  %v = insertvalue { $i, $b } %p, $b $(i1 false), 1\n"
     "  br i1 %any, label %slow, label %done, !prof !0\n"
     "slow:\n"
     "  %u = call { $i, $b } @mp.toint.slow($f %x)\n"
     "  br label %done\n"
     "done:\n"
     "  %w = phi { $i, $b } [ %v, %0 ], [ %u, %slow ]\n"
     "  ret { $i, $b } %w\n}\n"},
    {"mp.to32", MP_TEMPLATE_BOTH, ANY_ISA,
     "define internal { $w, $b } @self($f %x) " FAST " {\n"
     "  %low = fcmp oge $f %x, $(double 0xC1E0000000000000)\n"
     "  %high = fcmp ole $f %x, $(double 0x41DFFFFFFFC00000)\n"
     "  %in = and $b %low, %high\n"
     "  %s = select $b %in, $f %x, $f $(double 0x0)\n"
     "  %i = fptosi $f %s to $w\n"
     "  %back = sitofp $w %i to $f\n"
     "  %eq = fcmp oeq $f %back, %x\n"
     "  %bad = xor $b %eq, $(i1 true)\n"
     "  %p = insertvalue { $w, $b } poison, $w %i, 0\n"
     "  %v = insertvalue { $w, $b } %p, $b %bad, 1\n"
     "  ret { $w, $b } %v\n}\n"},
    /* A uint64 is, from 2^63 on, an int64 and that. */
    {"mp.touint", MP_TEMPLATE_BOTH, ANY_ISA,
     "define internal { $i, $b } @self($f %x) " FAST " {\n"
     "  %low = fcmp oge $f %x, $(double 0x0)\n"
     "  %high = fcmp olt $f %x, $(double 0x43F0000000000000)\n"
     "  %in = and $b %low, %high\n"
     "  %s = select $b %in, $f %x, $f $(double 0x3FE0000000000000)\n"
     "  %large = fcmp oge $f %s, $(double 0x43E0000000000000)\n"
     "  %less = fsub $f %s, $(double 0x43E0000000000000)\n"
     "  %y = select $b %large, $f %less, $f %s\n"
     "  %pair = call { $i, $b } @mp.toint($f %y)\n"
     "  %i = extractvalue { $i, $b } %pair, 0\n"
     "  %top = select $b %large, $i $(i64 -9223372036854775808), "
     "$i $(i64 0)\n"
     "  %j = xor $i %i, %top\n"
     "  %v = insertvalue { $i, $b } %pair, $i %j, 0\n"
     "  ret { $i, $b } %v\n}\n"},

    {"mp.idiv", MP_TEMPLATE_SCALAR, ANY_ISA, TWO_INTS(FAST) IDIV},
    {"mp.imod", MP_TEMPLATE_SCALAR, ANY_ISA, TWO_INTS(FAST) IMOD},
    {"mp.idiv.slow", MP_TEMPLATE_WIDE, ANY_ISA, TWO_INTS(SLOW) IDIV},
    {"mp.imod.slow", MP_TEMPLATE_WIDE, ANY_ISA, TWO_INTS(SLOW) IMOD},
    {"mp.idiv", MP_TEMPLATE_WIDE, ANY_ISA,
     TWO_INTS(FAST)
         QUOTIENT TO_INT("%fq") "  br label %done\n"
                                "slow:\n"
                                "  %u = call $i @mp.idiv.slow($i %a, $i %b)\n"
                                "  br label %done\n"
                                "done:\n"
                                "  %v = phi $i [ %r, %fast ], [ %u, %slow ]\n"
                                "  ret $i %v\n}\n"},
    {"mp.imod", MP_TEMPLATE_WIDE, ANY_ISA,
     TWO_INTS(FAST) QUOTIENT
     "  %fp = fmul $f %fq, %fb\n"
     "  %fr = fsub $f %fa, %fp\n" TO_INT(
         "%fr") "  br label %done\n"
                "slow:\n"
                "  %u = call $i @mp.imod.slow($i %a, $i %b)\n"
                "  br label %done\n"
                "done:\n"
                "  %v = phi $i [ %r, %fast ], [ %u, %slow ]\n"
                "  ret $i %v\n}\n"},
    /* C's remainder has the sign of %a: less %b where Lua's has another. */
    {"mp.irem", MP_TEMPLATE_BOTH, ANY_ISA,
     TWO_INTS(FAST) "  %m = call $i @mp.imod($i %a, $i %b)\n"
                    "  %x = xor $i %a, %b\n"
                    "  %s = icmp slt $i %x, $(i64 0)\n"
                    "  %nz = icmp ne $i %m, $(i64 0)\n"
                    "  %fix = and $b %s, %nz\n"
                    "  %less = select $b %fix, $i %b, $i $(i64 0)\n"
                    "  %v = sub $i %m, %less\n"
                    "  ret $i %v\n}\n"},

    /* fmod(): the quotient, cut, is right or one too far from 0, and then the
     * remainder has the wrong sign; either way fma() gets it exactly. */
    {"mp.crem", MP_TEMPLATE_BOTH, MP_ISA_AVX2, MP_ISA_AVX512,
     "define internal $f @self($f %a, $f %b) " FAST " {\n"
     "  %d = fdiv $f %a, %b\n"
     "  %q = call $f @in.1.trunc($f %d)\n"
     "  %qs = call $f @in.1.fabs($f %q)\n"
     "  %bs = call $f @in.1.fabs($f %b)\n"
     "  %fits = fcmp olt $f %qs, $(double 0x4330000000000000)\n"
     "  %finite = fcmp olt $f %bs, $(double 0x7FF0000000000000)\n"
     "  %ok = and $b %fits, %finite\n"
     "  %bad = xor $b %ok, $(i1 true)\n"
     "  %any = call i1 @mp.some($b %bad)\n"
     "  br i1 %any, label %slow, label %fast, !prof !0\n"
     "slow:\n"
     "  %u = call $f @call.2.fmod($f %a, $f %b)\n"
     "  br label %done\n"
     "fast:\n"
     "  %n = fneg $f %q\n"
     "  %r = call $f @in.3.fma($f %n, $f %b, $f %a)\n"
     "  %ri = bitcast $f %r to $i\n"
     "  %ai = bitcast $f %a to $i\n"
     "  %x = xor $i %ri, %ai\n"
     "  %s = icmp slt $i %x, $(i64 0)\n"
     "  %nz = fcmp one $f %r, $(double 0x0)\n"
     "  %fix = and $b %s, %nz\n"
     "  %sb = call $f @in.2.copysign($f %b, $f %a)\n"
     "  %r1 = fadd $f %r, %sb\n"
     "  %r2 = select $b %fix, $f %r1, $f %r\n"
     "  %t = call $f @in.2.copysign($f %r2, $f %a)\n"
     "  br label %done\n"
     "done:\n"
     "  %v = phi $f [ %u, %slow ], [ %t, %fast ]\n"
     "  ret $f %v\n}\n"},
    {"mp.crem", MP_TEMPLATE_BOTH, ANY_ISA,
     "define internal $f @self($f %a, $f %b) " FAST " {\n"
     "  %v = call $f @call.2.fmod($f %a, $f %b)\n"
     "  ret $f %v\n}\n"},
    {"mp.fmod", MP_TEMPLATE_BOTH, ANY_ISA,
     "define internal $f @self($f %a, $f %b) " FAST " {\n"
     "  %m = call $f @mp.crem($f %a, $f %b)\n"
     "  %p = fmul $f %m, %b\n"
     "  %fix = fcmp olt $f %p, $(double 0x0)\n"
     "  %more = fadd $f %m, %b\n"
     "  %v = select $b %fix, $f %more, $f %m\n"
     "  ret $f %v\n}\n"},

    {"mp.shl", MP_TEMPLATE_BOTH, ANY_ISA,
     "define internal $i @self($i %x, $i %y) " FAST " {\n" SHIFT("%y", "%n")},
    {"mp.shr", MP_TEMPLATE_BOTH, ANY_ISA,
     "define internal $i @self($i %x, $i %y) " FAST " {\n" SHIFT("%n", "%y")},

    /* The bits of a float16 are those of a double, but for the exponent's
     * bias; an exponent of all ones stays one. */
    {"mp.half.load", MP_TEMPLATE_BOTH, ANY_ISA,
     "define internal $f @self($i %x) " FAST " {\n"
     "  %a = and $i %x, $(i64 32767)\n"
     "  %bits = shl $i %a, $(i64 42)\n"
     "  %small = bitcast $i %bits to $f\n"
     "  %scaled = fmul $f %small, $(double 0x7EF0000000000000)\n"
     "  %si = bitcast $f %scaled to $i\n"
     "  %e = and $i %x, $(i64 31744)\n"
     "  %special = icmp eq $i %e, $(i64 31744)\n"
     "  %inf = or $i %bits, $(i64 9218868437227405312)\n"
     "  %size = select $b %special, $i %inf, $i %si\n"
     "  %sb = and $i %x, $(i64 32768)\n"
     "  %sign = shl $i %sb, $(i64 48)\n"
     "  %vi = or $i %size, %sign\n"
     "  %v = bitcast $i %vi to $f\n"
     "  ret $f %v\n}\n"},
    /* Adding 1.5 * 2^42 times the number's power of two, at least 2^-14,
     * rounds it to the bits that a float16 has. */
    {"mp.half.store", MP_TEMPLATE_BOTH, ANY_ISA,
     "define internal $i @self($f %x) " FAST " {\n"
     "  %xi = bitcast $f %x to $i\n"
     "  %a = call $f @in.1.fabs($f %x)\n"
     "  %ai = bitcast $f %a to $i\n"
     "  %normal = fcmp ogt $f %a, $(double 0x3F10000000000000)\n"
     "  %least = select $b %normal, $f %a, $f $(double 0x3F10000000000000)\n"
     "  %li = bitcast $f %least to $i\n"
     "  %pi = and $i %li, $(i64 9218868437227405312)\n"
     "  %power = bitcast $i %pi to $f\n"
     "  %c = fmul $f %power, $(double 0x4298000000000000)\n"
     "  %up = fadd $f %a, %c\n"
     "  %round = fsub $f %up, %c\n"
     "  %down = fmul $f %round, $(double 0x00F0000000000000)\n"
     "  %di = bitcast $f %down to $i\n"
     "  %h = lshr $i %di, $(i64 42)\n"
     "  %over = fcmp oge $f %a, $(double 0x40EFFE0000000000)\n"
     "  %h1 = select $b %over, $i $(i64 31744), $i %h\n"
     "  %nan = fcmp uno $f %x, %x\n"
     "  %load = lshr $i %ai, $(i64 42)\n"
     "  %l1 = and $i %load, $(i64 1023)\n"
     "  %l2 = or $i %l1, $(i64 32256)\n"
     "  %h2 = select $b %nan, $i %l2, $i %h1\n"
     "  %sign = lshr $i %xi, $(i64 48)\n"
     "  %s1 = and $i %sign, $(i64 32768)\n"
     "  %v = or $i %h2, %s1\n"
     "  ret $i %v\n}\n"},

    /* C's lgamma() writes the sign to a variable that all threads share. */
    {"mp.lgamma", MP_TEMPLATE_SCALAR, ANY_ISA,
     "define internal double @self(double %x) nounwind {\n"
     "  %sign = alloca i32\n"
     "  %v = call double @lgamma_r(double %x, ptr %sign)\n"
     "  ret double %v\n}\n"
     "declare double @lgamma_r(double, ptr) nounwind\n"},
    {"mp.random", MP_TEMPLATE_BOTH, ANY_ISA,
     "define internal $f @self($i %seed, $i %index) nounwind {\n" RANDOM(
         "0") "  %fl = call $f @mp.i2f($i %l53)\n"
              "  %v = fmul $f %fl, $(double 0x3CA0000000000000)\n"
              "  ret $f %v\n}\n"},
    /* Box and Muller's, from a number in (0, 1] and one in [0, 1). */
    {"mp.normal", MP_TEMPLATE_BOTH, ANY_ISA,
     "define internal $f @self($i %seed, $i %index) nounwind "
     "{\n" RANDOM(
         "1073741824") "  %l1 = add $i %l53, $(i64 1)\n"
                       "  %fl = call $f @mp.i2f($i %l1)\n"
                       "  %u = fmul $f %fl, $(double 0x3CA0000000000000)\n"
                       "  %w2 = extractvalue { $i, $i, $i, $i } %block, 2\n"
                       "  %w3 = extractvalue { $i, $i, $i, $i } %block, 3\n"
                       "  %s3 = shl $i %w3, $(i64 32)\n"
                       "  %high = or $i %w2, %s3\n"
                       "  %h53 = lshr $i %high, $(i64 11)\n"
                       "  %fh = call $f @mp.i2f($i %h53)\n"
                       "  %w = fmul $f %fh, $(double 0x3CA0000000000000)\n"
                       "  %log = call $f @call.1.log($f %u)\n"
                       "  %minus = fmul $f %log, $(double 0xC000000000000000)\n"
                       "  %root = call $f @in.1.sqrt($f %minus)\n"
                       "  %angle = fmul $f %w, $(double 0x401921FB54442D18)\n"
                       "  %cos = call $f @call.1.cos($f %angle)\n"
                       "  %v = fmul $f %root, %cos\n"
                       "  ret $f %v\n}\n"},
    {"mp.i2f", MP_TEMPLATE_SCALAR, ANY_ISA,
     "define internal $f @self($i %x) " FAST " {\n"
     "  %v = sitofp $i %x to $f\n"
     "  ret $f %v\n}\n"},
    {"mp.all", MP_TEMPLATE_WIDE, ANY_ISA,
     "define internal i1 @self($m %x) " FAST " {\n"
     "  %n = xor $m %x, $(mask -1)\n"
     "  %any = call i1 @mp.any($m %n)\n"
     "  %v = xor i1 %any, true\n"
     "  ret i1 %v\n}\n"},
    {0},
};
