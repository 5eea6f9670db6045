/* Explanations: what is told of each line, and of what is refused. */
#include "fixture.h"
#include "native/explain.h"

/* ---- listings ----------------------------------------------------------- */

typedef struct listing {
    mp_kernel *kernel;
    mp_spec spec;
    mp_unit unit;
    FILE *to;
    char *text;
    size_t size;
} listing;

static void list_body(mp_unit *unit, void *ud)
{
    listing *l = ud;
    const mp_closure *closure = mp__reader_run(unit, l->kernel, NULL);
    mp_explain *explain = mp__explain_new(unit, l->kernel, closure);
    mp_func *func = mp__build_run(unit, closure, &l->spec);
    mp__infer_run(func);
    mp__explain_inferred(explain, func);
    mp__fold_run(func);
    mp__diverge_run(func);
    mp__explain_diverged(explain, func);
    mp__mask_run(func);
    mp__ir_order(func);
    mp__ir_sweep(func);
    mp__explain_print(explain, func, l->to);
}

/* The caller's, to free. */
static char *list(const char *source, const char *types, int lanes)
{
    listing l = {.kernel = compile_kernel(source), .spec = make_spec(types)};
    l.spec.lanes = lanes;
    /* Nobody has to fill in what is not asked for. */
    if (l.spec.noutputs < 0)
        memset(l.spec.outputs, 0xA5, sizeof l.spec.outputs);
    l.spec.isa = lanes == 1 ? MP_ISA_SCALAR : MP_ISA_AVX2;
    l.to = open_memstream(&l.text, &l.size);
    assert_non_null(l.to);
    mp__unit_init(&l.unit, (size_t)16 << 20);
    if (mp__unit_run(&l.unit, list_body, &l) != MP_OK)
        fail_msg("%s: %s", source, l.unit.refusal.what);
    fclose(l.to);
    mp__unit_destroy(&l.unit);
    mp_kernel_release(l.kernel);
    return l.text;
}

static void check_list(const char *source, const char *types, int lanes,
                       const char *wanted)
{
    char *once = list(source, types, lanes);
    char *again = list(source, types, lanes);
    check_text(source, once, wanted);
    assert_string_equal(once, again);
    free(once);
    free(again);
}

static void a_kernel_is_listed(void **data)
{
    static const char source[] = "return function(x, y, limit)\n"
                                 "  local zx, zy = 0.0, 0.0\n"
                                 "  for n = 0, limit - 1 do\n"
                                 "    local xx, yy = zx * zx, zy * zy\n"
                                 "    if xx + yy > 4 then return n end\n"
                                 "    zy = 2 * zx * zy + y\n"
                                 "    zx = xx - yy + x\n"
                                 "  end\n"
                                 "  return limit\n"
                                 "end\n";
    check_list(
        source, "f8 f8 =i -> i4", 8,
        "kernel 'kernel' runs as native code for avx2, 8 items at once\n"
        "  x: an element of float64, packed\n"
        "  y: an element of float64, packed\n"
        "  limit: an integer, the same for all items\n"
        "  result 1: int32, packed\n"
        "    1         | return function(x, y, limit)\n"
        "    2         |   local zx, zy = 0.0, 0.0\n"
        "    3 uniform |   for n = 0, limit - 1 do\n"
        "              |   ^ a loop that goes on while an item is left, under "
        "a mask\n"
        "    4 varying |     local xx, yy = zx * zx, zy * zy\n"
        "    5 varying |     if xx + yy > 4 then return n end\n"
        "              |     ^ items leave the loop one by one\n"
        "              |     ^ result 1: a check that it fits into int32\n"
        "    6 varying |     zy = 2 * zx * zy + y\n"
        "    7 varying |     zx = xx - yy + x\n"
        "    8         |   end\n"
        "    9         |   return limit\n"
        "   10         | end\n");
    check_list(
        source, "f8 f8 =i -> i4", 1,
        "kernel 'kernel' runs as native code for scalar, one item after the "
        "other\n"
        "  x: an element of float64, packed\n"
        "  y: an element of float64, packed\n"
        "  limit: an integer, the same for all items\n"
        "  result 1: int32, packed\n"
        "    1         | return function(x, y, limit)\n"
        "    2         |   local zx, zy = 0.0, 0.0\n"
        "    3         |   for n = 0, limit - 1 do\n"
        "    4         |     local xx, yy = zx * zx, zy * zy\n"
        "    5         |     if xx + yy > 4 then return n end\n"
        "              |     ^ result 1: a check that it fits into int32\n"
        "    6         |     zy = 2 * zx * zy + y\n"
        "    7         |     zx = xx - yy + x\n"
        "    8         |   end\n"
        "    9         |   return limit\n"
        "   10         | end\n");
    (void)data;
}

static void accesses_are_told(void **data)
{
    static const char source[] = "function(i, a, b, s)\n"
                                 "  local x = a[i] + a[i + 1]\n"
                                 "  local y = a[2 * i]\n"
                                 "  local z = a[1]\n"
                                 "  local k = a[i] // 1 | 0\n"
                                 "  b[i] = a[k] + x + y + z\n"
                                 "  b[3] = s\n"
                                 "  b[k] = s // 2\n"
                                 "end";
    check_list(
        source, "# [f8] [i4] =i", 8,
        "kernel 'kernel' runs as native code for avx2, 8 items at once\n"
        "  i: index 1 of 1, another one for each item\n"
        "  a: an array of float64, 1 dimension, packed\n"
        "  b: an array of int32, 1 dimension, packed\n"
        "  s: an integer, the same for all items\n"
        "    1         | function(i, a, b, s)\n"
        "    2 varying |   local x = a[i] + a[i + 1]\n"
        "              |   ^ load of a: one vector, one check of the index (2 "
        "times)\n"
        "    3 varying |   local y = a[2 * i]\n"
        "              |   ^ load of a: a strided gather, a check of each "
        "index\n"
        "    4 uniform |   local z = a[1]\n"
        "              |   ^ load of a: one element for all items, one check "
        "of the index\n"
        "    5 varying |   local k = a[i] // 1 | 0\n"
        "              |   ^ a check that a float is an integer\n"
        "              |   ^ a check is gone: it was made before, or never "
        "fails\n"
        "    6 varying |   b[i] = a[k] + x + y + z\n"
        "              |   ^ load of a: a gather, a check of each index\n"
        "              |   ^ store to b: one vector, one check of the index, a "
        "check that it is an integer of int32\n"
        "    7         |   b[3] = s\n"
        "              |   ^ store to b: a scatter to one element, one check "
        "of the index, a check that it fits into int32\n"
        "    8 uniform |   b[k] = s // 2\n"
        "              |   ^ store to b: a scatter, a check of each index, a "
        "check that it fits into int32\n"
        "    9         | end\n");
    (void)data;
}

static void hoisting_and_masks_are_told(void **data)
{
    static const char source[] = "function(i, j, a, b, n)\n"
                                 "  local s = 0\n"
                                 "  local row = a[i]\n"
                                 "  for k = 1, n do\n"
                                 "    s = s + a[1][k] * row[j] // n\n"
                                 "  end\n"
                                 "  if s > 2 then\n"
                                 "    b[i][j] = math.floor(s)\n"
                                 "  end\n"
                                 "end";
    check_list(
        source, "# # [f8,2] [i4,2] =i", 8,
        "kernel 'kernel' runs as native code for avx2, 8 items at once\n"
        "  i: index 1 of 2, the same for all items of a row\n"
        "  j: index 2 of 2, another one for each item\n"
        "  a: an array of float64, 2 dimensions, packed\n"
        "  b: an array of int32, 2 dimensions, packed\n"
        "  n: an integer, the same for all items\n"
        "    1         | function(i, j, a, b, n)\n"
        "    2         |   local s = 0\n"
        "    3 uniform |   local row = a[i]\n"
        "              |   ^ row of a, one check of the index\n"
        "    4 uniform |   for k = 1, n do\n"
        "              |   ^ a loop of the same rounds for all items\n"
        "    5 varying |     s = s + a[1][k] * row[j] // n\n"
        "              |     ^ row of a, one check of the index, before the "
        "loop\n"
        "              |     ^ load of a: one vector, one check of the index, "
        "before the loop\n"
        "              |     ^ load of a: one element for all items, one check "
        "of all rounds before the loop\n"
        "    6         |   end\n"
        "    7 varying |   if s > 2 then\n"
        "              |   ^ items part: both ways are run, under masks\n"
        "    8 varying |     b[i][j] = math.floor(s)\n"
        "              |     ^ row of b, one check of the index, under a mask\n"
        "              |     ^ a check that it is an integer in range, under a "
        "mask\n"
        "              |     ^ store to b: one vector, one check of the index, "
        "a check that it fits into int32, under a mask\n"
        "    9         |   end\n"
        "   10         | end\n");
    (void)data;
}

static void core_dimensions_are_told(void **data)
{
    static const char source[] = "return function(a, b, c, o)\n"
                                 "  for i = 1, #a do\n"
                                 "    o[i] = a[i] + b[i]\n"
                                 "  end\n"
                                 "  o[c[1]] = a[c[2]]\n"
                                 "end\n";
    static const char wanted[] =
        "kernel 'kernel' runs as native code for avx2, 8 items at once\n"
        "  a: an array of float64, 1 dimension, packed, read-only, another one "
        "for each item\n"
        "  b: an array of float64, 1 dimension, packed, read-only, the same "
        "for "
        "all items of a row\n"
        "  c: an array of int64, 1 dimension, packed, read-only, another one "
        "for "
        "each item\n"
        "  o: an array of float64, 1 dimension, packed, another one for each "
        "item\n";
    (void)data;
    char *text = list(source, "{f8} s{f8} p{i8} w{f8} ->", 8);
    if (strncmp(text, wanted, strlen(wanted)) != 0)
        fail_msg("%s", text);
    assert_non_null(strstr(text, "load of a: a strided gather, one check"));
    assert_non_null(strstr(text, "load of b: one element for all items"));
    assert_non_null(strstr(text, "load of c: one vector, one check"));
    assert_non_null(strstr(text, "load of a: a gather, a check of each"));
    assert_non_null(strstr(text, "store to o: a strided scatter, one check"));
    assert_non_null(strstr(text, "store to o: a scatter, a check of each"));
    free(text);
}

static void a_new_result_is_packed(void **data)
{
    check_list("function(x) return x > 1 end", "f4 -> ?", 8,
               "kernel 'kernel' runs as native code for avx2, 8 items at once\n"
               "  x: an element of float32, packed\n"
               "  result 1: bool, packed\n"
               "    1 varying | function(x) return x > 1 end\n");
    (void)data;
}

/* ---- refusals ----------------------------------------------------------- */

static void check_refusal(const char *source, int line, const char *what,
                          const char *hint, const char *wanted)
{
    mp_kernel *kernel = compile_kernel(source);
    mp_refusal refusal = {.line = line};
    char *text;
    size_t size;
    snprintf(refusal.what, sizeof refusal.what, "%s", what);
    snprintf(refusal.hint, sizeof refusal.hint, "%s", hint);
    assert_int_equal(mp_refusal_text(&refusal, kernel, &text, &size, NULL),
                     MP_OK);
    assert_int_equal(strlen(text), size);
    check_text(source, text, wanted);
    free(text);
    mp_kernel_release(kernel);
}

static void a_caret_is_under_the_place(void **data)
{
    static const char source[] = "return function(x, ...)\r\n"
                                 "\tlocal s = x .. 'a'\r\n"
                                 "  return math.random() + max, {}\n"
                                 "end";
    check_refusal(source, 2, "strings are not compiled", "move it",
                  "strings are not compiled\n"
                  "    2 |     local s = x .. 'a'\n"
                  "      |                 ^\n"
                  "move it\n");
    check_refusal(source, 3, "math.random is not compiled", "",
                  "math.random is not compiled\n"
                  "    3 |   return math.random() + max, {}\n"
                  "      |          ^\n");
    check_refusal(source, 3, "'max' is nil: arithmetic on it", "",
                  "'max' is nil: arithmetic on it\n"
                  "    3 |   return math.random() + max, {}\n"
                  "      |                          ^\n");
    check_refusal(source, 3, "a table is made", "",
                  "a table is made\n"
                  "    3 |   return math.random() + max, {}\n"
                  "      |                               ^\n");
    check_refusal(source, 3, "'ma' is of no kind", "",
                  "'ma' is of no kind\n"
                  "    3 |   return math.random() + max, {}\n"
                  "      |   ^\n");
    check_refusal(source, 1, "function is not compiled", "",
                  "function is not compiled\n"
                  "    1 | return function(x, ...)\n"
                  "      |        ^\n");
    check_refusal(source, 0, "of no line", "hint", "of no line\nhint\n");
    check_refusal(source, 9, "of no line", "", "of no line\n");
    (void)data;
}

static void odd_text_is_shown(void **data)
{
    check_refusal(
        "function(x) local s = '\xC3\xA4\x01\xE2\x82\xAC' return y end", 1,
        "'y' is nil", "",
        "'y' is nil\n"
        "    1 | function(x) local s = '\xC3\xA4?\xE2\x82\xAC' return y end\n"
        "      |                                    ^\n");
    char source[1024] = "return function(x) --[[";
    memset(source + strlen(source), '=', 500);
    strcat(source, "]] return y end");
    mp_kernel *kernel = compile_kernel(source);
    mp_refusal refusal = {.line = 1, .what = "'y' is nil"};
    char *text;
    size_t size;
    assert_int_equal(mp_refusal_text(&refusal, kernel, &text, &size, NULL),
                     MP_OK);
    assert_true(size < 300);
    assert_non_null(strstr(text, "== ...\n      | ^\n"));
    free(text);
    mp_kernel_release(kernel);
    (void)data;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kernel_is_listed),
        cmocka_unit_test(accesses_are_told),
        cmocka_unit_test(hoisting_and_masks_are_told),
        cmocka_unit_test(a_new_result_is_packed),
        cmocka_unit_test(core_dimensions_are_told),
        cmocka_unit_test(a_caret_is_under_the_place),
        cmocka_unit_test(odd_text_is_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
