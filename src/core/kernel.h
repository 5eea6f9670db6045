/* Kernels: Lua source with its options, immutable and shared by reference
 * count between threads. */
#ifndef MP_CORE_KERNEL_H
#define MP_CORE_KERNEL_H

#include <stdatomic.h>

#include <lua.h>

#include "core/guard.h"
#include "core/signature.h"
#include "moonpool.h"

/* What another layer keeps with a kernel: the beginning of its own struct. */
typedef struct mp_kernel_extra {
    void (*free)(struct mp_kernel_extra *extra);
    void (*forget)(struct mp_kernel_extra *extra); /* keeps it, but empty */
} mp_kernel_extra;

struct mp_kernel {
    _Atomic int references;
    _Atomic(mp_kernel_extra *) extra; /* atomic; owned; NULL until it is made */
    uint64_t hash;           /* of source, name and options; fixed after new */
    size_t size;             /* of the source; fixed after new */
    char *source;            /* fixed after new */
    char name[64];           /* fixed after new */
    mp_signature *signature; /* NULL where there is none; fixed after new */
    bool bare;               /* the source is a function; fixed after new */
    bool strict;             /* fixed after new */
    bool fastmath;           /* fixed after new */
};

/* Whether two kernels have the same source, name and options. */
bool mp_kernel_equal(const mp_kernel *a, const mp_kernel *b);

/* Compiles the source and pushes the chunk, or an error message; returns what
 * lua_load() does. A bare `function(...) ... end` is compiled as `return
 * function(...) ... end`. Asks `guard` now and then whether to go on, and gives
 * up with an empty chunk. [-0, +1, -] */
int mp_kernel_load(lua_State *L, const mp_kernel *kernel,
                   const mp_guard *guard);

#endif
