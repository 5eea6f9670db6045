/* Builtins: the library functions that the native tier knows. */
#ifndef MP_NATIVE_BUILTIN_H
#define MP_NATIVE_BUILTIN_H

/* name, Lua's name, least and most arguments (ANY: any number). A function
 * with two results is two builtins: the second one, that no Lua name leads to,
 * gives the second result. */
#define MP_BUILTIN_TABLE(X)                                                    \
    X(MATH_ABS, "math.abs", 1, 1)                                              \
    X(MATH_ACOS, "math.acos", 1, 1)                                            \
    X(MATH_ASIN, "math.asin", 1, 1)                                            \
    X(MATH_ATAN, "math.atan", 1, 2)                                            \
    X(MATH_CEIL, "math.ceil", 1, 1)                                            \
    X(MATH_COS, "math.cos", 1, 1)                                              \
    X(MATH_DEG, "math.deg", 1, 1)                                              \
    X(MATH_EXP, "math.exp", 1, 1)                                              \
    X(MATH_FLOOR, "math.floor", 1, 1)                                          \
    X(MATH_FMOD, "math.fmod", 2, 2)                                            \
    X(MATH_LOG, "math.log", 1, 2)                                              \
    X(MATH_MAX, "math.max", 1, MP_BUILTIN_ANY)                                 \
    X(MATH_MIN, "math.min", 1, MP_BUILTIN_ANY)                                 \
    X(MATH_MODF, "math.modf", 1, 1)                                            \
    X(MATH_MODF_FRACTION, "math.modf#2", 1, 1)                                 \
    X(MATH_RAD, "math.rad", 1, 1)                                              \
    X(MATH_SIN, "math.sin", 1, 1)                                              \
    X(MATH_SQRT, "math.sqrt", 1, 1)                                            \
    X(MATH_TAN, "math.tan", 1, 1)                                              \
    X(MATH_TOINTEGER, "math.tointeger", 1, 1)                                  \
    X(MATH_ULT, "math.ult", 2, 2)                                              \
    X(NUM_ACOSH, "num.acosh", 1, 1)                                            \
    X(NUM_ASINH, "num.asinh", 1, 1)                                            \
    X(NUM_ATANH, "num.atanh", 1, 1)                                            \
    X(NUM_CBRT, "num.cbrt", 1, 1)                                              \
    X(NUM_COSH, "num.cosh", 1, 1)                                              \
    X(NUM_ERF, "num.erf", 1, 1)                                                \
    X(NUM_ERFC, "num.erfc", 1, 1)                                              \
    X(NUM_EXP2, "num.exp2", 1, 1)                                              \
    X(NUM_EXPM1, "num.expm1", 1, 1)                                            \
    X(NUM_GAMMA, "num.gamma", 1, 1)                                            \
    X(NUM_LGAMMA, "num.lgamma", 1, 1)                                          \
    X(NUM_LOG10, "num.log10", 1, 1)                                            \
    X(NUM_LOG1P, "num.log1p", 1, 1)                                            \
    X(NUM_LOG2, "num.log2", 1, 1)                                              \
    X(NUM_RINT, "num.rint", 1, 1)                                              \
    X(NUM_ROUND, "num.round", 1, 1)                                            \
    X(NUM_SINH, "num.sinh", 1, 1)                                              \
    X(NUM_TANH, "num.tanh", 1, 1)                                              \
    X(NUM_TRUNC, "num.trunc", 1, 1)                                            \
    X(NUM_ATAN2, "num.atan2", 2, 2)                                            \
    X(NUM_COPYSIGN, "num.copysign", 2, 2)                                      \
    X(NUM_HYPOT, "num.hypot", 2, 2)                                            \
    X(NUM_NEXTAFTER, "num.nextafter", 2, 2)                                    \
    X(NUM_POW, "num.pow", 2, 2)                                                \
    X(NUM_REMAINDER, "num.remainder", 2, 2)                                    \
    X(NUM_ISFINITE, "num.isfinite", 1, 1)                                      \
    X(NUM_ISINF, "num.isinf", 1, 1)                                            \
    X(NUM_ISNAN, "num.isnan", 1, 1)                                            \
    X(NUM_CLAMP, "num.clamp", 3, 3)                                            \
    X(NUM_FMA, "num.fma", 3, 3)                                                \
    X(NUM_LERP, "num.lerp", 3, 3)                                              \
    X(NUM_SIGN, "num.sign", 1, 1)                                              \
    X(NUM_RANDOM, "num.random", 2, 2)                                          \
    X(NUM_NORMAL, "num.normal", 2, 2)

#define MP_BUILTIN_ANY 250

typedef enum mp_builtin {
#define MP_BUILTIN_ENUM(name, text, least, most) MP_BUILTIN_##name,
    MP_BUILTIN_TABLE(MP_BUILTIN_ENUM)
#undef MP_BUILTIN_ENUM
        MP_NBUILTINS
} mp_builtin;

/* The name, "math.sin", and the builtin of a name; MP_NBUILTINS where the
 * native tier knows none of that name. */
const char *mp__builtin_name(mp_builtin builtin);
mp_builtin mp__builtin_find(const char *name);
int mp__builtin_least(mp_builtin builtin);
int mp__builtin_most(mp_builtin builtin);

#endif
