/* Trials: a kernel's chunk, run once.
 *
 * What runs is not to be trusted, and no pool looks after it: so it has a
 * thread of its own, and whoever asked waits for that thread, counts the time
 * that it takes and takes it out where it does not end. */
#include "core/trial.h"

#include <errno.h>
#include <fenv.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <lauxlib.h>

#include "core/kernel.h"
#include "core/sandbox.h"
#include "core/state.h"

#define MEMORY_LIMIT ((size_t)64 * 1024 * 1024)
#define STACK_SIZE ((size_t)8 * 1024 * 1024)

/* What a trial may take in seconds of CPU time: so that it succeeds or fails
 * whatever else the machine does. */
#define SECONDS 0.5

/* How often the time is looked at, and how often a thread is sent a signal
 * that should have ended, in ns. */
#define PERIOD 10000000L

struct mp_trial {
    mp_guard guard; /* the first: see trial_of() */
    mp_state *state;
    const mp_kernel *kernel; /* borrowed, until it has run */
    const mp_kernel *setup;  /* likewise; or NULL */
    locale_t locale;
    bool asked;  /* trial's thread, then its creator's; for num.worker() */
    bool shared; /* likewise; for what the setup has defined */
    mp_status status;
    mp_error err;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool has_ended; /* guarded by lock */
};

/* Its address is the key in the registry of the table of names. */
static const char NAMES = 0;

static mp_trial *trial_of(lua_State *L)
{
    return (mp_trial *)mp_state_of(L)->guard;
}

/* ---- on the trial's thread ---------------------------------------------- */

/* Takes the place of num.worker. */
static int note_worker(lua_State *L)
{
    trial_of(L)->asked = true;
    lua_pushinteger(L, 1);
    return 1;
}

/* Sets the names of the functions in the library on the top, each with a
 * prefix, in the table at `names`. [-0, +0, m] */
static void add_names(lua_State *L, const char *prefix, int names)
{
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        if (lua_isfunction(L, -1)) {
            lua_pushfstring(L, "%s%s", prefix, lua_tostring(L, -2));
            lua_rawset(L, names);
        } else {
            lua_pop(L, 1);
        }
    }
}

/* Makes the table of names, while the libraries are as they were made. */
static int prepare(lua_State *L)
{
    lua_newtable(L);
    int names = lua_gettop(L);
    mp_sandbox_push_base(L);
    lua_getfield(L, -1, "num");
    lua_pushcfunction(L, note_worker);
    lua_setfield(L, -2, "worker");
    lua_pop(L, 1);
    add_names(L, "", names);
    lua_pushnil(L);
    while (lua_next(L, names + 1) != 0) {
        if (lua_istable(L, -1) && !lua_rawequal(L, -1, names + 1)) {
            lua_pushfstring(L, "%s.", lua_tostring(L, -2));
            lua_insert(L, -2);
            add_names(L, lua_tostring(L, -2), names);
            lua_pop(L, 1);
        }
        lua_pop(L, 1);
    }
    lua_settop(L, names);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &NAMES);
    return 0;
}

/* Whether the value on the top can neither change nor change others: it is a
 * number or the like, or a function of the libraries. */
static bool is_plain(lua_State *L)
{
    bool named = true;
    if (lua_isfunction(L, -1)) {
        mp_trial_push_name(L, -1);
        named = !lua_isnil(L, -1);
        lua_pop(L, 1);
    }
    return named && !lua_istable(L, -1) && !lua_isuserdata(L, -1) &&
           !lua_isthread(L, -1);
}

/* Whether all values of the table on the top are, those of the libraries that
 * are in the base included. */
static bool has_plain(lua_State *L, bool base)
{
    bool plain = true;
    lua_pushnil(L);
    while (plain && lua_next(L, -2) != 0) {
        if (!base || !lua_istable(L, -1))
            plain = is_plain(L);
        else if (!lua_rawequal(L, -1, -3))
            plain = has_plain(L, false);
        lua_pop(L, 1);
    }
    if (!plain)
        lua_pop(L, 1);
    return plain;
}

/* Takes the place of the table of what the setup has defined, its upvalue,
 * where a kernel's environment reads through to it. */
static int note_shared(lua_State *L)
{
    lua_settop(L, 2);
    lua_rawget(L, lua_upvalueindex(1));
    if (!lua_isnil(L, -1))
        trial_of(L)->shared = true;
    return 1;
}

/* Sees to it that a chunk which reads what the setup has defined is noticed. As
 * long as there are plain values only, nobody can change them. What it has put
 * into a library is read by anybody. */
static int watch(lua_State *L)
{
    mp_sandbox_push_base(L);
    trial_of(L)->shared = !has_plain(L, true);
    lua_settop(L, 0);
    mp_sandbox_push_shared(L);
    if (has_plain(L, false))
        return 0;
    lua_settop(L, 1);
    mp_sandbox_push_metatable(L);
    lua_insert(L, 1);
    lua_pushcclosure(L, note_shared, 1);
    lua_setfield(L, 1, "__index");
    return 0;
}

static int unwatch(lua_State *L)
{
    mp_sandbox_push_metatable(L);
    mp_sandbox_push_shared(L);
    lua_setfield(L, -2, "__index");
    return 0;
}

static int load(lua_State *L)
{
    /* The kernel is retained, which changes nothing in it. */
    mp_state_push_kernel(L, (mp_kernel *)lua_touserdata(L, 1));
    return 0;
}

/* Makes of the message one that says what failed. The line is one of the
 * kernel's, or 0. */
static mp_status explain(mp_error *err, const char *what, const char *kernel)
{
    mp_error was = *err;
    if (was.status == MP_TIMEOUT)
        mp_error_set(err, was.status, "%s takes too long", what);
    else if (was.status == MP_LUA_MEMORY)
        mp_error_set(err, was.status, "%s takes more than %zu MiB", what,
                     MEMORY_LIMIT >> 20);
    else
        mp_error_set(err, was.status, "%s fails: %s", what, was.message);
    if (strcmp(was.kernel, kernel) == 0)
        err->line = was.line;
    memcpy(err->kernel, was.kernel, sizeof err->kernel);
    memcpy(err->traceback, was.traceback, sizeof err->traceback);
    return err->status;
}

static mp_status run_both(mp_trial *trial, mp_error *err)
{
    mp_state *state = trial->state;
    mp_status status = mp_state_call(state, prepare, NULL, err);
    if (status != MP_OK)
        return status;
    if (trial->setup != NULL) {
        if (mp_state_setup(state, trial->setup, err) != MP_OK)
            return explain(err, "the pool's setup", "");
        status = mp_state_call(state, watch, NULL, err);
        if (status != MP_OK)
            return status;
    }
    if (mp_state_call(state, load, (void *)trial->kernel, err) != MP_OK)
        return explain(err, "the kernel's chunk", trial->kernel->name);
    return mp_state_call(state, unwatch, NULL, err);
}

/* A draw leaves at least one of these behind, even one from seed 0. */
static bool has_drawn(const mp_random *random)
{
    return random->draw != 0 || random->seed != 0 || random->spare != 0;
}

static mp_status run(mp_trial *trial, mp_error *err)
{
    mp_state_options options = {
        .worker = 1, .memory_limit = MEMORY_LIMIT, .sandbox = true};
    mp_status status =
        mp_state_new(&options, &trial->guard, &trial->state, err);
    if (status != MP_OK)
        return status;
    mp_guard_enter(&trial->guard, trial->state->L, trial);
    status = run_both(trial, err);
    mp_guard_leave(&trial->guard);
    if (status == MP_OK && (trial->asked || has_drawn(&trial->state->random)))
        return mp_error_set(err, MP_VALUE,
                            "what the kernel's chunk does depends on the "
                            "worker: it uses %s",
                            trial->asked ? "num.worker" : "math.random");
    if (status == MP_OK && trial->shared)
        return mp_error_set(err, MP_VALUE,
                            "what the kernel's chunk does depends on the "
                            "pool's setup, and other kernels can change that");
    if (status == MP_OK) /* It is loaded by now: this cannot fail. */
        mp_state_push_kernel(trial->state->L, (mp_kernel *)trial->kernel);
    return status;
}

static void *run_thread(void *ud)
{
    mp_trial *trial = ud;
    uselocale(trial->locale);
    fesetenv(FE_DFL_ENV);
    mp_escape_open(&trial->guard.escape);
    trial->status = run(trial, &trial->err);
    uselocale(LC_GLOBAL_LOCALE);
    pthread_mutex_lock(&trial->lock);
    trial->has_ended = true;
    pthread_cond_signal(&trial->ended);
    pthread_mutex_unlock(&trial->lock);
    return NULL;
}

/* ---- on its creator's --------------------------------------------------- */

static int start(mp_trial *trial, pthread_t *thread)
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
        code = pthread_create(thread, &attr, run_thread, trial);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    pthread_attr_destroy(&attr);
    return code;
}

static struct timespec in_a_period(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_nsec += PERIOD;
    if (at.tv_nsec >= 1000000000L) {
        at.tv_nsec -= 1000000000L;
        at.tv_sec++;
    }
    return at;
}

/* CPU seconds of a thread that lives. */
static double used_by(pthread_t thread)
{
    clockid_t clock;
    struct timespec used;
    if (pthread_getcpuclockid(thread, &clock) != 0 ||
        clock_gettime(clock, &used) != 0)
        return 0;
    return (double)used.tv_sec + (double)used.tv_nsec * 1e-9;
}

/* Waits for the end of the thread, which comes soon. */
static void wait_for(mp_trial *trial, pthread_t thread)
{
    bool stopped = false;
    pthread_mutex_lock(&trial->lock);
    while (!trial->has_ended) {
        struct timespec until = in_a_period();
        if (pthread_cond_timedwait(&trial->ended, &trial->lock, &until) !=
                ETIMEDOUT ||
            trial->has_ended || used_by(thread) < SECONDS)
            continue;
        if (stopped)
            mp_escape_send(&trial->guard.escape, thread);
        mp_guard_stop(&trial->guard, trial, MP_TIMEOUT);
        stopped = true;
    }
    pthread_mutex_unlock(&trial->lock);
    pthread_join(thread, NULL);
}

static mp_status run_beside(mp_trial *trial, mp_error *err)
{
    pthread_t thread;
    int code = start(trial, &thread);
    if (code != 0)
        return mp_error_set(err, MP_THREAD,
                            "cannot start a thread for the kernel's chunk: %s",
                            strerror(code));
    wait_for(trial, thread);
    trial->kernel = trial->setup = NULL;
    if (trial->status != MP_OK && err != NULL)
        *err = trial->err;
    return trial->status;
}

/* ---- life --------------------------------------------------------------- */

static int init_ended(pthread_cond_t *ended)
{
    pthread_condattr_t attr;
    int code = pthread_condattr_init(&attr);
    if (code != 0)
        return code;
    code = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    if (code == 0)
        code = pthread_cond_init(ended, &attr);
    pthread_condattr_destroy(&attr);
    return code;
}

/* What can fail; all or nothing. */
static mp_status init(mp_trial *trial, mp_error *err)
{
    trial->locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (trial->locale == (locale_t)0)
        return mp_error_set(err, MP_NO_MEMORY, "no memory for a locale");
    mp_status status = mp_guard_init(&trial->guard, err);
    if (status != MP_OK) {
        freelocale(trial->locale);
        return status;
    }
    if (pthread_mutex_init(&trial->lock, NULL) == 0) {
        if (init_ended(&trial->ended) == 0)
            return MP_OK;
        pthread_mutex_destroy(&trial->lock);
    }
    mp_guard_destroy(&trial->guard);
    freelocale(trial->locale);
    return mp_error_set(err, MP_NO_MEMORY, "cannot make a mutex");
}

mp_status mp_trial_run(const mp_kernel *kernel, const mp_kernel *setup,
                       mp_trial **out, mp_error *err)
{
    mp_trial *trial = calloc(1, sizeof *trial);
    if (trial == NULL)
        return mp_error_set(err, MP_NO_MEMORY, "no memory for a trial");
    trial->kernel = kernel;
    trial->setup = setup;
    mp_status status = init(trial, err);
    if (status != MP_OK) {
        free(trial);
        return status;
    }
    status = run_beside(trial, err);
    if (status != MP_OK) {
        mp_trial_free(trial);
        return status;
    }
    *out = trial;
    return MP_OK;
}

void mp_trial_free(mp_trial *trial)
{
    if (trial == NULL)
        return;
    mp_state_free(trial->state);
    pthread_cond_destroy(&trial->ended);
    pthread_mutex_destroy(&trial->lock);
    mp_guard_destroy(&trial->guard);
    freelocale(trial->locale);
    free(trial);
}

/* ---- looking ------------------------------------------------------------ */

lua_State *mp_trial_lua(mp_trial *trial)
{
    return trial->state->L;
}

void mp_trial_push_name(lua_State *L, int index)
{
    lua_pushvalue(L, index);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &NAMES);
    lua_insert(L, -2);
    lua_rawget(L, -2);
    lua_remove(L, -2);
}
