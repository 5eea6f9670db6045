/* Control-flow graphs of prototypes: blocks, dominators, loops, and the
 * registers that are live or written. */
#include "native/cfg.h"

#include "dump.h"

typedef struct making {
    const mp_proto *proto;
    const mp_cfg *cfg;
} making;

static void make(mp_unit *unit, void *ud)
{
    making *m = ud;
    m->cfg = mp__cfg_make(unit, m->proto);
}

/* The graph of the first function of a chunk, as text; "line: why" where it is
 * refused. The caller's, to free. */
static char *graph_of(const char *source)
{
    mp_unit unit;
    making m = {.proto = dump_read_source(&unit, source, false)->protos[0]};
    char *text;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    assert_non_null(file);
    if (mp__unit_run(&unit, make, &m) == MP_OK)
        mp__cfg_print(m.cfg, file);
    else
        fprintf(file, "%d: %s\n", unit.refusal.line, unit.refusal.what);
    fclose(file);
    mp__unit_destroy(&unit);
    return text;
}

static void check_graph(const char *source, const char *wanted)
{
    char *got = graph_of(source);
    if (strcmp(got, wanted) != 0)
        fail_msg("%s\n---- got\n%s---- wanted\n%s----", source, got, wanted);
    free(got);
}

static void code_without_jumps_is_one_block(void **data)
{
    (void)data;
    check_graph("return function(a, b) local c = a + b return c * a end",
                "b0: pc 1-3, live 0 1\n");
    check_graph("return function() end", "b0: pc 1-1\n");
}

static void comparisons_end_blocks(void **data)
{
    (void)data;
    check_graph("return function(a, b) if a < b then a = b end return a end",
                "b0: pc 1-1 -> b2 b1, live 0 1\n"
                "b1: pc 3-3 -> b2, below b0, live 1\n"
                "b2: pc 4-4, below b0, live 0\n");
}

static void values_of_and_and_or(void **data)
{
    (void)data;
    check_graph("return function(a, b, c) local d = a and b or c\n"
                "return d end",
                "b0: pc 1-1 -> b2 b1, live 0 1 2\n"
                "b1: pc 3-3 -> b3 b2, below b0, live 1 2\n"
                "b2: pc 5-5 -> b3, below b0, live 2\n"
                "b3: pc 6-6, below b0, live 3\n");
}

static void values_of_comparisons(void **data)
{
    (void)data;
    check_graph("return function(a, b) local c = a == b return c end",
                "b0: pc 1-1 -> b2 b1, live 0 1\n"
                "b1: pc 3-3 -> b3, below b0\n"
                "b2: pc 4-4 -> b3, below b0\n"
                "b3: pc 5-5, below b0, live 2\n");
}

static void numeric_loops(void **data)
{
    (void)data;
    check_graph("return function(n)\n"
                "local s = 0\n"
                "for i = 1, n do s = s + i end\n"
                "return s end",
                "b0: pc 1-5 -> b1, live 0\n"
                "b1: pc 7-7 -> b2 b3, below b0, live 1 2 3 4, "
                "loop writes 1 2 5\n"
                "b2: pc 6-6 -> b1, below b1, live 1 2 3 4 5\n"
                "b3: pc 8-8, below b1, live 1\n");
}

static void nested_loops_write_for_all_around(void **data)
{
    (void)data;
    check_graph("return function(a, b, c)\n"
                "while a < b do\n"
                "  repeat a = a * 2 until a > c\n"
                "  b = b - 1\n"
                "end\n"
                "return a end",
                "b0: pc 1-1 -> b3 b1, live 0 1 2, loop writes 0 1\n"
                "b1: pc 3-4 -> b1 b2, below b0, live 0 1 2, loop writes 0\n"
                "b2: pc 6-7 -> b0, below b1, live 0 1 2\n"
                "b3: pc 8-8, below b0, live 0\n");
}

static void code_out_of_reach_is_left_out(void **data)
{
    (void)data;
    check_graph("return function(a) while true do a = a + 1 end end",
                "b0: pc 1-2 -> b0, live 0, loop writes 0\n");
    check_graph("return function(a) do return a end a = 1 return a end",
                "b0: pc 1-1, live 0\n");
}

static void calls_and_open_results(void **data)
{
    (void)data;
    check_graph("return function(f, ...) return f(1, f(...)) end",
                "b0: pc 1-7, live 0\n");
}

static void closures_read_what_they_capture(void **data)
{
    (void)data;
    check_graph("return function(a, b)\n"
                "if a then return 1 end\n"
                "return function() return b end end",
                "b0: pc 1-1 -> b2 b1, live 0 1\n"
                "b1: pc 3-4, below b0\n"
                "b2: pc 5-6, below b0, live 1\n");
}

static void loops_with_two_entries_are_refused(void **data)
{
    (void)data;
    check_graph("return function(a)\n"
                "if a > 1 then goto inside end\n"
                "::top::\n"
                "a = a + 1\n"
                "::inside::\n"
                "a = a * 2\n"
                "if a < 9 then goto top end\n"
                "return a end",
                "6: goto makes a loop that is entered in two places\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(code_without_jumps_is_one_block),
        cmocka_unit_test(comparisons_end_blocks),
        cmocka_unit_test(values_of_and_and_or),
        cmocka_unit_test(values_of_comparisons),
        cmocka_unit_test(numeric_loops),
        cmocka_unit_test(nested_loops_write_for_all_around),
        cmocka_unit_test(code_out_of_reach_is_left_out),
        cmocka_unit_test(calls_and_open_results),
        cmocka_unit_test(closures_read_what_they_capture),
        cmocka_unit_test(loops_with_two_entries_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
