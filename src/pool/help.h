/* Help: a thread that waits for a job takes chunks of it, like a worker. */
#ifndef MP_POOL_HELP_H
#define MP_POOL_HELP_H

#include "moonpool.h"

/* Whether a thread that has no Lua state can work at the job: all of it is
 * compiled, and ends by itself. */
bool mp__help_fits(const mp_job *job);

/* Any thread: takes chunks of an attended job until there are none, or the
 * deadline (monotonic ns) comes, or the rest needs the interpreter. Does
 * nothing where as many threads as there are workers are at work already. */
void mp__help(mp_job *job, int64_t deadline);

/* Who helps: hands over items that it has taken, and helps no more. */
void mp__help_hand_over(mp_job *job, int64_t lo, int64_t hi);

/* Who is at a job: takes what was handed over; false where there is nothing. */
bool mp__help_take_over(mp_job *job, int64_t *lo, int64_t *hi);

#endif
