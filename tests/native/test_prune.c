/* Pruning: edges that go, PHIs that have no choice any more, and loops that
 * nothing leaves. */
#include "dumped.h"
#include "native/prune.h"

/* What is to be pruned: a diamond, or a loop with an exit. */
typedef struct shape {
    mp_func *func;
    mp_block *block[4];
    mp_node *phi;
} shape;

static mp_node *make_param(mp_func *func, mp_block *block, int index)
{
    mp_node *node = mp__ir_add(func, block, MP_OP_PARAM, 0, 0);
    node->type = MP_TYPE_FLOAT;
    node->as.index = index;
    return node;
}

static shape make_blocks(mp_unit *unit)
{
    shape s = {.func = mp__ir_func(unit, NULL)};
    for (int k = 0; k < 4; k++)
        s.block[k] = mp__ir_block(s.func, k + 1);
    s.func->entry = s.block[0];
    return s;
}

/* b0 -> b1, b2 -> b3 with a PHI of two parameters. */
static shape make_diamond(mp_unit *unit)
{
    shape s = make_blocks(unit);
    mp_node *cond = mp__ir_bool(s.func, s.block[0], true);
    mp_node *x = make_param(s.func, s.block[0], 0);
    mp_node *y = make_param(s.func, s.block[0], 1);
    mp__ir_branch(s.func, s.block[0], cond, s.block[1], s.block[2]);
    mp__ir_jump(s.func, s.block[1], s.block[3]);
    mp__ir_jump(s.func, s.block[2], s.block[3]);
    s.phi = mp__ir_add(s.func, s.block[3], MP_OP_PHI, 0, 2, x, y);
    s.phi->type = MP_TYPE_FLOAT;
    mp__ir_add(s.func, s.block[3], MP_OP_RESULT, 0, 1, s.phi);
    mp__ir_return(s.func, s.block[3]);
    mp__ir_order(s.func);
    mp__ir_verify(s.func);
    return s;
}

static void one_way(mp_unit *unit, int way)
{
    shape s = make_diamond(unit);
    mp__prune_branch(s.block[0], way);
    mp__prune_finish(s.func);
    mp__ir_verify(s.func);
    assert_int_equal(s.func->norder, 3);
    const mp_node *result = s.block[3]->last;
    assert_int_equal(result->args[0]->op, MP_OP_PARAM);
    assert_int_equal(result->args[0]->as.index, way);
}

static void either_way(mp_unit *unit, void *ud)
{
    (void)ud;
    one_way(unit, 0);
    one_way(unit, 1);
}

/* Two edges between the same blocks are told apart. */
static void same_target(mp_unit *unit, void *ud)
{
    (void)ud;
    for (int way = 0; way < 2; way++) {
        shape s = make_blocks(unit);
        mp_node *cond = mp__ir_bool(s.func, s.block[0], true);
        mp_node *x = make_param(s.func, s.block[0], 0);
        mp_node *y = make_param(s.func, s.block[0], 1);
        mp__ir_branch(s.func, s.block[0], cond, s.block[1], s.block[1]);
        s.phi = mp__ir_add(s.func, s.block[1], MP_OP_PHI, 0, 2, x, y);
        mp__ir_add(s.func, s.block[1], MP_OP_RESULT, 0, 1, s.phi);
        mp__ir_return(s.func, s.block[1]);
        mp__ir_order(s.func);
        mp__prune_branch(s.block[0], way);
        mp__prune_finish(s.func);
        mp__ir_verify(s.func);
        assert_ptr_equal(s.block[1]->last->args[0], way == 0 ? x : y);
    }
}

/* A PHI that has one value but for itself, through another one. */
static void circles(mp_unit *unit, void *ud)
{
    (void)ud;
    shape s = make_blocks(unit);
    mp_node *x = make_param(s.func, s.block[0], 0);
    mp_node *cond = mp__ir_bool(s.func, s.block[0], true);
    mp__ir_jump(s.func, s.block[0], s.block[1]);
    mp__ir_branch(s.func, s.block[1], cond, s.block[2], s.block[3]);
    mp__ir_jump(s.func, s.block[2], s.block[1]);
    mp_node *a = mp__ir_add(s.func, s.block[1], MP_OP_PHI, 0, 2, x, x);
    mp_node *b = mp__ir_add(s.func, s.block[1], MP_OP_PHI, 0, 2, x, a);
    a->args[1] = a;
    mp__ir_add(s.func, s.block[3], MP_OP_RESULT, 0, 1, b);
    mp__ir_return(s.func, s.block[3]);
    mp__ir_order(s.func);
    assert_true(mp__prune_phis(s.func));
    mp__ir_verify(s.func);
    assert_ptr_equal(s.block[3]->last->args[0], x);
    assert_false(mp__prune_phis(s.func));
}

static void endless(mp_unit *unit, void *ud)
{
    (void)ud;
    shape s = make_blocks(unit);
    mp_node *cond = mp__ir_bool(s.func, s.block[0], true);
    mp__ir_jump(s.func, s.block[0], s.block[1]);
    mp__ir_branch(s.func, s.block[1], cond, s.block[2], s.block[3]);
    mp__ir_jump(s.func, s.block[2], s.block[1]);
    mp__ir_return(s.func, s.block[3]);
    mp__ir_order(s.func);
    mp__prune_branch(s.block[1], 0);
    mp__prune_finish(s.func);
}

static mp_status run(void (*body)(mp_unit *, void *), mp_refusal *refusal)
{
    mp_unit unit;
    mp__unit_init(&unit, (size_t)1 << 20);
    mp_status status = mp__unit_run(&unit, body, NULL);
    *refusal = unit.refusal;
    mp__unit_destroy(&unit);
    return status;
}

static void edges_go(void **data)
{
    (void)data;
    mp_refusal refusal;
    assert_int_equal(run(either_way, &refusal), MP_OK);
    assert_int_equal(run(same_target, &refusal), MP_OK);
}

static void phis_go(void **data)
{
    (void)data;
    mp_refusal refusal;
    assert_int_equal(run(circles, &refusal), MP_OK);
}

static void endless_loops_are_refused(void **data)
{
    (void)data;
    mp_refusal refusal;
    assert_int_equal(run(endless, &refusal), MP_VALUE);
    assert_non_null(strstr(refusal.what, "never ends"));
    assert_int_equal(refusal.line, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edges_go),
        cmocka_unit_test(phis_go),
        cmocka_unit_test(endless_loops_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
