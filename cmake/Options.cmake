# The target moonpool_options: warnings, sanitizers and floating-point rules
# that all C of the project is compiled with. What must not reach users of the
# library is in here; what they need is on moonpool_core.
add_library(moonpool_options INTERFACE)

# Strict C11 hides POSIX and what Linux has beyond it, such as CPU sets.
target_compile_definitions(moonpool_options INTERFACE
    $<$<COMPILE_LANGUAGE:C>:_GNU_SOURCE>)

target_compile_options(moonpool_options INTERFACE
    # A fused multiply-add rounds once where Lua rounds twice.
    -ffp-contract=off
    -Wall -Wextra -Wundef
    $<$<COMPILE_LANGUAGE:C>:-Wshadow>
    $<$<COMPILE_LANGUAGE:C>:-Wconversion>
    $<$<COMPILE_LANGUAGE:C>:-Wwrite-strings>
    $<$<COMPILE_LANGUAGE:C>:-Wswitch-enum>
    $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes>
    $<$<COMPILE_LANGUAGE:C>:-Wmissing-prototypes>)

if(MP_SANITIZE)
    target_compile_options(moonpool_options INTERFACE
        -fsanitize=${MP_SANITIZE}
        -fno-sanitize-recover=all
        -fno-omit-frame-pointer)
    target_link_options(moonpool_options INTERFACE -fsanitize=${MP_SANITIZE})
endif()

if(MP_LTO)
    include(CheckIPOSupported)
    check_ipo_supported(RESULT lto_works OUTPUT lto_output LANGUAGES C)
    set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ${lto_works})
endif()
