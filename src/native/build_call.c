/* Calls: Lua functions are inlined, library functions become BUILTIN nodes,
 * methods of arrays become what they give. */
#include <string.h>

#include "native/build.h"
#include "native/opcode.h"

/* ---- Lua functions ------------------------------------------------------ */

bool mp__build_is_running(const mp_activation *act, const mp_activation *owner)
{
    while (act != NULL && act != owner)
        act = act->caller;
    return act != NULL;
}

mp_node *mp__build_upvalue(mp_builder *b, const mp_activation *act, int index)
{
    if (act->captured == NULL)
        return mp__build_constant(b, act->closure->upvalues[index]);
    const mp_capture *capture = &act->captured[index];
    const mp_activation *owner = capture->owner;
    if (capture->cell != NULL)
        return mp__build_captured_cell(b, act, capture);
    if (owner == NULL)
        return capture->node;
    if (!mp__build_is_running(act, owner) || owner->pc >= capture->end ||
        owner->regs[capture->reg] == NULL)
        mp__unit_refuse(b->unit, b->line,
                        "give the function the value as an argument",
                        "'%s' is assigned after a function has captured it",
                        act->proto->upvalues[index].name);
    return owner->regs[capture->reg];
}

static const mp_cfg *find_cfg(mp_builder *b, const mp_proto *proto)
{
    for (int k = 0; k < b->ncfgs; k++) {
        if (b->cfgs[k]->proto == proto)
            return b->cfgs[k];
    }
    if (proto->ncode > MP_BUILD_INSTRUCTIONS)
        mp__unit_refuse(b->unit, proto->line, "cut it into several kernels",
                        "a function is too large");
    const mp_cfg *cfg = mp__cfg_make(b->unit, proto);
    MP_UNIT_PUSH(b->unit, b->cfgs, b->ncfgs, cfg);
    return cfg;
}

/* Missing parameters are nil. */
static void pass_arguments(mp_builder *b, mp_activation *act, int nargs,
                           mp_node *const *args)
{
    const mp_proto *proto = act->proto;
    act->regs =
        mp__unit_alloc(b->unit, (size_t)proto->nregisters * sizeof(mp_node *));
    for (int k = 0; k < proto->nparams; k++)
        act->regs[k] = k < nargs ? args[k] : mp__build_nil(b);
    if (proto->vararg && nargs > proto->nparams) {
        act->nvarargs = nargs - proto->nparams;
        size_t size = (size_t)act->nvarargs * sizeof(mp_node *);
        act->varargs = mp__unit_alloc(b->unit, size);
        memcpy(act->varargs, args + proto->nparams, size);
    }
}

static void check_recursion(mp_builder *b, const mp_activation *caller,
                            const mp_closure *closure)
{
    for (const mp_activation *act = caller; act != NULL; act = act->caller) {
        if (act->closure == closure)
            mp__unit_refuse(b->unit, b->line, "write it as a loop",
                            "a function that calls itself is not compiled");
    }
    if (b->depth == MP_BUILD_DEPTH)
        mp__unit_refuse(b->unit, b->line, NULL, "calls nest more than %d deep",
                        MP_BUILD_DEPTH);
}

mp_node **mp__build_inline(mp_builder *b, mp_activation *caller,
                           const mp_closure *closure,
                           const mp_capture *captured, int nargs,
                           mp_node *const *args, int wanted, int *count)
{
    check_recursion(b, caller, closure);
    mp_activation *act = mp__unit_alloc(b->unit, sizeof *act);
    act->caller = caller;
    act->closure = closure;
    act->proto = closure->proto;
    act->captured = captured;
    act->cfg = find_cfg(b, act->proto);
    act->flows =
        mp__unit_alloc(b->unit, (size_t)act->cfg->nblocks * sizeof *act->flows);
    pass_arguments(b, act, nargs, args);
    mp__build_make_cells(b, act);
    act->raises = b->nraises;
    int run = b->run;
    b->depth++;
    mp__build_flow(b, act);
    b->depth--;
    b->run = run;
    return mp__build_results(b, act, wanted, count);
}

/* ---- library functions -------------------------------------------------- */

/* The number of arguments without those that might as well not be there. */
static int count_arguments(mp_builtin builtin, int nargs, mp_node *const *args)
{
    int least = mp__builtin_least(builtin), most = mp__builtin_most(builtin);
    if (nargs > most)
        nargs = most;
    while (most != MP_BUILTIN_ANY && nargs > least &&
           args[nargs - 1]->type == MP_TYPE_NIL)
        nargs--;
    return nargs;
}

static mp_node *builtin_node(mp_builder *b, mp_builtin builtin, int nargs,
                             mp_node *const *args)
{
    mp_node *node = mp__ir_node(b->func, MP_OP_BUILTIN, b->line, nargs, args);
    node->as.builtin = builtin;
    return mp__ir_append(b->at, node);
}

/* Two results at most. */
static int call_builtin(mp_builder *b, mp_builtin builtin, int nargs,
                        mp_node *const *args, mp_node **results)
{
    const char *name = mp__builtin_name(builtin);
    nargs = count_arguments(builtin, nargs, args);
    if (nargs < mp__builtin_least(builtin))
        mp__unit_refuse(b->unit, b->line, NULL,
                        "%s with too few arguments raises an error", name);
    for (int k = 0; k < nargs; k++)
        mp__build_expect_value(b, args[k], "a number expected:");
    results[0] = builtin_node(b, builtin, nargs, args);
    if (builtin != MP_BUILTIN_MATH_MODF)
        return 1;
    results[1] = builtin_node(b, MP_BUILTIN_MATH_MODF_FRACTION, nargs, args);
    return 2;
}

/* Those that need no node: how many results, or -1 where it is another. */
static int call_other(mp_builder *b, const char *name, int nargs,
                      mp_node *const *args, mp_node **results)
{
    if (mp__build_raise(b, name, nargs, args)) {
        memcpy(results, args, (size_t)nargs * sizeof *args);
        return nargs;
    }
    if (nargs > 0 && strcmp(name, "math.type") == 0) {
        results[0] = mp__build_kind(b, args[0]);
        return 1;
    }
    results[0] = mp__build_string_call(b, name, nargs, args);
    if (results[0] != NULL)
        return 1;
    if (nargs != 1 || !mp__build_is_number(b->spec, args[0]))
        return -1;
    if (strcmp(name, "tonumber") == 0)
        results[0] = args[0];
    else if (strcmp(name, "type") == 0)
        results[0] = mp__build_string(b, "number");
    else
        return -1;
    return 1;
}

/* ---- methods of arrays -------------------------------------------------- */

static mp_node *array_size(mp_builder *b, mp_node *array, mp_node *dimension)
{
    if (dimension == NULL || dimension->type == MP_TYPE_NIL)
        return mp__ir_add(b->func, b->at, MP_OP_LEN, b->line, 1, array);
    mp__build_expect_value(b, dimension, "an array's dimension that is");
    if (mp__ir_is_const_int(dimension) &&
        (dimension->as.i < 1 || dimension->as.i > array->rank))
        mp__unit_refuse(b->unit, b->line, NULL,
                        "dimension %lld of an array that has %d raises an "
                        "error",
                        (long long)dimension->as.i, array->rank);
    return mp__ir_add(b->func, b->at, MP_OP_SIZE, b->line, 2, array, dimension);
}

static mp_node *call_method(mp_builder *b, const mp_constant *method, int nargs,
                            mp_node *const *args)
{
    if (nargs == 0 || args[0]->type != MP_TYPE_ARRAY)
        mp__unit_refuse(b->unit, b->line, "write a:size()",
                        "%s of something else than an array raises an error",
                        method->name);
    switch ((mp_method)(method - b->methods)) {
    case MP_METHOD_SIZE:
        return array_size(b, args[0], nargs > 1 ? args[1] : NULL);
    case MP_METHOD_RANK:
        return mp__build_int(b, args[0]->rank);
    case MP_METHOD_DTYPE:
    case MP_NMETHODS:
        break;
    }
    mp_dtype dtype = b->spec->params[args[0]->root].dtype;
    return mp__build_string(b, mp_dtype_name(dtype));
}

static bool is_method(const mp_builder *b, const mp_constant *constant)
{
    return constant >= b->methods && constant < b->methods + MP_NMETHODS;
}

/* ---- calls -------------------------------------------------------------- */

_Noreturn static void refuse_callee(mp_builder *b, const mp_node *callee,
                                    const char *name)
{
    const mp_constant *constant =
        callee->type == MP_TYPE_REF ? callee->as.constant : NULL;
    if (callee->op == MP_OP_PHI)
        mp__unit_refuse(b->unit, b->line,
                        "call each function where it is "
                        "chosen",
                        "%s is not the same function on all ways here", name);
    if (callee->op == MP_OP_TLOAD)
        mp__unit_refuse(b->unit, b->line, "give the function as an argument",
                        "which function %s is, is not known here", name);
    if (constant == NULL || constant->kind != MP_CONST_OPAQUE)
        mp__unit_refuse(b->unit, b->line, NULL,
                        "%s is %s: calling it raises an error", name,
                        mp__build_what(callee));
    const char *known = constant->name != NULL ? constant->name : name;
    const char *hint = NULL;
    if (strcmp(known, "math.random") == 0)
        hint = "use num.random(seed, i)";
    mp__unit_refuse(b->unit, b->line, hint, "%s is not compiled", known);
}

static void put_results(mp_builder *b, mp_activation *act, int a, int count,
                        mp_node *const *results, int wanted)
{
    if (wanted == MP_BUILD_OPEN)
        wanted = count;
    mp__build_room(b, act, a + wanted);
    for (int k = 0; k < wanted; k++)
        act->regs[a + k] = k < count ? results[k] : mp__build_nil(b);
    act->top = a + wanted;
}

static void call_closure(mp_builder *b, mp_activation *act, int a,
                         const mp_constant *function, int nargs,
                         mp_node *const *args, int wanted)
{
    const mp_closure *closure = function->as.closure;
    if (mp__build_is_shared(b, closure))
        mp__unit_refuse(b->unit, b->line, "define it in the kernel's source",
                        "%s is from the pool's setup, and other kernels can "
                        "change it",
                        mp__build_name(b, act, a, "a function"));
    /* A closure that has upvalues and no constants for them is a lambda's. */
    const mp_capture *captured = NULL;
    if (closure->upvalues == NULL && closure->proto->nupvalues > 0)
        captured = ((const mp_lambda *)function)->captured;
    int line = b->line, count;
    mp_node **results = mp__build_inline(b, act, closure, captured, nargs, args,
                                         wanted, &count);
    b->line = line;
    put_results(b, act, a, count, results, wanted);
}

void mp__build_call(mp_builder *b, mp_activation *act, int a, int nargs,
                    int wanted)
{
    mp_node *callee = mp__build_register(b, act, a);
    mp_node **args = mp__unit_alloc(b->unit, (size_t)nargs * sizeof *args);
    size_t room = nargs > 2 ? (size_t)nargs : 2;
    mp_node **results = mp__unit_alloc(b->unit, room * sizeof *results);
    for (int k = 0; k < nargs; k++)
        args[k] = mp__build_register(b, act, a + 1 + k);
    const mp_constant *constant =
        callee->type == MP_TYPE_REF ? callee->as.constant : NULL;
    if (constant != NULL && constant->kind == MP_CONST_CLOSURE) {
        call_closure(b, act, a, constant, nargs, args, wanted);
    } else if (constant != NULL && constant->kind == MP_CONST_BUILTIN) {
        int count = call_builtin(b, constant->as.builtin, nargs, args, results);
        put_results(b, act, a, count, results, wanted);
    } else if (constant != NULL && is_method(b, constant)) {
        results[0] = call_method(b, constant, nargs, args);
        put_results(b, act, a, 1, results, wanted);
    } else {
        int count = -1;
        if (constant != NULL && constant->kind == MP_CONST_OPAQUE)
            count = call_other(b, constant->name, nargs, args, results);
        if (count >= 0)
            put_results(b, act, a, count, results, wanted);
        else
            refuse_callee(b, callee,
                          mp__build_name(b, act, a, "what is called"));
    }
}

/* ---- functions made in the kernel --------------------------------------- */

/* Whether a local may be assigned between a CLOSURE that captures it and a
 * call of what that has made. A call that needs no PHI to know the function is
 * of what the latest run of the CLOSURE has made; what can have run since then
 * stands behind it. */
static bool may_change(const mp_proto *proto, int reg, int pc, int end)
{
    mp_registers written = {{0}};
    for (pc++; pc < end; pc++)
        mp__registers_written(proto, pc, false, &written);
    return mp_registers_has(&written, reg);
}

/* `own`: the local is the function's, whose scope may begin right behind. */
static mp_capture capture_local(mp_builder *b, const mp_activation *act,
                                int reg, bool own, mp_node *ref)
{
    mp_capture capture = {.reg = reg};
    if (mp__build_capture_cell(act, reg, act->pc + own, &capture))
        return capture;
    capture.node = own ? ref : mp__build_register(b, act, reg);
    capture.end = mp__registers_scope(act->proto, reg, act->pc + own);
    if (may_change(act->proto, reg, act->pc, capture.end))
        capture.owner = act;
    return capture;
}

void mp__build_closure(mp_builder *b, mp_activation *act, int a,
                       const mp_proto *proto)
{
    mp_lambda *lambda = mp__unit_alloc(b->unit, sizeof *lambda);
    mp_closure *closure = mp__unit_alloc(b->unit, sizeof *closure);
    closure->proto = proto;
    lambda->constant.kind = MP_CONST_CLOSURE;
    lambda->constant.as.closure = closure;
    size_t size = (size_t)proto->nupvalues * sizeof *lambda->captured;
    lambda->captured = mp__unit_alloc(b->unit, size);
    mp_node *ref = mp__ir_node(b->func, MP_OP_REF, b->line, 0, NULL);
    ref->as.constant = &lambda->constant;
    for (int k = 0; k < proto->nupvalues; k++) {
        int index = proto->upvalues[k].index;
        if (proto->upvalues[k].instack)
            lambda->captured[k] = capture_local(b, act, index, index == a, ref);
        else if (act->captured != NULL)
            lambda->captured[k] = act->captured[index];
        else
            lambda->captured[k].node = mp__build_upvalue(b, act, index);
    }
    act->regs[a] = mp__ir_append(b->at, ref);
}
