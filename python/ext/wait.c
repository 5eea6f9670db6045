/* Waiting without the GIL in short turns. */
#include "wait.h"

/* How often a waiting thread looks for signals, in seconds. */
#define SIGNAL_INTERVAL 0.05

int mpy_wait_seconds(PyObject *object, double *out)
{
    *out = PyFloat_AsDouble(object);
    return *out == -1 && PyErr_Occurred() ? -1 : 0;
}

double mpy_wait_turn(double seconds)
{
    bool last = seconds >= 0 && seconds < SIGNAL_INTERVAL;
    return last ? seconds : SIGNAL_INTERVAL;
}

bool mpy_wait_goes_on(double *seconds, double turn)
{
    if (*seconds < 0)
        return true;
    *seconds -= turn;
    return *seconds > 0;
}
