/* Dtypes: the rows of MP_DTYPE_TABLE as functions. */
#include "moonpool.h"

int mp_dtype_size(mp_dtype dtype)
{
    static const int sizes[] = {
#define DTYPE_SIZE(name, text, type, size, code) size,
        MP_DTYPE_TABLE(DTYPE_SIZE)
#undef DTYPE_SIZE
    };
    return sizes[dtype];
}

const char *mp_dtype_name(mp_dtype dtype)
{
    static const char *const names[] = {
#define DTYPE_NAME(name, text, type, size, code) #text,
        MP_DTYPE_TABLE(DTYPE_NAME)
#undef DTYPE_NAME
    };
    return names[dtype];
}
