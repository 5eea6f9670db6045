/* What instructions code is made for. */
#include "moonpool.h"

mp_isa mp_isa_host(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") &&
        __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512bw"))
        return MP_ISA_AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return MP_ISA_AVX2;
    return MP_ISA_SSE2;
#else
    return MP_ISA_SCALAR;
#endif
}

const char *mp_isa_name(mp_isa isa)
{
    static const char *const names[] = {
#define NAME(name, text, lanes) text,
        MP_ISA_TABLE(NAME)
#undef NAME
    };
    return names[isa];
}
