/* Tells ThreadSanitizer of the jumps that Lua's errors make.
 *
 * Debian builds Lua with _FORTIFY_SOURCE, so that it jumps by
 * __longjmp_chk(). GCC 12's ThreadSanitizer knows longjmp() but not that one,
 * and keeps the frames that were jumped over on its shadow stack, which is
 * full after a few thousand errors. */
#include <setjmp.h>

__attribute__((visibility("default"))) _Noreturn void __longjmp_chk(jmp_buf env,
                                                                    int value);

_Noreturn void __longjmp_chk(jmp_buf env, int value)
{
    longjmp(env, value);
}
