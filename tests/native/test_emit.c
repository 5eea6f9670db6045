/* LLVM IR text: that it hangs together for any kernel, number of lanes and
 * instruction set, and what is in it that a reader of it would look for. That
 * it computes the right thing is for tests/python to show. */
#include "native/fixture.h"

/* ---- emitting ----------------------------------------------------------- */

static const compile_pass passes[] = {mp__scalar_run, mp__infer_run,
                                      mp__fold_run,   mp__diverge_run,
                                      mp__mask_run,   NULL};

typedef struct emitted {
    compiled *compiled;
    const char *text;
    size_t size;
} emitted;

static void emit_body(mp_unit *unit, void *ud)
{
    (void)unit;
    emitted *e = ud;
    e->text = mp__emit_run(e->compiled->func, &e->size);
}

/* To be freed with compile_free(). */
static emitted emit(const char *source, const mp_spec *spec)
{
    emitted e = {.compiled = compile_with(NULL, source, spec, passes)};
    check_compiled(source, e.compiled);
    assert_int_equal(mp__unit_run(&e.compiled->unit, emit_body, &e), MP_OK);
    assert_int_equal(strlen(e.text), e.size);
    return e;
}

static emitted emit_for(const char *source, const char *types, mp_isa isa,
                        int lanes)
{
    mp_spec spec = make_spec(types);
    spec.isa = isa;
    spec.lanes = lanes;
    return emit(source, &spec);
}

/* ---- whether it hangs together ------------------------------------------ */

#define MOST_NAMES 20000

typedef struct names {
    int count;
    struct {
        const char *at;
        size_t size;
    } name[MOST_NAMES];
} names;

static bool has_name(const names *set, const char *at, size_t size)
{
    for (int k = 0; k < set->count; k++) {
        if (set->name[k].size == size && memcmp(set->name[k].at, at, size) == 0)
            return true;
    }
    return false;
}

static void add_name(names *set, const char *at, size_t size)
{
    if (has_name(set, at, size))
        fail_msg("defined twice: %.*s", (int)size, at);
    assert_true(set->count < MOST_NAMES);
    set->name[set->count].at = at;
    set->name[set->count++].size = size;
}

static size_t name_size(const char *at)
{
    return strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                      "0123456789_.");
}

/* Values, labels and parameters that a function defines. */
static void find_local_names(names *set, const char *from, const char *end)
{
    const char *body = strstr(from, " {\n");
    for (const char *at = from; at < body; at++) {
        if (*at == '%')
            add_name(set, at + 1, name_size(at + 1));
    }
    for (const char *line = body + 3; line < end;
         line = strchr(line, '\n') + 1) {
        size_t size = name_size(line);
        if (size > 0 && line[size] == ':')
            add_name(set, line, size);
        else if (strncmp(line, "  %", 3) == 0)
            add_name(set, line + 3, name_size(line + 3));
    }
}

/* Each name in a function is defined in it, once. */
static void check_function(const char *from, const char *end)
{
    names *set = calloc(1, sizeof *set);
    assert_non_null(set);
    find_local_names(set, from, end);
    for (const char *at = from; at < end; at++) {
        size_t size = *at == '%' ? name_size(at + 1) : 0;
        /* %0 is how LLVM calls a first block without a label. */
        if (size > 0 && strncmp(at + 1, "0 ", 2) != 0 &&
            !has_name(set, at + 1, size))
            fail_msg("not defined: %.*s", (int)size + 1, at);
    }
    free(set);
}

/* Functions and tables that the text defines or declares. */
static void find_global_names(names *set, const char *text)
{
    for (const char *line = text; *line != '\0';
         line = strchr(line, '\n') + 1) {
        if (line[0] == '@' || strncmp(line, "define ", 7) == 0 ||
            strncmp(line, "declare ", 8) == 0) {
            const char *at = strchr(line, '@') + 1;
            add_name(set, at, name_size(at));
        }
    }
}

static void check_together(const char *text)
{
    names *set = calloc(1, sizeof *set);
    assert_non_null(set);
    find_global_names(set, text);
    for (const char *at = strchr(text, '@'); at != NULL;
         at = strchr(at + 1, '@')) {
        size_t size = name_size(at + 1);
        if (!has_name(set, at + 1, size))
            fail_msg("not defined: %.*s", (int)size + 1, at);
    }
    free(set);
    for (const char *at = strstr(text, "define "); at != NULL;
         at = strstr(at + 1, "\ndefine ")) {
        const char *end = strstr(at, "\n}\n");
        assert_non_null(end);
        check_function(at, end + 1);
    }
    assert_null(strstr(text, "(null)"));
}

static const struct {
    const char *types, *source;
} kernels[] = {
    {"f8 f8 =f -> f8", "function(a, b, s) return a + s * b end"},
    {"i8 i8 -> i8", "function(a, b) return (a // b + a % b) << b >> 3 end"},
    {"f8 f8 -> f8", "function(a, b) return a // b + a % b + a ^ b end"},
    {"i8 f8 -> b1", "function(a, b) return a < b or a == b or b <= a end"},
    {"f4 u1 -> u1", "function(a, b) return math.floor(a * b) end"},
    {"f2 u8 -> f2 u8", "function(a, b) return a + 1, b end"},
    {"f8 -> i4 i8 u4 u8 i2",
     "function(a) return a, a, a, a, math.floor(a) end"},
    {"i8 -> f4 f2 i1 u8 f8", "function(a) return a, a, a, a, a end"},
    {"f8 f8 -> f8",
     "function(x, y)\n"
     "  return num.lgamma(x) + math.log(x, y) + math.atan(x) + num.fma(x, y, 1)"
     "    + num.round(x) + num.sign(y) + math.fmod(x, y) + num.erfc(x)\n"
     "end"},
    {"i8 -> f8 f8",
     "function(i) return num.random(1, i), num.normal(1, i) end"},
    {"f8 f8 -> i8", "function(cr, ci)\n"
                    "  local x, y = 0.0, 0.0\n"
                    "  for k = 1, 200 do\n"
                    "    local x2, y2 = x * x, y * y\n"
                    "    if x2 + y2 > 4 then return k end\n"
                    "    x, y = x2 - y2 + cr, 2 * x * y + ci\n"
                    "  end\n"
                    "  return 0\n"
                    "end"},
    {"i8 -> i8", "local t = {5, 6, 7}\n"
                 "return function(i) return t[i] + #t end"},
    {"# [f8] [u1]", "function(i, a, b)\n"
                    "  if i > 1 then b[i] = a[i - 1] > 0 and 1 or 0 end\n"
                    "end"},
    {"# [i8] [f8] [f8]", "function(i, at, a, b)\n"
                         "  if a[at[i]] < b[i] then b[at[i]] = a[i] end\n"
                         "end"},
    {"# # [f8,2] r[f4,2]", "function(i, j, a, b)\n"
                           "  a[i][j] = b[j][i] + a:size(2) + #b + b[1][1]\n"
                           "end"},
    {"{f8} s{f4} w{f8} ->", "function(a, b, o)\n"
                            "  for i = 1, #o do o[i] = a[i] * b[i] end\n"
                            "end"},
    {"{i8,2} f8 p{u1} w{f2,2} -> f8 b1",
     "function(a, x, p, o)\n"
     "  for i = 1, #a do\n"
     "    local row = a[i]\n"
     "    for j = 1, a:size(2) do\n"
     "      if row[j] > x then o[i][j] = row[p[j]] + x end\n"
     "    end\n"
     "  end\n"
     "  return o[1][1], p[#p] > 1\n"
     "end"},
    {"@f @i f8", "function(s, n, x) return s + x * x, n + 1 end"},
    {"f8 i8 -> f8 b1", "function(x, n)\n"
                       "  local v, seen = {}, {false, false}\n"
                       "  for i = 1, 4 do v[i] = x * i end\n"
                       "  if n > 2 then v[n] = v[2] else v[#v + 1] = x end\n"
                       "  seen[n % 2 + 1] = x > 1\n"
                       "  return v[n & 3], seen[1]\n"
                       "end"},
};

/* Some of a vector's lanes may stay idle all the time, but not all. */
static const struct {
    mp_isa isa;
    int lanes;
} machines[] = {
    {MP_ISA_SCALAR, 1}, {MP_ISA_SSE2, 1},    {MP_ISA_SSE2, 2},
    {MP_ISA_SSE2, 4},   {MP_ISA_AVX2, 1},    {MP_ISA_AVX2, 2},
    {MP_ISA_AVX2, 8},   {MP_ISA_AVX2, 16},   {MP_ISA_AVX512, 8},
    {MP_ISA_AVX512, 4}, {MP_ISA_AVX512, 32},
};

static void hangs_together(const char *source, const mp_spec *spec)
{
    emitted e = emit(source, spec);
    check_together(e.text);
    compile_free(e.compiled);
}

static void test_together(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof kernels / sizeof *kernels; k++) {
        for (size_t m = 0; m < sizeof machines / sizeof *machines; m++) {
            mp_spec spec = make_spec(kernels[k].types);
            spec.isa = machines[m].isa;
            spec.lanes = machines[m].lanes;
            hangs_together(kernels[k].source, &spec);
            spec.strict = spec.fastmath = true;
            spec.masked = spec.form == MP_FORM_MAP;
            for (int p = 0; p < spec.nparams; p++)
                spec.params[p].layout = MP_LAYOUT_STRIDED;
            for (int p = 0; p < spec.noutputs; p++)
                spec.outputs[p].layout = MP_LAYOUT_STRIDED;
            hangs_together(kernels[k].source, &spec);
        }
    }
}

/* ---- what is in it ------------------------------------------------------ */

static void test_same_text_again(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof kernels / sizeof *kernels; k++) {
        emitted a =
            emit_for(kernels[k].source, kernels[k].types, MP_ISA_AVX2, 8);
        emitted b =
            emit_for(kernels[k].source, kernels[k].types, MP_ISA_AVX2, 8);
        assert_string_equal(a.text, b.text);
        compile_free(a.compiled);
        compile_free(b.compiled);
    }
}

static void check_has(const char *source, const char *types, mp_isa isa,
                      int lanes, const char *has, const char *lacks)
{
    emitted e = emit_for(source, types, isa, lanes);
    if (has != NULL && strstr(e.text, has) == NULL)
        fail_msg("%s: no '%s' in\n%s", source, has, e.text);
    if (lacks != NULL && strstr(e.text, lacks) != NULL)
        fail_msg("%s: '%s' in\n%s", source, lacks, e.text);
    compile_free(e.compiled);
}

static void test_one_lane_has_no_vectors(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof kernels / sizeof *kernels; k++)
        check_has(kernels[k].source, kernels[k].types, MP_ISA_AVX2, 1, NULL,
                  "> %");
}

static void test_constants_are_exact(void **state)
{
    (void)state;
    check_has("function(a) return a * 0.1 end", "f8 -> f8", MP_ISA_AVX2, 1,
              "0x3FB999999999999A", NULL);
    check_has("function(a) return a * -1e-320 end", "f8 -> f8", MP_ISA_AVX2, 1,
              "0x80000000000007E8", NULL);
}

static void test_divisors(void **state)
{
    (void)state;
    const char *types = "i8 -> i8";
    /* A division that cannot fail has no way out; by a power of two it is no
     * division. */
    check_has("function(a) return a // 8 end", types, MP_ISA_AVX2, 1, "ashr",
              "div");
    check_has("function(a) return a % 8 end", types, MP_ISA_AVX2, 1, "and i64",
              "rem");
    check_has("function(a) return a // -3 end", types, MP_ISA_AVX2, 1, "sdiv",
              "fail:");
    check_has("function(a) return 7 // a end", types, MP_ISA_AVX2, 1,
              "fail:", NULL);
}

static void test_failures_name_their_line(void **state)
{
    (void)state;
    check_has("function(i, a)\n"
              "  local x = a[i + 1]\n"
              "\n"
              "  a[i] = x\n"
              "end",
              "# [f8]", MP_ISA_AVX2, 8, "%line = phi i64 [ 2, %", NULL);
}

static void test_strict(void **state)
{
    (void)state;
    mp_spec spec = make_spec("f8 -> f8");
    spec.isa = MP_ISA_AVX2;
    spec.lanes = 8;
    spec.strict = true;
    emitted e = emit("function(a) return math.exp(a) ^ 2 end", &spec);
    assert_non_null(strstr(e.text, "declare double @exp(double)"));
    assert_non_null(strstr(e.text, "declare double @pow(double, double)"));
    assert_null(strstr(e.text, "_ZGV"));
    compile_free(e.compiled);
}

static void test_fastmath(void **state)
{
    (void)state;
    mp_spec spec = make_spec("f8 -> f8");
    spec.fastmath = true;
    emitted e = emit("function(a) return a * a + 1 end", &spec);
    assert_non_null(strstr(e.text, "fmul reassoc"));
    assert_null(strstr(e.text, "nnan"));
    assert_null(strstr(e.text, "ninf"));
    compile_free(e.compiled);
    check_has("function(a) return a * a + 1 end", "f8 -> f8", MP_ISA_AVX2, 8,
              "fmul <8 x double>", "reassoc");
}

static void test_loops_look_whether_to_stop(void **state)
{
    (void)state;
    const char *source = "function(n)\n"
                         "  local c = 0\n"
                         "  while n ~= 1 do n, c = n >> 1, c + 1 end\n"
                         "  return c\n"
                         "end";
    emitted e = emit_for(source, "i8 -> i8", MP_ISA_AVX2, 8);
    const char *first = strstr(e.text, "load volatile i32, ptr %stop");
    assert_non_null(first);
    assert_non_null(strstr(first + 1, "load volatile i32, ptr %stop"));
    compile_free(e.compiled);
}

static void test_array_access(void **state)
{
    (void)state;
    const char *types = "# [f8] [f8] [i8]";
    check_has("function(i, a, b, at) b[i] = a[i] end", types, MP_ISA_AVX2, 8,
              "load <8 x double>", "@gather.double.v");
    check_has("function(i, a, b, at) b[i] = a[at[i]] end", types, MP_ISA_AVX2,
              8, "@gather.double.v", NULL);
    check_has("function(i, a, b, at) b[at[i]] = a[i] end", types, MP_ISA_AVX2,
              8, "@scatter.double.v", NULL);
    check_has("function(i, a, b, at) b[i] = a[7] end", types, MP_ISA_AVX2, 8,
              "load double, ptr", "@gather.double.v");
}

/* Arrays that move with the item: the address of the first lane's is a scalar
 * where all lanes have the same index. */
static void test_core_access(void **state)
{
    (void)state;
    check_has("function(a, o) o[1] = a[2] end", "{f8} w{f8} ->", MP_ISA_AVX2, 8,
              "@gather.double.v", "load <8 x double>, ptr %t");
    check_has("function(a, o) o[1] = a[2] end", "{f8} w{f8} ->", MP_ISA_AVX2, 8,
              "@scatter.double.v", NULL);
    check_has("function(a) return a[2] end", "p{f8} -> f8", MP_ISA_AVX2, 8,
              "load <8 x double>, ptr %t", NULL);
    check_has("function(a) return a[2] end", "s{f8} -> f8", MP_ISA_AVX2, 8,
              "load double, ptr %t", "gather");
    check_has("function(a) return a[2] end", "{f8} -> f8", MP_ISA_AVX2, 1,
              "load double, ptr %t", "x double>");
}

static int count_of(const char *text, const char *what)
{
    int count = 0;
    for (; (text = strstr(text, what)) != NULL; text++)
        count++;
    return count;
}

/* How many lines are fetched ahead for loads and stores. */
static void check_fetches(const char *source, const char *types, int lanes,
                          int loads, int stores)
{
    emitted e = emit_for(source, types, MP_ISA_AVX2, lanes);
    int read = count_of(e.text, ", i32 0, i32 3, i32 1)");
    int written = count_of(e.text, ", i32 1, i32 3, i32 1)");
    if (read != loads || written != stores)
        fail_msg("%s: %d and %d in\n%s", source, read, written, e.text);
    compile_free(e.compiled);
}

static void test_fetching_ahead(void **state)
{
    (void)state;
    const char *plates = "# # [f8,2] [f8,2]", *cubes = "# # # [f8,3] [f8,3]";
    /* Of rows side by side the last one, once, and what is stored. */
    const char *stencil =
        "function(j, i, a, b)\n"
        "  b[j][i] = a[j][i] + a[j + 2][i] + a[j + 1][i] + a[j + 2][i + 1]\n"
        "end";
    check_fetches(stencil, plates, 8, 1, 1);
    check_fetches(stencil, plates, 16, 2, 2);
    check_fetches(stencil, "# # [f4,2] [f4,2]", 16, 1, 1);
    check_fetches("function(j, i, a, b) b[1][i] = a[1][i] + a[3][i] end",
                  plates, 8, 1, 1);
    check_fetches("function(k, j, i, a, b)\n"
                  "  b[k][j][i] = a[k][j + 1][i] + a[k + 1][j][i] +\n"
                  "    a[k + 1][j + 1][i]\n"
                  "end",
                  cubes, 8, 1, 1);
    /* Nothing is known of these two rows. */
    check_fetches("function(j, i, a, b) b[j][i] = a[j][i] + a[3 * j][i] end",
                  plates, 8, 2, 1);
    /* What has been loaded is there to be stored. */
    check_fetches("function(i, a, b) b[i] = b[i] + a[i] end", "# [f8] [f8]", 8,
                  2, 0);
    /* Some items of a line, and elements that lie apart. */
    check_fetches("function(i, a, b) b[i] = a[i] end", "# [u1] [u1]", 8, 0, 0);
    check_fetches("function(i, a, b) b[2 * i] = a[2 * i] end", "# [f8] [f8]", 8,
                  0, 0);
}

/* How many lines of pages are fetched ahead at the beginning of a strip. */
static void check_pages(const char *source, const char *types, int lanes,
                        int lines)
{
    emitted e = emit_for(source, types, MP_ISA_AVX2, lanes);
    int found = count_of(e.text, ", i32 0, i32 2, i32 1)");
    if (found != lines)
        fail_msg("%s: %d in\n%s", source, found, e.text);
    compile_free(e.compiled);
}

static void test_fetching_pages(void **state)
{
    (void)state;
    /* A strip of 4096 elements has eight pages of 64-bit ones. */
    check_pages("function(x) return x end", "f8 -> f8", 8, 16);
    check_pages("function(x, y) return x + y end", "f8 f4 -> f8", 8, 24);
    check_pages("function(x) return x // 2 end", "u1 -> u1", 32, 2);
    check_pages("function(s, x) return s + x end", "@f i2", 32, 4);
    /* What has loops does not wait for memory. */
    check_pages("function(x) for i = 1, 9 do x = x * x end return x end",
                "f8 -> f8", 8, 0);
    /* What is the same for all items, and what a run reads. */
    check_pages("function(x, y) return x + y end", "f8 =f -> f8", 8, 16);
    check_pages("function(x, y) return x + y end", "=f =f -> f8", 8, 0);
    check_pages("function(i, a, b) b[i] = a[i] end", "# [f8] [f8]", 8, 0);
}

/* Whether lines of what a run stores may go past the caches. */
static void check_past(const char *source, const char *types, mp_isa isa,
                       int lanes, bool wanted)
{
    emitted e = emit_for(source, types, isa, lanes);
    int found = count_of(e.text, "align 64, !nontemporal !2");
    if (found != wanted)
        fail_msg("%s: %d in\n%s", source, found, e.text);
    compile_free(e.compiled);
}

static void test_stores_past_the_caches(void **state)
{
    (void)state;
    const char *copy = "function(i, a, b) b[i] = a[i] end";
    check_past(copy, "# [f8] [f8]", MP_ISA_AVX512, 16, true);
    check_past(copy, "# [f8] [f8]", MP_ISA_AVX512, 8, true);
    check_past(copy, "# [f4] [f4]", MP_ISA_AVX512, 16, true);
    /* Less than a line. */
    check_past(copy, "# [u1] [u1]", MP_ISA_AVX512, 16, false);
    check_past(copy, "# [f8] [f8]", MP_ISA_AVX2, 8, false);
    /* What has been read is in the caches. */
    check_past("function(i, a, b) b[i] = b[i] + a[i] end", "# [f8] [f8]",
               MP_ISA_AVX512, 16, false);
    check_past("function(i, a, b) b[i] = a[i] + b[3] end", "# [f8] [f8]",
               MP_ISA_AVX512, 16, false);
}

/* How often a reduction asks for lanes without an item, and adds. */
static void check_twice(const char *source, const char *types, int selects,
                        int additions)
{
    mp_spec spec = make_spec(types);
    spec.form = MP_FORM_REDUCE;
    spec.isa = MP_ISA_AVX512;
    spec.lanes = 32;
    emitted e = emit(source, &spec);
    int asked = count_of(e.text, "select <32 x i1>");
    int added = count_of(e.text, "fadd <32 x double>");
    if (asked != selects || added != additions)
        fail_msg("%s: %d and %d in\n%s", source, asked, added, e.text);
    compile_free(e.compiled);
}

static void test_whole_vectors_of_reductions(void **state)
{
    (void)state;
    check_twice("function(s, x) return s + x end", "@f f8", 1, 2);
    check_twice("function(s, x, y) return s + x * y end", "@f f8 f4", 1, 2);
    /* With branches it is there once. */
    check_twice("function(s, x)\n"
                "  for i = 1, 3 do s = s + x end\n"
                "  return s\n"
                "end",
                "@f f8", 1, 1);
}

/* ">f8" has no notation here. */
static void test_byte_order(void **state)
{
    (void)state;
    mp_spec spec = make_spec("f8 i2 -> f4");
    spec.lanes = 4;
    spec.isa = MP_ISA_AVX2;
    spec.params[0].swapped = spec.params[1].swapped = true;
    spec.outputs[0].swapped = true;
    emitted e = emit("function(x, y) return x + y end", &spec);
    check_together(e.text);
    assert_non_null(strstr(e.text, "call <4 x i64> @llvm.bswap.v4i64"));
    assert_non_null(strstr(e.text, "call <4 x i16> @llvm.bswap.v4i16"));
    assert_non_null(strstr(e.text, "call <4 x i32> @llvm.bswap.v4i32"));
    compile_free(e.compiled);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_together),
        cmocka_unit_test(test_same_text_again),
        cmocka_unit_test(test_one_lane_has_no_vectors),
        cmocka_unit_test(test_constants_are_exact),
        cmocka_unit_test(test_divisors),
        cmocka_unit_test(test_failures_name_their_line),
        cmocka_unit_test(test_strict),
        cmocka_unit_test(test_fastmath),
        cmocka_unit_test(test_loops_look_whether_to_stop),
        cmocka_unit_test(test_array_access),
        cmocka_unit_test(test_core_access),
        cmocka_unit_test(test_fetching_ahead),
        cmocka_unit_test(test_fetching_pages),
        cmocka_unit_test(test_stores_past_the_caches),
        cmocka_unit_test(test_whole_vectors_of_reductions),
        cmocka_unit_test(test_byte_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
