/* C's streams for a Lua that is linked into the extension: cmake/Lua53Static
 * gives references to stdin, stdout and stderr these in their place. */
#include <stdio.h>

FILE *mpy_stdin __asm__("__wrap_stdin");
FILE *mpy_stdout __asm__("__wrap_stdout");
FILE *mpy_stderr __asm__("__wrap_stderr");

extern FILE *mpy_c_stdin __asm__("__real_stdin");
extern FILE *mpy_c_stdout __asm__("__real_stdout");
extern FILE *mpy_c_stderr __asm__("__real_stderr");

/* Once, as the extension is loaded, and never again. */
__attribute__((constructor)) static void set_streams(void)
{
    mpy_stdin = mpy_c_stdin;
    mpy_stdout = mpy_c_stdout;
    mpy_stderr = mpy_c_stderr;
}
