/* The type moonpool._core.Operands: a row of arguments, each an array whose
 * buffer is held or a plain value, in the form that the C library takes. */
#ifndef MPY_OPERANDS_H
#define MPY_OPERANDS_H

#include "ext.h"

/* One argument. */
typedef struct mpy_operand {
    PyObject *object; /* what was passed, or what it was converted to */
    bool is_array;    /* `buffer` and `view` are meant, else `value` */
    Py_buffer buffer;
    mp_view view;
    mp_value value; /* a string is borrowed from `object` */
} mpy_operand;

typedef struct mpy_operands {
    PyObject_HEAD mpy_state *state;
    Py_ssize_t count;
    Py_ssize_t capacity;
    mpy_operand **items; /* each allocated alone: a Py_buffer must not move */
    int locks;           /* jobs that use the buffers */
    bool released;       /* release() was called: give back when unlocked */
} mpy_operands;

/* What an argument may be. */
typedef enum mpy_role {
    MPY_ROLE_INPUT,  /* an array or a value; lists and such are converted */
    MPY_ROLE_OUTPUT, /* a writable array */
} mpy_role;

extern PyType_Spec mpy_operands_spec;

mpy_operands *mpy_operands_new(mpy_state *state, Py_ssize_t capacity);

/* Takes one more argument. */
int mpy_operands_add(mpy_operands *self, PyObject *object, mpy_role role);

/* Forgets the last argument. */
void mpy_operands_drop(mpy_operands *self);

/* The objects of a tuple, or one object where it is no tuple. At most
 * MP_MAX_ARGS. */
mpy_operands *mpy_operands_from(mpy_state *state, PyObject *objects,
                                mpy_role role);

/* The same of objects in a row. */
mpy_operands *mpy_operands_from_row(mpy_state *state, PyObject *const *objects,
                                    Py_ssize_t count, mpy_role role);

/* `object` as operands: borrowed; NULL with TypeError where it is not. */
mpy_operands *mpy_operands_of(mpy_state *state, PyObject *object);

/* Fills `out`, which has room for MP_MAX_ARGS. */
void mpy_operands_args(const mpy_operands *self, mp_arg *out);

/* A block of all the views in a row, to PyMem_Free(); all are arrays. NULL
 * with an exception on failure, and a block too where there are none. */
mp_view *mpy_operands_views(const mpy_operands *self);

/* A job takes the buffers and gives them back. */
void mpy_operands_lock(mpy_operands *self);
void mpy_operands_unlock(mpy_operands *self);

/* Gives the buffers back, now or when the last job has unlocked them. */
void mpy_operands_release(mpy_operands *self);

#endif
