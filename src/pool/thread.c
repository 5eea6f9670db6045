/* Threads of a pool. */
#include "pool/thread.h"

#include <signal.h>

/* Lua nests at most 200 C calls; the deepest ones are pattern matches. Only
 * what is touched takes memory. */
#define STACK_SIZE ((size_t)8 * 1024 * 1024)

int mp__thread_start(pthread_t *thread, void *(*main)(void *), void *ud)
{
    pthread_attr_t attr;
    int code = pthread_attr_init(&attr);
    if (code != 0)
        return code;
    code = pthread_attr_setstacksize(&attr, STACK_SIZE);
    if (code == 0) {
        /* A thread inherits the mask of its creator. */
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        code = pthread_create(thread, &attr, main, ud);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    pthread_attr_destroy(&attr);
    return code;
}
