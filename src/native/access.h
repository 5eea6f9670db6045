/* Accesses and checks, in words. */
#ifndef MP_NATIVE_ACCESS_H
#define MP_NATIVE_ACCESS_H

#include "native/ir.h"
#include "native/writer.h"

/* "array of float64, 2 dimensions, packed": what a parameter is. */
void mp__access_param(const mp_spec *spec, int param, mp_writer *to);

/* Whether a node is checked when it runs. */
bool mp__access_checks(const mp_spec *spec, const mp_node *node);

/* "load of a: one vector, one check of all indices": how a node reaches memory,
 * and what it checks. Writes nothing where it does neither. `name`: of the
 * array. */
void mp__access_describe(const mp_spec *spec, const mp_node *node,
                         const char *name, mp_writer *to);

#endif
