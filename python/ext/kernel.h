/* The type moonpool._core.Kernel: a checked Lua source with its options. */
#ifndef MPY_KERNEL_H
#define MPY_KERNEL_H

#include "ext.h"

typedef struct mpy_kernel {
    PyObject_HEAD mp_kernel *kernel; /* owned; never NULL once made */
    struct mpy_attic *attic;         /* the module's; one reference */
    PyObject *signature;             /* str or None */
    mp_shortcuts *shortcuts;         /* owned; NULL before the first map */
    bool strict;
    bool fastmath;
    bool warned; /* that it runs interpreted */
} mpy_kernel;

extern PyType_Spec mpy_kernel_spec;

/* The kernel that `object` is, borrowed; TypeError where it is none. */
mp_kernel *mpy_kernel_of(mpy_state *state, PyObject *object);

/* Makes sure that it has shortcuts. */
int mpy_kernel_shortcuts(mpy_kernel *self);

#endif
