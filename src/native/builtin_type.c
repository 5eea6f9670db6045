/* What builtins take and give, as src/core/lib and Lua's lmathlib.c have it. */
#include "native/builtin_type.h"

mp_builtin_type mp__builtin_type(mp_builtin builtin)
{
    switch (builtin) {
    case MP_BUILTIN_MATH_ABS:
    case MP_BUILTIN_MATH_FMOD:
    case MP_BUILTIN_NUM_SIGN:
        return MP_BUILTIN_SAME;
    case MP_BUILTIN_MATH_MAX:
    case MP_BUILTIN_MATH_MIN:
    case MP_BUILTIN_NUM_CLAMP:
        return MP_BUILTIN_CHOICE;
    case MP_BUILTIN_MATH_CEIL:
    case MP_BUILTIN_MATH_FLOOR:
    case MP_BUILTIN_MATH_MODF:
        return MP_BUILTIN_ROUND;
    case MP_BUILTIN_MATH_TOINTEGER:
        return MP_BUILTIN_CONVERT;
    case MP_BUILTIN_MATH_ULT:
        return MP_BUILTIN_UNSIGNED;
    case MP_BUILTIN_NUM_ISFINITE:
    case MP_BUILTIN_NUM_ISINF:
    case MP_BUILTIN_NUM_ISNAN:
        return MP_BUILTIN_TEST;
    case MP_BUILTIN_NUM_NORMAL:
    case MP_BUILTIN_NUM_RANDOM:
        return MP_BUILTIN_RANDOM;
    case MP_BUILTIN_MATH_ACOS:
    case MP_BUILTIN_MATH_ASIN:
    case MP_BUILTIN_MATH_ATAN:
    case MP_BUILTIN_MATH_COS:
    case MP_BUILTIN_MATH_DEG:
    case MP_BUILTIN_MATH_EXP:
    case MP_BUILTIN_MATH_LOG:
    case MP_BUILTIN_MATH_MODF_FRACTION:
    case MP_BUILTIN_MATH_RAD:
    case MP_BUILTIN_MATH_SIN:
    case MP_BUILTIN_MATH_SQRT:
    case MP_BUILTIN_MATH_TAN:
    case MP_BUILTIN_NUM_ACOSH:
    case MP_BUILTIN_NUM_ASINH:
    case MP_BUILTIN_NUM_ATAN2:
    case MP_BUILTIN_NUM_ATANH:
    case MP_BUILTIN_NUM_CBRT:
    case MP_BUILTIN_NUM_COPYSIGN:
    case MP_BUILTIN_NUM_COSH:
    case MP_BUILTIN_NUM_ERF:
    case MP_BUILTIN_NUM_ERFC:
    case MP_BUILTIN_NUM_EXP2:
    case MP_BUILTIN_NUM_EXPM1:
    case MP_BUILTIN_NUM_FMA:
    case MP_BUILTIN_NUM_GAMMA:
    case MP_BUILTIN_NUM_HYPOT:
    case MP_BUILTIN_NUM_LERP:
    case MP_BUILTIN_NUM_LGAMMA:
    case MP_BUILTIN_NUM_LOG10:
    case MP_BUILTIN_NUM_LOG1P:
    case MP_BUILTIN_NUM_LOG2:
    case MP_BUILTIN_NUM_NEXTAFTER:
    case MP_BUILTIN_NUM_POW:
    case MP_BUILTIN_NUM_REMAINDER:
    case MP_BUILTIN_NUM_RINT:
    case MP_BUILTIN_NUM_ROUND:
    case MP_BUILTIN_NUM_SINH:
    case MP_BUILTIN_NUM_TANH:
    case MP_BUILTIN_NUM_TRUNC:
    case MP_NBUILTINS:
        return MP_BUILTIN_REAL;
    }
    return MP_BUILTIN_REAL;
}
