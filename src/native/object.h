/* Machine code in memory: an object file, linked. */
#ifndef MP_NATIVE_OBJECT_H
#define MP_NATIVE_OBJECT_H

#include "moonpool.h"

/* A mapping of pages. */
typedef struct mp_object mp_object;

/* Links a relocatable object file that defines the function `kernel`, and
 * calls nothing but functions of C's libraries on numbers and memory. The
 * bytes are the caller's, and not needed any more afterwards. MP_VALUE: it is
 * no such file, or one that has more than is linked here, or this machine
 * refuses executable pages; err->message says which. Nothing is executed. Any
 * thread. */
mp_status mp_object_link(const void *bytes, size_t size, mp_object **out,
                         mp_error *err);

/* Of `kernel`. */
uintptr_t mp_object_address(const mp_object *object);

/* Gives the pages back. NULL is allowed. Any thread. */
void mp_object_free(mp_object *object);

#endif
