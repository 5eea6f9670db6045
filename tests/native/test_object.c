/* Linking object files: one that is written here, and what may be wrong in it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <elf.h>

#include "native/object.h"

/* double kernel(double x) { return sqrt(x) + 0.5; }, but for its stack: sqrt()
 * is called, and the constant is one of another section. */
static const unsigned char code[] = {
    0x48, 0x83, 0xec, 0x08,                /* sub rsp, 8 */
    0xe8, 0,    0,    0,    0,             /* call sqrt */
    0xf2, 0x0f, 0x58, 0x05, 0,    0, 0, 0, /* addsd xmm0, [rip] */
    0x48, 0x83, 0xc4, 0x08, 0xc3,          /* add rsp, 8; ret */
};
static const double half = 0.5;
static const char names[] = "\0kernel\0sqrt\0abort";

enum { NAME_KERNEL = 1, NAME_SQRT = 8, NAME_ABORT = 13 };

/* A file with room for what is in it. */
typedef struct file {
    Elf64_Ehdr head;
    Elf64_Shdr sections[6]; /* none, text, constants, relocations, symbols,
                               names */
    unsigned char text[24];
    double constant;
    Elf64_Rela relocations[2];
    Elf64_Sym symbols[4]; /* none, kernel, sqrt, constants */
    char names[24];
} file;

static Elf64_Shdr section(unsigned type, uint64_t flags, size_t offset,
                          size_t size)
{
    return (Elf64_Shdr){.sh_type = type,
                        .sh_flags = flags,
                        .sh_offset = offset,
                        .sh_size = size,
                        .sh_addralign = 8};
}

static void write_sections(file *f)
{
    f->sections[1] = section(SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR,
                             offsetof(file, text), sizeof code);
    f->sections[2] = section(SHT_PROGBITS, SHF_ALLOC, offsetof(file, constant),
                             sizeof f->constant);
    f->sections[3] = section(SHT_RELA, 0, offsetof(file, relocations),
                             sizeof f->relocations);
    f->sections[3].sh_info = 1;
    f->sections[4] =
        section(SHT_SYMTAB, 0, offsetof(file, symbols), sizeof f->symbols);
    f->sections[4].sh_link = 5;
    f->sections[5] =
        section(SHT_STRTAB, 0, offsetof(file, names), sizeof f->names);
}

static void write_file(file *f)
{
    memset(f, 0, sizeof *f);
    memcpy(f->head.e_ident, ELFMAG, SELFMAG);
    f->head.e_ident[EI_CLASS] = ELFCLASS64;
    f->head.e_ident[EI_DATA] = ELFDATA2LSB;
    f->head.e_type = ET_REL;
    f->head.e_machine = EM_X86_64;
    f->head.e_shoff = offsetof(file, sections);
    f->head.e_shentsize = sizeof(Elf64_Shdr);
    f->head.e_shnum = 6;
    write_sections(f);
    memcpy(f->text, code, sizeof code);
    f->constant = half;
    f->relocations[0] = (Elf64_Rela){5, ELF64_R_INFO(2, R_X86_64_PLT32), -4};
    f->relocations[1] = (Elf64_Rela){13, ELF64_R_INFO(3, R_X86_64_PC32), -4};
    f->symbols[1] = (Elf64_Sym){.st_name = NAME_KERNEL,
                                .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
                                .st_shndx = 1};
    f->symbols[2] = (Elf64_Sym){.st_name = NAME_SQRT};
    f->symbols[3] = (Elf64_Sym){
        .st_info = ELF64_ST_INFO(STB_LOCAL, STT_SECTION), .st_shndx = 2};
    memcpy(f->names, names, sizeof names);
}

static mp_status link_file(const void *bytes, size_t size, mp_object **out)
{
    mp_error err;
    *out = NULL;
    mp_status status = mp_object_link(bytes, size, out, &err);
    assert_true((status == MP_OK) == (*out != NULL));
    if (status != MP_OK)
        assert_true(err.status == status && err.message[0] != '\0');
    return status;
}

static void links_and_runs(void **data)
{
    (void)data;
#if defined(__x86_64__)
    file f;
    mp_object *object;
    write_file(&f);
    assert_int_equal(link_file(&f, sizeof f, &object), MP_OK);
    memset(&f, 0, sizeof f);
    double (*function)(double) = (double (*)(double))mp_object_address(object);
    assert_true(function(16) == 4.5);
    mp_object_free(object);
#endif
    mp_object_free(NULL);
}

/* Only functions on numbers and memory are there. */
static void no_other_function(void **data)
{
    (void)data;
    file f;
    mp_object *object;
    write_file(&f);
    f.symbols[2].st_name = NAME_ABORT;
    assert_int_equal(link_file(&f, sizeof f, &object), MP_VALUE);
    f.symbols[2].st_name = 1000000;
    assert_int_equal(link_file(&f, sizeof f, &object), MP_VALUE);
}

static void no_variables(void **data)
{
    (void)data;
    file f;
    mp_object *object;
    write_file(&f);
    f.sections[2].sh_flags |= SHF_WRITE;
    assert_int_equal(link_file(&f, sizeof f, &object), MP_VALUE);
}

/* Each length, in a block of that length: reading past it is seen. */
static void cut_short(void **data)
{
    (void)data;
    file f;
    mp_object *object;
    write_file(&f);
    for (size_t size = 0; size < sizeof f - sizeof f.names; size++) {
        void *copy = malloc(size > 0 ? size : 1);
        assert_non_null(copy);
        memcpy(copy, &f, size);
        assert_int_equal(link_file(copy, size, &object), MP_VALUE);
        free(copy);
    }
}

/* Each byte, with the values that offsets, sizes and types are wrong with.
 * What still links is not run. */
static void any_byte(void **data)
{
    (void)data;
    static const unsigned char values[] = {0, 1, 7, 0x40, 0x7f, 0x80, 0xff};
    file f;
    mp_object *object;
    write_file(&f);
    unsigned char *copy = malloc(sizeof f);
    assert_non_null(copy);
    for (size_t at = 0; at < sizeof f; at++) {
        for (size_t k = 0; k < sizeof values; k++) {
            memcpy(copy, &f, sizeof f);
            copy[at] = values[k];
            link_file(copy, sizeof f, &object);
            mp_object_free(object);
        }
    }
    free(copy);
}

static void says_which_cpu(void **data)
{
    (void)data;
    char first[MP_CPU_SIZE], second[MP_CPU_SIZE];
    mp_isa_cpu(first);
    mp_isa_cpu(second);
    assert_string_equal(first, second);
#if defined(__x86_64__)
    assert_true(strlen(first) > 20 && strlen(first) < MP_CPU_SIZE - 1);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(links_and_runs), cmocka_unit_test(no_other_function),
        cmocka_unit_test(no_variables),   cmocka_unit_test(cut_short),
        cmocka_unit_test(any_byte),       cmocka_unit_test(says_which_cpu),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
