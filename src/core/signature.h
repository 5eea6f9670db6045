/* Generalized-ufunc signatures, "(m,n),(n)->(m)": NumPy's rule without its
 * optional (`?`) and broadcasting (`|1`) dimensions. */
#ifndef MP_CORE_SIGNATURE_H
#define MP_CORE_SIGNATURE_H

#include "moonpool.h"

/* One core dimension: a name, given by its number, or a fixed size. */
typedef struct mp_core_dim {
    int name; /* index into names, or -1 for a fixed size */
    int64_t fixed;
} mp_core_dim;

typedef struct mp_core {
    int ndim;
    mp_core_dim dim[MP_MAX_NDIM];
} mp_core;

#define MP_SIGNATURE_NAMES 32

typedef struct mp_signature {
    int nin, nout;
    int nnames;
    char names[MP_SIGNATURE_NAMES][16];
    mp_core operand[]; /* nin inputs, then nout outputs */
} mp_signature;

/* Parses; MP_VALUE with the place where it is wrong. The caller's to free(). */
mp_status mp_signature_parse(const char *text, mp_signature **out,
                             mp_error *err);

#endif
