/* The way out of a single step of Lua that takes too long: the last resort,
 * after a stop by hook and polls had no effect.
 *
 * Stock Lua has steps that no hook interrupts and that a kernel can make last
 * for hours: a table that grows while all its keys fall into one chain of its
 * hash, and the atomic phase of a collection over chained ephemeron tables. So
 * whoever stopped a worker sends it a signal; the handler looks whether the
 * thread is in the code of the Lua library, and then jumps back to where
 * mp_state_call() began. There no lock of the C library or of ours is held,
 * but the Lua state is torn: it must not be used again, only discarded, for
 * which mp_memory knows its blocks.
 *
 * The signal is a real-time one that nothing else in the process handled when
 * the pool was made; the handler ignores what did not come from here. */
#ifndef MP_CORE_ESCAPE_H
#define MP_CORE_ESCAPE_H

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct mp_escape {
    int signal;               /* fixed after init; 0: there is no way out */
    uintptr_t begin, end;     /* fixed after init; the Lua library's code */
    const _Atomic int *stop;  /* fixed after init; atomic: MP_OK forbids it */
    volatile sig_atomic_t on; /* worker thread only; `place` may be jumped to */
    sigjmp_buf place;         /* worker thread only */
} mp_escape;

/* Finds the Lua library and a signal, and installs the handler. `stop` says
 * whether a jump is still wanted when the signal arrives. Where that is
 * not possible (Lua is linked statically and not by cmake/Lua53Static.cmake,
 * another kind of CPU) there is no way out, and the rest does nothing. */
void mp_escape_init(mp_escape *escape, const _Atomic int *stop);

/* Worker thread: lets the signal in. Once a thread, and after each jump. */
void mp_escape_open(const mp_escape *escape);

/* Any thread: makes `thread`, a living worker that `escape` is of, jump if it
 * is in Lua at this moment. To be repeated until it has worked. */
void mp_escape_send(mp_escape *escape, pthread_t thread);

#endif
