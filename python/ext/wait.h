/* Waiting without the GIL in short turns, so that signals are looked for. */
#ifndef MPY_WAIT_H
#define MPY_WAIT_H

#include "ext.h"

/* Reads seconds, negative for ever. */
int mpy_wait_seconds(PyObject *object, double *out);

/* How long the next turn takes where `seconds` are left. */
double mpy_wait_turn(double seconds);

/* After a turn: takes it off `*seconds`; false where nothing is left. */
bool mpy_wait_goes_on(double *seconds, double turn);

#endif
