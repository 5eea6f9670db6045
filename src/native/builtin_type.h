/* What builtins take and give. */
#ifndef MP_NATIVE_BUILTIN_TYPE_H
#define MP_NATIVE_BUILTIN_TYPE_H

#include "native/builtin.h"

typedef enum mp_builtin_type {
    MP_BUILTIN_REAL,     /* floats to a float */
    MP_BUILTIN_TEST,     /* floats to a boolean */
    MP_BUILTIN_SAME,     /* integers to an integer, else floats to a float */
    MP_BUILTIN_CHOICE,   /* one of its arguments, as it is */
    MP_BUILTIN_ROUND,    /* an integer to itself; a float to an integer, where
                            it is in range, else to a float */
    MP_BUILTIN_CONVERT,  /* the integer that a number is, or nil */
    MP_BUILTIN_RANDOM,   /* integers to a float */
    MP_BUILTIN_UNSIGNED, /* integers to a boolean */
} mp_builtin_type;

mp_builtin_type mp__builtin_type(mp_builtin builtin);

#endif
