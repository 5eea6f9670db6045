/* The way out of a single step of Lua that takes too long. */
#include "core/escape.h"

#include <link.h>
#include <lua.h>
#include <stddef.h>
#include <ucontext.h>
#include <unistd.h>

/* ---- where Lua's code is ------------------------------------------------ */

typedef struct search {
    uintptr_t lua, own; /* addresses of functions in either */
    uintptr_t begin, end;
} search;

static bool holds(const ElfW(Phdr) * segment, uintptr_t base, uintptr_t at)
{
    uintptr_t begin = base + segment->p_vaddr;
    return segment->p_type == PT_LOAD && (segment->p_flags & PF_X) != 0 &&
           at >= begin && at - begin < segment->p_memsz;
}

/* Called for each object that is loaded, until it returns non-zero. */
static int look(struct dl_phdr_info *object, size_t size, void *data)
{
    (void)size;
    search *s = data;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        if (!holds(segment, object->dlpi_addr, s->lua))
            continue;
        /* In one segment with us it cannot be told from our own code. */
        if (!holds(segment, object->dlpi_addr, s->own)) {
            s->begin = object->dlpi_addr + segment->p_vaddr;
            s->end = s->begin + segment->p_memsz;
        }
        return 1;
    }
    return 0;
}

/* The ends of the section that cmake/Lua53Static.cmake puts Lua's code into
 * where it is linked statically; no such symbols elsewhere. */
#define LUA_SECTION_END __attribute__((weak, visibility("hidden")))
extern const char mp__lua_begin[] __asm__("__start_mp_lua") LUA_SECTION_END;
extern const char mp__lua_end[] __asm__("__stop_mp_lua") LUA_SECTION_END;

static search find_lua(void)
{
    search s = {.lua = (uintptr_t)lua_newstate,
                .own = (uintptr_t)mp_escape_init,
                .begin = (uintptr_t)mp__lua_begin,
                .end = (uintptr_t)mp__lua_end};
    if (s.begin == s.end)
        dl_iterate_phdr(look, &s);
    return s;
}

/* ---- the handler -------------------------------------------------------- */

/* The instruction that the signal interrupted, 0 where that is not known. */
static uintptr_t program_counter(const void *context)
{
#if defined(__x86_64__)
    const ucontext_t *u = context;
    return (uintptr_t)u->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    const ucontext_t *u = context;
    return (uintptr_t)u->uc_mcontext.pc;
#else
    (void)context;
    return 0;
#endif
}

static void on_signal(int number, siginfo_t *info, void *context)
{
    (void)number;
    /* Another process may send the signal too, and knows no address. */
    if (info->si_code != SI_QUEUE || info->si_pid != getpid())
        return;
    mp_escape *escape = info->si_value.sival_ptr;
    uintptr_t at = program_counter(context);
    if (escape->on && at >= escape->begin && at < escape->end &&
        atomic_load_explicit(escape->stop, memory_order_relaxed) != 0) {
        escape->on = 0;
        siglongjmp(escape->place, 1);
    }
}

/* A real-time signal that is ours already or that nobody handles, or 0. */
static int choose_signal(void)
{
    for (int number = SIGRTMAX - 1; number > SIGRTMIN; number--) {
        struct sigaction action;
        if (sigaction(number, NULL, &action) != 0)
            continue;
        if ((action.sa_flags & SA_SIGINFO) != 0
                ? action.sa_sigaction == on_signal
                : action.sa_handler == SIG_DFL)
            return number;
    }
    return 0;
}

void mp_escape_init(mp_escape *escape, const _Atomic int *stop)
{
    *escape = (mp_escape){.stop = stop};
    search s = find_lua();
    if (s.begin == s.end)
        return;
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_RESTART};
    action.sa_sigaction = on_signal;
    sigfillset(&action.sa_mask);
    int number = choose_signal();
    if (number == 0 || sigaction(number, &action, NULL) != 0)
        return;
    escape->signal = number;
    escape->begin = s.begin;
    escape->end = s.end;
}

void mp_escape_open(const mp_escape *escape)
{
    if (escape->signal == 0)
        return;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, escape->signal);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

void mp_escape_send(mp_escape *escape, pthread_t thread)
{
    if (escape->signal == 0)
        return;
    union sigval value = {.sival_ptr = escape};
    pthread_sigqueue(thread, escape->signal, value);
}
