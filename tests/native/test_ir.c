/* The intermediate representation: edges, order, dominators, loops, sweeping
 * and printing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "native/ir.h"

#define LIMIT ((size_t)64 << 20)

/* Runs a body in a unit of its own; it must not refuse. */
static void in_unit(void (*body)(mp_unit *, void *))
{
    mp_unit unit;
    mp__unit_init(&unit, LIMIT);
    if (mp__unit_run(&unit, body, NULL) != MP_OK)
        fail_msg("refused: %s", unit.refusal.what);
    mp__unit_destroy(&unit);
}

typedef struct graph {
    mp_func *func;
    mp_block *block[64];
} graph;

static graph blocks(mp_unit *unit, int count)
{
    graph g = {.func = mp__ir_func(unit, NULL)};
    for (int k = 0; k < count; k++)
        g.block[k] = mp__ir_block(g.func, k);
    g.func->entry = g.block[0];
    return g;
}

static void branch(graph *g, int from, int then, int other)
{
    mp_node *cond = mp__ir_bool(g->func, g->block[from], true);
    mp__ir_branch(g->func, g->block[from], cond, g->block[then],
                  g->block[other]);
}

static void jump(graph *g, int from, int to)
{
    mp__ir_jump(g->func, g->block[from], g->block[to]);
}

/* 0 -> 1 <-> (2 <-> 3) -> 4, with an exit from the inner loop. */
static void nested_loops(mp_unit *unit, void *ud)
{
    (void)ud;
    graph g = blocks(unit, 6);
    jump(&g, 0, 1);
    branch(&g, 1, 2, 4);
    branch(&g, 2, 3, 1);
    branch(&g, 3, 2, 5);
    jump(&g, 5, 4);
    mp__ir_return(g.func, g.block[4]);
    mp__ir_order(g.func);
    mp__ir_verify(g.func);
    assert_int_equal(g.func->norder, 6);
    assert_ptr_equal(g.block[1]->header, g.block[1]);
    assert_null(g.block[1]->outer);
    assert_ptr_equal(g.block[2]->header, g.block[2]);
    assert_ptr_equal(g.block[2]->outer, g.block[1]);
    assert_ptr_equal(g.block[3]->header, g.block[2]);
    assert_int_equal(g.block[3]->depth, 2);
    assert_null(g.block[5]->header);
    assert_true(mp__ir_in_loop(g.block[3], g.block[1]));
    assert_false(mp__ir_in_loop(g.block[4], g.block[1]));
    /* What leaves a loop comes after it. */
    assert_true(g.block[5]->order > g.block[3]->order);
    assert_ptr_equal(g.block[4]->idom, g.block[1]);
    assert_true(mp__ir_dominates(g.block[1], g.block[5]));
    assert_false(mp__ir_dominates(g.block[5], g.block[4]));
}

static void unreachable_blocks_are_dropped(mp_unit *unit, void *ud)
{
    (void)ud;
    graph g = blocks(unit, 4);
    mp_node *one = mp__ir_int(g.func, g.block[0], 1);
    mp_node *two = mp__ir_int(g.func, g.block[2], 2);
    jump(&g, 0, 3);
    jump(&g, 2, 3);
    mp_node *phi = mp__ir_add(g.func, g.block[3], MP_OP_PHI, 0, 2, one, two);
    phi->type = MP_TYPE_INT;
    mp__ir_add(g.func, g.block[3], MP_OP_RESULT, 0, 1, phi);
    mp__ir_return(g.func, g.block[3]);
    mp__ir_order(g.func);
    mp__ir_verify(g.func);
    assert_int_equal(g.func->norder, 2);
    assert_int_equal(phi->nargs, 1);
    assert_ptr_equal(phi->args[0], one);
}

static void irreducible(mp_unit *unit, void *ud)
{
    (void)ud;
    graph g = blocks(unit, 4);
    branch(&g, 0, 1, 2);
    jump(&g, 1, 2);
    branch(&g, 2, 1, 3);
    mp__ir_return(g.func, g.block[3]);
    mp__ir_order(g.func);
}

static void two_entries_are_refused(void **data)
{
    (void)data;
    mp_unit unit;
    mp__unit_init(&unit, LIMIT);
    assert_int_equal(mp__unit_run(&unit, irreducible, NULL), MP_VALUE);
    assert_non_null(strstr(unit.refusal.what, "entered in two places"));
    mp__unit_destroy(&unit);
}

/* What has effects stays, with what it needs; the rest goes. */
static void sweeping(mp_unit *unit, void *ud)
{
    (void)ud;
    graph g = blocks(unit, 1);
    mp_func *f = g.func;
    mp_block *b = g.block[0];
    mp_node *two = mp__ir_int(f, b, 2), *zero = mp__ir_int(f, b, 0);
    mp_node *sum = mp__ir_add(f, b, MP_OP_ADD, 0, 2, two, two);
    mp_node *safe = mp__ir_add(f, b, MP_OP_IDIV, 0, 2, two, two);
    mp_node *fails = mp__ir_add(f, b, MP_OP_IDIV, 0, 2, two, zero);
    sum->type = safe->type = fails->type = MP_TYPE_INT;
    mp__ir_return(f, b);
    mp__ir_order(f);
    mp__ir_sweep(f);
    mp__ir_verify(f);
    assert_ptr_equal(b->first, two);
    assert_ptr_equal(two->next, zero);
    assert_ptr_equal(zero->next, fails);
    assert_null(fails->next);
    assert_null(sum->block);
}

static void replacing(mp_unit *unit, void *ud)
{
    (void)ud;
    graph g = blocks(unit, 1);
    mp_func *f = g.func;
    mp_block *b = g.block[0];
    mp_node *n[3];
    for (int k = 0; k < 3; k++)
        n[k] = mp__ir_int(f, b, k);
    mp_node *sum = mp__ir_add(f, b, MP_OP_ADD, 0, 2, n[0], n[1]);
    mp__ir_return(f, b);
    mp__ir_order(f);
    mp_node *by[4] = {n[1], n[2], NULL, NULL};
    mp__ir_replace_all(f, by);
    assert_ptr_equal(sum->args[0], n[2]);
    assert_ptr_equal(sum->args[1], n[2]);
    mp__ir_replace(f, n[2], n[0]);
    assert_ptr_equal(sum->args[1], n[0]);
}

static void printing(mp_unit *unit, void *ud)
{
    (void)ud;
    graph g = blocks(unit, 2);
    mp_func *f = g.func;
    mp_node *x = mp__ir_add(f, g.block[0], MP_OP_PARAM, 3, 0);
    x->type = MP_TYPE_FLOAT;
    x->shape = MP_SHAPE_VARYING;
    jump(&g, 0, 1);
    mp_node *half = mp__ir_float(f, g.block[1], 0.5);
    mp_node *product = mp__ir_add(f, g.block[1], MP_OP_MUL, 4, 2, x, half);
    product->type = MP_TYPE_FLOAT;
    mp__ir_add(f, g.block[1], MP_OP_RESULT, 5, 1, product);
    mp__ir_return(f, g.block[1]);
    mp__ir_order(f);
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    assert_non_null(to);
    mp__ir_print(f, to);
    fclose(to);
    assert_string_equal(text, "b0:\n"
                              "  %0: float = param 0 varying ; line 3\n"
                              "  jump b1\n"
                              "b1: b0\n"
                              "  %1: float = const 0.5\n"
                              "  %2: float = mul %0 %1 ; line 4\n"
                              "  result 0 %2 ; line 5\n"
                              "  return\n");
    free(text);
}

/* ---- graphs at random, beside definitions that are slow and plain ------- */

/* Whether every way from the entry to b leads through a. */
static bool dominates(const graph *g, int count, int a, int b)
{
    bool seen[64] = {false};
    int stack[64], depth = 0;
    if (a == 0)
        return true;
    seen[0] = true;
    stack[depth++] = 0;
    while (depth > 0) {
        const mp_block *block = g->block[stack[--depth]];
        for (int k = 0; k < mp__ir_nexts(block); k++) {
            int next = block->next[k]->id;
            if (next != a && !seen[next]) {
                seen[next] = true;
                stack[depth++] = next;
            }
        }
    }
    assert_true(b < count);
    return a == b || !seen[b];
}

static void check_graph(const graph *g, int count)
{
    const mp_func *f = g->func;
    mp__ir_verify(f);
    for (int a = 0; a < f->norder; a++) {
        for (int b = 0; b < f->norder; b++)
            assert_int_equal(
                mp__ir_dominates(f->order[a], f->order[b]),
                dominates(g, count, f->order[a]->id, f->order[b]->id));
    }
    /* Edges lead on, but for those back to a header; loops hang together. */
    for (int k = 0; k < f->norder; k++) {
        const mp_block *block = f->order[k];
        for (int i = 0; i < mp__ir_nexts(block); i++) {
            const mp_block *next = block->next[i];
            if (next->order <= k)
                assert_true(next->header == next &&
                            mp__ir_in_loop(block, next));
        }
        if (block->header != NULL && block->header != block)
            assert_true(mp__ir_in_loop(f->order[k - 1], block->header));
    }
}

static void random_graph(mp_unit *unit, void *ud)
{
    unsigned *seed = ud;
    enum { COUNT = 12 };
    graph g = blocks(unit, COUNT);
    for (int k = 0; k + 1 < COUNT; k++) {
        int to = 1 + rand_r(seed) % (COUNT - 1);
        if (rand_r(seed) % 2 == 0)
            branch(&g, k, k + 1, to);
        else
            jump(&g, k, rand_r(seed) % 3 == 0 ? to : k + 1);
    }
    mp__ir_return(g.func, g.block[COUNT - 1]);
    mp__ir_order(g.func);
    check_graph(&g, COUNT);
}

static void graphs_at_random(void **data)
{
    (void)data;
    unsigned seed = 1;
    int taken = 0;
    for (int k = 0; k < 2000; k++) {
        mp_unit unit;
        mp__unit_init(&unit, LIMIT);
        taken += mp__unit_run(&unit, random_graph, &seed) == MP_OK;
        mp__unit_destroy(&unit);
    }
    assert_true(taken > 200);
}

#define IN_UNIT(body)                                                          \
    static void test_##body(void **data)                                       \
    {                                                                          \
        (void)data;                                                            \
        in_unit(body);                                                         \
    }
IN_UNIT(nested_loops)
IN_UNIT(unreachable_blocks_are_dropped)
IN_UNIT(sweeping)
IN_UNIT(replacing)
IN_UNIT(printing)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nested_loops),
        cmocka_unit_test(test_unreachable_blocks_are_dropped),
        cmocka_unit_test(two_entries_are_refused),
        cmocka_unit_test(test_sweeping),
        cmocka_unit_test(test_replacing),
        cmocka_unit_test(test_printing),
        cmocka_unit_test(graphs_at_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
