# Lets the extension bring the system's static library of Lua along, unchanged,
# where a shared object can hold it, instead of asking for the shared one at run
# time. Sets LUA53_STATIC to what is linked then, or to nothing.
#
# It is for speed: calls inside Lua need no table of addresses, and its virtual
# machine can be put at the beginning of a cache line. `python -m bench.stocklua`
# measures what that is worth.
#
# Its code goes into a section of its own, "mp_lua", for src/core/escape.c must
# tell it from ours. Linkers give symbols to both ends of a section of such a
# name.
set(LUA53_STATIC "")
set(folder ${CMAKE_BINARY_DIR}/lua)
string(REGEX REPLACE "\\.so$" ".a" archive ${LUA53_LIBRARY})
if(NOT archive MATCHES "\\.a$" OR NOT EXISTS ${archive}
    OR NOT CMAKE_C_COMPILER_ID MATCHES "GNU|Clang")
    return()
endif()
file(REMOVE_RECURSE ${folder})
file(MAKE_DIRECTORY ${folder})

execute_process(
    COMMAND ${CMAKE_OBJCOPY} --rename-section .text=mp_lua ${archive} lua.a
    WORKING_DIRECTORY ${folder} RESULT_VARIABLE failed ERROR_QUIET)
if(failed)
    return()
endif()

# What goes before the object of the virtual machine, so that the function
# which is all of it begins where a cache line does.
execute_process(COMMAND ${CMAKE_AR} x lua.a lvm.o
    WORKING_DIRECTORY ${folder} RESULT_VARIABLE failed ERROR_QUIET)
execute_process(COMMAND ${CMAKE_NM} lvm.o
    WORKING_DIRECTORY ${folder} OUTPUT_VARIABLE symbols ERROR_QUIET)
if(failed OR NOT symbols MATCHES "([0-9a-f]+) [Tt] luaV_execute")
    return()
endif()
math(EXPR before "(64 - 0x${CMAKE_MATCH_1} % 64) % 64")
file(WRITE ${folder}/before.c "__asm__(\".section mp_lua,\\\"ax\\\",@progbits\\n\"
        \".balign 64\\n.skip ${before}\\n\");\n")
execute_process(COMMAND ${CMAKE_C_COMPILER} -fno-lto -c before.c
    WORKING_DIRECTORY ${folder} RESULT_VARIABLE failed ERROR_QUIET)
set(objects ${folder}/before.o ${folder}/lvm.o ${folder}/lua.a)

# Debian's is compiled for executables: it takes C's streams to be in the same
# object. The extension has stand-ins of that name (stdio.c).
set(LUA53_WRAP -Wl,--wrap=stdin,--wrap=stdout,--wrap=stderr)
set(stdio ${PROJECT_SOURCE_DIR}/python/ext/stdio.c)
set(exports ${PROJECT_SOURCE_DIR}/python/ext/exports.map)
file(WRITE ${folder}/ends.c "extern const char __start_mp_lua[], __stop_mp_lua[];
const char *const ends[] = {__start_mp_lua, __stop_mp_lua};\n")
if(NOT failed)
    execute_process(
        COMMAND ${CMAKE_C_COMPILER} -shared -fPIC -fvisibility=hidden
            -o trial.so ${stdio} ends.c ${objects} ${LUA53_WRAP}
            -Wl,--version-script=${exports} -Wl,-z,text -lm
        WORKING_DIRECTORY ${folder} RESULT_VARIABLE failed
        OUTPUT_QUIET ERROR_QUIET)
endif()
if(NOT failed)
    set(LUA53_STATIC ${objects})
endif()
