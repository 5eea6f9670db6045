/* Divergence: which values are the same in all lanes, or so far apart. */
#include "fixture.h"

static const compile_pass passes[] = {mp__infer_run, mp__fold_run,
                                      mp__diverge_run, NULL};
static const compile_pass masked[] = {mp__infer_run, mp__fold_run,
                                      mp__diverge_run, mp__mask_run, NULL};

static compiled *run(const char *source, const char *types, int lanes,
                     const compile_pass *list)
{
    mp_spec spec = make_spec(types);
    spec.lanes = lanes;
    compiled *c = compile_with(NULL, source, &spec, list);
    check_compiled(source, c);
    return c;
}

static void check_shape(const char *source, const mp_node *node,
                        mp_shape_kind kind, int64_t step)
{
    if (node->shape != kind || node->step != step)
        fail_msg("%s: shape %d, step %d", source, (int)node->shape,
                 (int)node->step);
}

/* The shape of the only result of a function over f8 and two uniforms, as
 * `mask` leaves it. */
static void result_is(const char *source, mp_shape_kind kind)
{
    compiled *c = run(source, "f8 =f =i -> ?", 4, masked);
    check_shape(source, effect_at(c->func, 0)->args[0], kind, 0);
    compile_free(c);
}

/* The shape of the index of the only store of `function(i, j, a)`. */
static void index_is(const char *source, mp_shape_kind kind, int64_t step)
{
    compiled *c = run(source, "# # [f8] [f8]", 4, passes);
    check_shape(source, effect_at(c->func, 0)->args[1], kind, step);
    compile_free(c);
}

static void values(void **data)
{
    (void)data;
    result_is("function(x, u, n) return x + 1 end", MP_SHAPE_VARYING);
    result_is("function(x, u, n) return u * n end", MP_SHAPE_UNIFORM);
    result_is("function(x, u, n) return num.random(n, 3) end",
              MP_SHAPE_UNIFORM);
    result_is("function(x, u, n) return math.exp(x) end", MP_SHAPE_VARYING);
}

static void indices(void **data)
{
    (void)data;
    index_is("function(i, j, a, b) a[j] = 1 end", MP_SHAPE_LINEAR, 1);
    index_is("function(i, j, a, b) a[i] = 1 end", MP_SHAPE_UNIFORM, 0);
    index_is("function(i, j, a, b) a[j + 2 * i] = 1 end", MP_SHAPE_LINEAR, 1);
    index_is("function(i, j, a, b) a[i - j] = 1 end", MP_SHAPE_LINEAR, -1);
    index_is("function(i, j, a, b) a[3 * j] = 1 end", MP_SHAPE_LINEAR, 3);
    index_is("function(i, j, a, b) a[(j << 2) + j] = 1 end", MP_SHAPE_LINEAR,
             5);
    index_is("function(i, j, a, b) a[~j] = 1 end", MP_SHAPE_LINEAR, -1);
    index_is("function(i, j, a, b) a[j - (j - i)] = 1 end", MP_SHAPE_UNIFORM,
             0);
    index_is("function(i, j, a, b) a[i * j] = 1 end", MP_SHAPE_VARYING, 0);
    index_is("function(i, j, a, b) a[j & 7] = 1 end", MP_SHAPE_VARYING, 0);
}

/* What comes by a branch that varies does, even a choice of constants. */
static void branches(void **data)
{
    (void)data;
    result_is("function(x, u, n)\n"
              "  local y = 1.0\n"
              "  if x > 0 then y = 2.0 end\n"
              "  return y\n"
              "end",
              MP_SHAPE_VARYING);
    result_is("function(x, u, n)\n"
              "  local y = 1.0\n"
              "  if u > 0 then y = 2.0 else y = u end\n"
              "  return y\n"
              "end",
              MP_SHAPE_UNIFORM);
    index_is("function(i, j, a, b)\n"
             "  if b[j] > 0 then\n"
             "    local k = i\n"
             "    if i > 5 then k = i + 1 end\n"
             "    a[k + j] = 1\n"
             "  end\n"
             "end",
             MP_SHAPE_LINEAR, 1);
    index_is("function(i, j, a, b)\n"
             "  if b[j] > 0 then\n"
             "    local k = i\n"
             "    if i > 5 and b[i] > 0 then k = i + 1 end\n"
             "    a[k] = 1\n"
             "  end\n"
             "end",
             MP_SHAPE_UNIFORM, 0);
}

/* A counter is the same for all lanes that are still in the loop, and not for
 * those that have left it: `mask` makes another value of it there. */
static void loops(void **data)
{
    (void)data;
    const char *source = "function(i, j, a, b)\n"
                         "  local k = 1\n"
                         "  while a[j] > k do\n"
                         "    b[k] = 0\n"
                         "    k = k + 1\n"
                         "  end\n"
                         "  a[k] = 1\n"
                         "end";
    compiled *c = run(source, "# # [f8] [f8]", 4, masked);
    check_shape(source, effect_at(c->func, 4)->args[1], MP_SHAPE_UNIFORM, 0);
    check_shape(source, effect_at(c->func, 7)->args[1], MP_SHAPE_VARYING, 0);
    compile_free(c);
    result_is("function(x, u, n)\n"
              "  local s = u\n"
              "  for k = 1, n do s = s * u end\n"
              "  return s\n"
              "end",
              MP_SHAPE_UNIFORM);
    result_is("function(x, u, n)\n"
              "  local s = u\n"
              "  for k = 1, n do if x > k then break end s = s * u end\n"
              "  return s\n"
              "end",
              MP_SHAPE_VARYING);
}

/* The shape of the array whose element the only store is about, and of what is
 * stored, of `function(a, x, o)`. */
static void core_is(const char *source, mp_shape_kind array,
                    mp_shape_kind value)
{
    compiled *c = run(source, "{f8,2} f8 w{f8,2} ->", 4, passes);
    const mp_node *store = effect_at(c->func, 0);
    check_shape(source, store->args[0], array, 0);
    check_shape(source, store->args[2], value, 0);
    compile_free(c);
}

static void core_dimensions(void **data)
{
    (void)data;
    core_is("function(a, x, o) o[1][2] = #a end", MP_SHAPE_LINEAR,
            MP_SHAPE_UNIFORM);
    core_is("function(a, x, o) o[1][2] = a[2][1] end", MP_SHAPE_LINEAR,
            MP_SHAPE_VARYING);
    core_is("function(a, x, o) o[x][2] = a[1]:size(1) end", MP_SHAPE_VARYING,
            MP_SHAPE_UNIFORM);
}

static void one_lane(void **data)
{
    (void)data;
    compiled *c = run("function(i, j, a)\n"
                      "  if a[j] > 0 then a[j] = i end\n"
                      "end",
                      "# # [f8]", 1, passes);
    for (int k = 0; k < c->func->norder; k++) {
        for (const mp_node *node = c->func->order[k]->first; node != NULL;
             node = node->next)
            assert_int_equal(node->shape, MP_SHAPE_UNIFORM);
    }
    compile_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),          cmocka_unit_test(indices),
        cmocka_unit_test(branches),        cmocka_unit_test(loops),
        cmocka_unit_test(core_dimensions), cmocka_unit_test(one_lane),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
