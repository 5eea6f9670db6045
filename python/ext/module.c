/* The extension module moonpool._core: types, state, and the functions that
 * need no object. */
#include "ext.h"

#include "block.h"
#include "compile.h"
#include "front.h"
#include "job.h"
#include "kernel.h"
#include "native.h"
#include "operands.h"
#include "pool.h"
#include "start.h"
#include "visit.h"

static PyObject *module_worker_count(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    const char *why = "";
    int count = mp_worker_count(&why);
    return Py_BuildValue("is", count, why);
}

/* The copy of widen(), for the stretch without the GIL. */
typedef struct widening {
    mp_view from;
    const mp_view *to;
    mp_status status;
    mp_error err;
} widening;

static void widen_body(void *ud)
{
    widening *w = ud;
    int64_t size = mp_view_size(&w->from);
    for (int64_t i = 0; i < size && w->status == MP_OK; i++) {
        mp_value value;
        w->status = mp_view_get(&w->from, i, &value, &w->err);
        if (w->status == MP_OK)
            w->status = mp_view_set(w->to, i, value, &w->err);
    }
}

/* widen(source, target): copies the float64 numbers whose bits an int64 array
 * holds into an array of floats of the same shape. */
static PyObject *module_widen(PyObject *module, PyObject *const *args,
                              Py_ssize_t nargs)
{
    mpy_state *state = PyModule_GetState(module);
    if (nargs != 2) {
        PyErr_SetString(PyExc_TypeError, "widen() takes source and target");
        return NULL;
    }
    mpy_operands *from = mpy_operands_of(state, args[0]);
    mpy_operands *to = from ? mpy_operands_of(state, args[1]) : NULL;
    if (to == NULL)
        return NULL;
    if (from->count != 1 || to->count != 1 || !from->items[0]->is_array ||
        !to->items[0]->is_array ||
        mp_dtype_size(from->items[0]->view.dtype) != (int)sizeof(double) ||
        mp_view_size(&from->items[0]->view) !=
            mp_view_size(&to->items[0]->view)) {
        PyErr_SetString(PyExc_ValueError, "the arrays do not match");
        return NULL;
    }
    widening w = {.from = from->items[0]->view, .to = &to->items[0]->view};
    w.from.dtype = MP_FLOAT64;
    mpy_operands_lock(from);
    mpy_operands_lock(to);
    mpy_unlocked(widen_body, &w);
    mpy_operands_unlock(from);
    mpy_operands_unlock(to);
    if (w.status == MP_OK)
        Py_RETURN_NONE;
    PyErr_SetString(PyExc_ValueError, w.err.message);
    return NULL;
}

/* allocate(code, shape): a memoryview of zeros. */
static PyObject *module_allocate(PyObject *module, PyObject *const *args,
                                 Py_ssize_t nargs)
{
    mpy_state *state = PyModule_GetState(module);
    if (nargs != 2) {
        PyErr_SetString(PyExc_TypeError, "allocate() takes code and shape");
        return NULL;
    }
    PyObject *block = mpy_block_new(state, args[0], args[1]);
    PyObject *view = block ? PyMemoryView_FromObject(block) : NULL;
    Py_XDECREF(block);
    return view;
}

static PyMethodDef module_methods[] = {
    {"allocate", MPY_METHOD(module_allocate), METH_FASTCALL, NULL},
    {"worker_count", module_worker_count, METH_NOARGS, NULL},
    {"pack", mpy_start_pack, METH_O, NULL},
    {"map_shape", MPY_METHOD(mpy_start_map_shape), METH_FASTCALL, NULL},
    {"reduce_shape", MPY_METHOD(mpy_start_reduce_shape), METH_FASTCALL, NULL},
    {"widen", MPY_METHOD(module_widen), METH_FASTCALL, NULL},
    {"show", MPY_METHOD(mpy_native_show), METH_FASTCALL, NULL},
    {"describe", MPY_METHOD(mpy_native_describe), METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static int add_type(PyObject *module, PyType_Spec *spec, PyTypeObject **out)
{
    PyObject *type = PyType_FromModuleAndSpec(module, spec, NULL);
    *out = (PyTypeObject *)type;
    return type == NULL ? -1 : PyModule_AddType(module, *out);
}

/* How many items code computes at once, for each set of instructions, the
 * poorest first. */
static int add_lanes(PyObject *module)
{
    PyObject *lanes = Py_BuildValue("{"
#define FORMAT(name, text, count) "si"
                                    MP_ISA_TABLE(FORMAT)
#undef FORMAT
                                        "}"
#define LANES(name, text, count) , text, count
                                    MP_ISA_TABLE(LANES)
#undef LANES
    );
    int result = PyModule_AddObjectRef(module, "lanes", lanes);
    Py_XDECREF(lanes);
    return result;
}

static int add_cpu(PyObject *module)
{
    char text[MP_CPU_SIZE];
    mp_isa_cpu(text);
    return PyModule_AddStringConstant(module, "cpu", text);
}

static int module_exec(PyObject *module)
{
    mpy_state *state = PyModule_GetState(module);
    if (add_type(module, &mpy_kernel_spec, &state->kernel_type) < 0 ||
        add_type(module, &mpy_operands_spec, &state->operands_type) < 0 ||
        add_type(module, &mpy_job_spec, &state->job_type) < 0 ||
        add_type(module, &mpy_pool_spec, &state->pool_type) < 0 ||
        add_type(module, &mpy_visit_spec, &state->visit_type) < 0 ||
        add_type(module, &mpy_front_spec, &state->front_type) < 0 ||
        PyModule_AddStringConstant(module, "__version__", MP_VERSION) < 0 ||
        add_lanes(module) < 0 || add_cpu(module) < 0 ||
        PyModule_AddStringConstant(module, "isa", mp_isa_name(mp_isa_host())) <
            0)
        return -1;
    state->attic = mpy_attic_new();
    state->name_out = PyUnicode_InternFromString("out");
    state->name_init = PyUnicode_InternFromString("init");
    state->name_combine = PyUnicode_InternFromString("combine");
    if (state->attic == NULL || state->name_out == NULL ||
        state->name_init == NULL || state->name_combine == NULL)
        return -1;
    /* Memory shows itself as a memoryview only. */
    state->block_type =
        (PyTypeObject *)PyType_FromModuleAndSpec(module, &mpy_block_spec, NULL);
    if (state->block_type == NULL)
        return -1;
    PyObject *errors = PyImport_ImportModule("moonpool._errors");
    if (errors == NULL)
        return -1;
    state->build_error = PyObject_GetAttrString(errors, "build_error");
    Py_DECREF(errors);
    return state->build_error == NULL ? -1 : 0;
}

static int module_traverse(PyObject *module, visitproc visit, void *arg)
{
    mpy_state *state = PyModule_GetState(module);
    Py_VISIT(state->kernel_type);
    Py_VISIT(state->operands_type);
    Py_VISIT(state->block_type);
    Py_VISIT(state->job_type);
    Py_VISIT(state->pool_type);
    Py_VISIT(state->visit_type);
    Py_VISIT(state->front_type);
    Py_VISIT(state->build_error);
    Py_VISIT(state->arrays);
    Py_VISIT(state->numpy_generic);
    Py_VISIT(state->ndarray);
    Py_VISIT(state->numpy_empty);
    Py_VISIT(state->numpy_dtypes);
    Py_VISIT(state->name_out);
    Py_VISIT(state->name_init);
    Py_VISIT(state->name_combine);
    return 0;
}

static int module_clear(PyObject *module)
{
    mpy_state *state = PyModule_GetState(module);
    Py_CLEAR(state->kernel_type);
    Py_CLEAR(state->operands_type);
    Py_CLEAR(state->block_type);
    Py_CLEAR(state->job_type);
    Py_CLEAR(state->pool_type);
    Py_CLEAR(state->visit_type);
    Py_CLEAR(state->front_type);
    Py_CLEAR(state->build_error);
    Py_CLEAR(state->arrays);
    Py_CLEAR(state->numpy_generic);
    Py_CLEAR(state->ndarray);
    Py_CLEAR(state->numpy_empty);
    Py_CLEAR(state->numpy_dtypes);
    Py_CLEAR(state->name_out);
    Py_CLEAR(state->name_init);
    Py_CLEAR(state->name_combine);
    return 0;
}

static void module_free(void *module)
{
    (void)module_clear(module);
    mpy_state *state = PyModule_GetState(module);
    if (state->attic != NULL)
        mpy_attic_sweep(state->attic);
    mpy_attic_drop(state->attic);
    state->attic = NULL;
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, MPY_SLOT(module_exec)},
    {0, NULL},
};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,       .m_name = "moonpool._core",
    .m_size = sizeof(mpy_state), .m_methods = module_methods,
    .m_slots = module_slots,     .m_traverse = module_traverse,
    .m_clear = module_clear,     .m_free = module_free,
};

PyMODINIT_FUNC PyInit__core(void);

PyMODINIT_FUNC PyInit__core(void)
{
    return PyModuleDef_Init(&module_def);
}
