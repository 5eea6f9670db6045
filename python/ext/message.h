/* Python values as messages of the C library, and back: what pool.submit()
 * and pool.broadcast() send and get. */
#ifndef MPY_MESSAGE_H
#define MPY_MESSAGE_H

#include "operands.h"

/* Writes a tuple of arguments. Arrays are added to `arrays`, whose numbers the
 * message refers to. `out` must be zeroed; destroy it in any case. */
int mpy_message_write(mpy_state *state, PyObject *args, mpy_operands *arrays,
                      mp_message *out);

/* Reads what a call returned: None, one object, or a tuple of several. Arrays
 * are the very objects that were sent. */
PyObject *mpy_message_read(mpy_state *state, const char *data, size_t size,
                           const mpy_operands *arrays);

#endif
