/* Machine code in memory: an object file, linked.
 *
 * What LLVM makes of a kernel is a small file: code, constants, and calls of
 * C's mathematical functions. Linking it takes some microseconds, no LLVM, and
 * leaves nothing behind but its pages: all sections one behind the other, then
 * a stub for each function that is called, since it may be too far for a call.
 *
 *     text and constants    as they lie in the file, relocated
 *     jmp *address          a stub, which the code calls
 *     address               and the slot that it jumps by
 *
 * They are written first, and executable only when they are not writable any
 * more. The file may come from a disk: each offset is checked. */
#include "native/object.h"

#include <dlfcn.h>
#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct mp_object {
    void *pages;
    size_t size;
    uintptr_t kernel;
};

#define MOST_SIZE ((size_t)64 * 1024 * 1024)
#define STUB_SIZE 16
#define SLOT 8 /* of the address, from the stub's begin */

typedef struct linking {
    const unsigned char *file;
    size_t size;
    Elf64_Ehdr head;
    Elf64_Shdr *sections; /* owned */
    size_t *places;       /* owned; where in the pages, or NOWHERE */
    Elf64_Shdr symbols;
    const char *names; /* ends with a zero */
    size_t names_size;
    size_t nsymbols;
    size_t *stubs; /* owned; by symbol: where in the pages, or NOWHERE */
    unsigned char *pages;
    size_t pages_size;
    mp_object *object; /* owned */
    mp_error *err;
} linking;

#define NOWHERE SIZE_MAX

static bool fail(linking *l, const char *what)
{
    mp_error_set(l->err, MP_VALUE, "the code cannot be linked: %s", what);
    return false;
}

static bool starve(linking *l)
{
    mp_error_set(l->err, MP_NO_MEMORY, "no memory for native code");
    return false;
}

/* ---- reading ------------------------------------------------------------ */

static bool has(const linking *l, uint64_t offset, uint64_t size)
{
    return offset <= l->size && size <= l->size - offset;
}

static bool read_head(linking *l)
{
    if (!has(l, 0, sizeof l->head))
        return fail(l, "it is too short");
    memcpy(&l->head, l->file, sizeof l->head);
    const Elf64_Ehdr *head = &l->head;
    if (memcmp(head->e_ident, ELFMAG, SELFMAG) != 0 ||
        head->e_ident[EI_CLASS] != ELFCLASS64 ||
        head->e_ident[EI_DATA] != ELFDATA2LSB || head->e_type != ET_REL ||
        head->e_machine != EM_X86_64)
        return fail(l, "it is no object file of this machine");
    size_t size = (size_t)head->e_shnum * sizeof *l->sections;
    if (head->e_shentsize != sizeof *l->sections || head->e_shnum == 0 ||
        !has(l, head->e_shoff, size))
        return fail(l, "it has no sections");
    l->sections = malloc(size);
    l->places = malloc(head->e_shnum * sizeof *l->places);
    if (l->sections == NULL || l->places == NULL)
        return starve(l);
    memcpy(l->sections, l->file + head->e_shoff, size);
    return true;
}

static bool read_symbols(linking *l)
{
    int k = 0;
    while (k < l->head.e_shnum && l->sections[k].sh_type != SHT_SYMTAB)
        k++;
    if (k == l->head.e_shnum)
        return fail(l, "it has no symbols");
    l->symbols = l->sections[k];
    const Elf64_Shdr *s = &l->symbols;
    if (s->sh_link >= l->head.e_shnum || !has(l, s->sh_offset, s->sh_size))
        return fail(l, "its symbols are not there");
    const Elf64_Shdr *names = &l->sections[s->sh_link];
    if (!has(l, names->sh_offset, names->sh_size) || names->sh_size == 0 ||
        l->file[names->sh_offset + names->sh_size - 1] != '\0')
        return fail(l, "its names are not there");
    l->names = (const char *)l->file + names->sh_offset;
    l->names_size = names->sh_size;
    l->nsymbols = s->sh_size / sizeof(Elf64_Sym);
    l->stubs = malloc((l->nsymbols + 1) * sizeof *l->stubs);
    return l->stubs != NULL || starve(l);
}

static Elf64_Sym symbol(const linking *l, size_t k)
{
    Elf64_Sym s;
    memcpy(&s, l->file + l->symbols.sh_offset + k * sizeof s, sizeof s);
    return s;
}

static const char *name_of(const linking *l, const Elf64_Sym *s)
{
    return s->st_name < l->names_size ? l->names + s->st_name : "";
}

/* ---- laying out --------------------------------------------------------- */

/* What unwinds the stack is left out: no exception passes through kernels. */
static bool is_loaded(const Elf64_Shdr *s)
{
    return (s->sh_flags & SHF_ALLOC) != 0 && s->sh_type == SHT_PROGBITS &&
           s->sh_size > 0;
}

static bool place_sections(linking *l)
{
    for (int k = 0; k < l->head.e_shnum; k++) {
        const Elf64_Shdr *s = &l->sections[k];
        l->places[k] = NOWHERE;
        if ((s->sh_flags & SHF_ALLOC) != 0 &&
            (s->sh_flags & (SHF_WRITE | SHF_TLS)) != 0 && s->sh_size > 0)
            return fail(l, "it has variables");
        if (!is_loaded(s))
            continue;
        uint64_t align = s->sh_addralign > 0 ? s->sh_addralign : 1;
        if ((align & (align - 1)) != 0 || align > 4096 ||
            !has(l, s->sh_offset, s->sh_size))
            return fail(l, "a section is not there");
        l->places[k] = (l->pages_size + align - 1) & ~(size_t)(align - 1);
        l->pages_size = l->places[k] + s->sh_size;
        if (l->pages_size > MOST_SIZE)
            return fail(l, "it is too large");
    }
    return true;
}

static bool is_outside(const Elf64_Sym *s)
{
    return s->st_shndx == SHN_UNDEF && s->st_name != 0;
}

static bool place_stubs(linking *l)
{
    l->pages_size = (l->pages_size + STUB_SIZE - 1) & ~(size_t)(STUB_SIZE - 1);
    for (size_t k = 0; k < l->nsymbols; k++) {
        Elf64_Sym s = symbol(l, k);
        l->stubs[k] = is_outside(&s) ? l->pages_size : NOWHERE;
        if (is_outside(&s))
            l->pages_size += STUB_SIZE;
    }
    return l->pages_size <= MOST_SIZE || fail(l, "it is too large");
}

static bool make_pages(linking *l)
{
    if (l->pages_size == 0)
        return fail(l, "it is empty");
    void *pages = mmap(NULL, l->pages_size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED)
        return starve(l);
    l->pages = l->object->pages = pages;
    l->object->size = l->pages_size;
    for (int k = 0; k < l->head.e_shnum; k++) {
        const Elf64_Shdr *s = &l->sections[k];
        if (l->places[k] != NOWHERE)
            memcpy(l->pages + l->places[k], l->file + s->sh_offset, s->sh_size);
    }
    return true;
}

/* ---- functions outside -------------------------------------------------- */

static bool is_one_of(const char *name, const char *const *names)
{
    while (*names != NULL && strcmp(*names, name) != 0)
        names++;
    return *names != NULL;
}

/* A function of C's libraries that code may call, or NULL. */
static void *find_function(const char *name)
{
    static const char *const functions[] = {
        "acos",      "acosh",     "asin", "asinh",     "atan",     "atan2",
        "atanh",     "cbrt",      "ceil", "cos",       "cosh",     "copysign",
        "erf",       "erfc",      "exp",  "exp2",      "expm1",    "fabs",
        "floor",     "fma",       "fmod", "hypot",     "lgamma_r", "log",
        "log10",     "log1p",     "log2", "memcpy",    "memmove",  "memset",
        "nearbyint", "nextafter", "pow",  "remainder", "rint",     "round",
        "roundeven", "sin",       "sinh", "sqrt",      "tan",      "tanh",
        "tgamma",    "trunc",     NULL};
    static const char *const libraries[] = {"libm.so.6", "libmvec.so.1"};
    bool vector = strncmp(name, "_ZGV", 4) == 0;
    if (!vector && !is_one_of(name, functions))
        return NULL;
    void *address = dlsym(RTLD_DEFAULT, name);
    for (int k = 0; k < 2 && address == NULL; k++) {
        /* Never closed: code that calls it may live as long as the process. */
        void *library = dlopen(libraries[k], RTLD_NOW);
        if (library != NULL)
            address = dlsym(library, name);
    }
    return address;
}

static bool make_stubs(linking *l)
{
    static const unsigned char jump[SLOT] = {0xff, 0x25, 2,    0,
                                             0,    0,    0x0f, 0x0b};
    for (size_t k = 0; k < l->nsymbols; k++) {
        if (l->stubs[k] == NOWHERE)
            continue;
        Elf64_Sym s = symbol(l, k);
        void *function = find_function(name_of(l, &s));
        if (function == NULL)
            return fail(l, "a function that it calls is not there");
        unsigned char *stub = l->pages + l->stubs[k];
        memcpy(stub, jump, sizeof jump);
        memcpy(stub + SLOT, &function, sizeof function);
    }
    return true;
}

/* ---- relocating --------------------------------------------------------- */

/* Where a symbol is in the pages; false where it is not. */
static bool find_symbol(const linking *l, size_t k, size_t *place)
{
    if (k >= l->nsymbols)
        return false;
    if (l->stubs[k] != NOWHERE) {
        *place = l->stubs[k];
        return true;
    }
    Elf64_Sym s = symbol(l, k);
    if (s.st_shndx == SHN_UNDEF || s.st_shndx >= l->head.e_shnum ||
        l->places[s.st_shndx] == NOWHERE ||
        s.st_value > l->sections[s.st_shndx].sh_size)
        return false;
    *place = l->places[s.st_shndx] + s.st_value;
    return true;
}

/* Writes the distance from `at` to `to`, which fits as all pages do. */
static void write_distance(const linking *l, size_t at, size_t to,
                           int64_t addend)
{
    int64_t distance = (int64_t)to - (int64_t)at + addend;
    int32_t narrow = (int32_t)distance;
    memcpy(l->pages + at, &narrow, sizeof narrow);
}

static bool relocate(linking *l, const Elf64_Rela *r, size_t at, size_t room)
{
    size_t place, k = ELF64_R_SYM(r->r_info);
    bool wide = ELF64_R_TYPE(r->r_info) == R_X86_64_64;
    if (room < (wide ? 8U : 4U) || !find_symbol(l, k, &place) ||
        r->r_addend > INT32_MAX / 4 || r->r_addend < INT32_MIN / 4)
        return fail(l, "it refers to what is not there");
    uint64_t address;
    switch (ELF64_R_TYPE(r->r_info)) {
    case R_X86_64_64:
        address = (uint64_t)(uintptr_t)l->pages + place;
        if (l->stubs[k] != NOWHERE)
            memcpy(&address, l->pages + place + SLOT, sizeof address);
        address += (uint64_t)r->r_addend;
        memcpy(l->pages + at, &address, sizeof address);
        return true;
    case R_X86_64_PC32:
    case R_X86_64_PLT32:
        write_distance(l, at, place, r->r_addend);
        return true;
    case R_X86_64_GOTPCREL:
    case R_X86_64_GOTPCRELX:
    case R_X86_64_REX_GOTPCRELX:
        if (l->stubs[k] == NOWHERE)
            return fail(l, "it has variables");
        write_distance(l, at, place + SLOT, r->r_addend);
        return true;
    default:
        return fail(l, "it has relocations of another kind");
    }
}

static bool relocate_section(linking *l, const Elf64_Shdr *s)
{
    if (s->sh_info >= l->head.e_shnum || l->places[s->sh_info] == NOWHERE)
        return true;
    if (!has(l, s->sh_offset, s->sh_size))
        return fail(l, "its relocations are not there");
    const Elf64_Shdr *target = &l->sections[s->sh_info];
    for (uint64_t k = 0; k < s->sh_size / sizeof(Elf64_Rela); k++) {
        Elf64_Rela r;
        memcpy(&r, l->file + s->sh_offset + k * sizeof r, sizeof r);
        if (r.r_offset > target->sh_size)
            return fail(l, "it refers to what is not there");
        if (!relocate(l, &r, l->places[s->sh_info] + r.r_offset,
                      target->sh_size - r.r_offset))
            return false;
    }
    return true;
}

static bool relocate_all(linking *l)
{
    for (int k = 0; k < l->head.e_shnum; k++) {
        const Elf64_Shdr *s = &l->sections[k];
        if (s->sh_type == SHT_REL && s->sh_size > 0)
            return fail(l, "it has relocations of another kind");
        if (s->sh_type == SHT_RELA && !relocate_section(l, s))
            return false;
    }
    return true;
}

/* ---- all ---------------------------------------------------------------- */

static bool find_kernel(linking *l)
{
    for (size_t k = 0; k < l->nsymbols; k++) {
        Elf64_Sym s = symbol(l, k);
        size_t place;
        if (ELF64_ST_TYPE(s.st_info) != STT_FUNC ||
            strcmp(name_of(l, &s), "kernel") != 0 || !find_symbol(l, k, &place))
            continue;
        l->object->kernel = (uintptr_t)l->pages + place;
        return true;
    }
    return fail(l, "it has no function of that name");
}

static bool protect(linking *l)
{
    return mprotect(l->pages, l->pages_size, PROT_READ | PROT_EXEC) == 0 ||
           fail(l, "this machine refuses executable pages");
}

static bool link_all(linking *l)
{
#if !defined(__x86_64__)
    return fail(l, "it is no object file of this machine");
#endif
    return read_head(l) && read_symbols(l) && place_sections(l) &&
           place_stubs(l) && make_pages(l) && make_stubs(l) &&
           relocate_all(l) && find_kernel(l) && protect(l);
}

mp_status mp_object_link(const void *bytes, size_t size, mp_object **out,
                         mp_error *err)
{
    linking l = {.file = bytes, .size = size, .err = err};
    l.object = calloc(1, sizeof *l.object);
    if (l.object == NULL)
        return mp_error_set(err, MP_NO_MEMORY, "no memory for native code");
    bool linked = link_all(&l);
    free(l.sections);
    free(l.places);
    free(l.stubs);
    if (!linked) {
        mp_object_free(l.object);
        return err->status;
    }
    *out = l.object;
    return MP_OK;
}

uintptr_t mp_object_address(const mp_object *object)
{
    return object->kernel;
}

void mp_object_free(mp_object *object)
{
    if (object == NULL)
        return;
    if (object->pages != NULL)
        munmap(object->pages, object->size);
    free(object);
}
