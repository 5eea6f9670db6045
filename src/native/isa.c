/* What instructions code is made for. */
#include <stdio.h>

#include "moonpool.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

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

#if defined(__x86_64__)
/* What the operating system keeps of the registers: 0 before AVX. */
static unsigned enabled(unsigned ecx)
{
    unsigned low = 0, high;
    if ((ecx & bit_OSXSAVE) != 0)
        __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}
#endif

void mp_isa_cpu(char text[MP_CPU_SIZE])
{
    text[0] = '\0';
#if defined(__x86_64__)
    /* Maker, model and features. Of leaf 1, ebx says on which core this is. */
    static const struct {
        unsigned leaf, sub, mask;
    } leaves[] = {{0, 0, ~0U},          {1, 0, 0},
                  {7, 0, ~0U},          {7, 1, ~0U},
                  {0x80000001, 0, ~0U}, {0x80000008, 0, ~0U}};
    unsigned a, b, c, d, saved = 0;
    size_t size = 0;
    for (size_t k = 0; k < sizeof leaves / sizeof *leaves; k++) {
        a = b = c = d = 0;
        __get_cpuid_count(leaves[k].leaf, leaves[k].sub, &a, &b, &c, &d);
        if (leaves[k].leaf == 1)
            saved = enabled(c);
        /* Of the last leaf, ecx counts cores. */
        c = leaves[k].leaf == 0x80000008 ? 0 : c;
        int written = snprintf(text + size, MP_CPU_SIZE - size, "%x.%x.%x.%x ",
                               a, b & leaves[k].mask, c, d);
        size += (size_t)written;
    }
    snprintf(text + size, MP_CPU_SIZE - size, "%x", saved);
#endif
}
