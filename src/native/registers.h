/* Which registers an instruction reads and writes. */
#ifndef MP_NATIVE_REGISTERS_H
#define MP_NATIVE_REGISTERS_H

#include <stdbool.h>
#include <stdint.h>

#include "native/proto.h"

/* Lua 5.3 has at most 255 registers in a function. */
#define MP_REGISTERS 256

/* A set of registers. */
typedef struct mp_registers {
    uint64_t bits[MP_REGISTERS / 64];
} mp_registers;

static inline bool mp_registers_has(const mp_registers *set, int reg)
{
    return (set->bits[reg / 64] >> (reg % 64) & 1) != 0;
}

static inline void mp_registers_add(mp_registers *set, int reg)
{
    set->bits[reg / 64] |= (uint64_t)1 << (reg % 64);
}

static inline void mp_registers_drop(mp_registers *set, int reg)
{
    set->bits[reg / 64] &= ~((uint64_t)1 << (reg % 64));
}

/* Adds all of `more`; whether that changed the set. */
bool mp__registers_join(mp_registers *set, const mp_registers *more);

/* Adds what the instruction at `pc` reads. What goes up to the top goes to the
 * last register here; and a closure reads what it captures. */
void mp__registers_read(const mp_proto *proto, int pc, mp_registers *out);

/* Adds what it writes; `always`: whichever way it goes on, for TESTSET and
 * TFORLOOP write when they jump only. */
void mp__registers_written(const mp_proto *proto, int pc, bool always,
                           mp_registers *out);

/* Where the scope of the local variable in a register at `pc` ends. */
int mp__registers_scope(const mp_proto *proto, int reg, int pc);

#endif
