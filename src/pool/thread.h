/* Threads of a pool: signals blocked, so that Python's handlers run where
 * they always do, and with a stack large enough for Lua's C recursion. */
#ifndef MP_POOL_THREAD_H
#define MP_POOL_THREAD_H

#include <pthread.h>

/* Returns 0 or an error number. */
int mp__thread_start(pthread_t *thread, void *(*main)(void *), void *ud);

#endif
