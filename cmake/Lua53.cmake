# Finds the system's Lua 5.3 and makes the target moonpool_lua of it. There is
# no such target where it was not found.
find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
    # The names that Debian, Fedora, Arch and the BSDs give to it.
    pkg_search_module(LUA53 QUIET lua5.3 lua53 lua-5.3)
endif()
find_path(LUA53_INCLUDE lua.h
    HINTS ${LUA53_INCLUDE_DIRS}
    PATH_SUFFIXES lua5.3 lua53 lua-5.3)
find_library(LUA53_LIBRARY
    NAMES lua5.3 lua53 lua-5.3
    HINTS ${LUA53_LIBRARY_DIRS})
mark_as_advanced(LUA53_INCLUDE LUA53_LIBRARY)

set(lua53_version "")
if(LUA53_INCLUDE)
    file(STRINGS ${LUA53_INCLUDE}/lua.h lua53_version
        REGEX "^#define LUA_VERSION_NUM[ \t]+503")
endif()
if(NOT lua53_version OR NOT LUA53_LIBRARY)
    # Searched for again at the next try, when it may be there.
    unset(LUA53_INCLUDE CACHE)
    unset(LUA53_LIBRARY CACHE)
    return()
endif()

add_library(moonpool_lua INTERFACE)
target_include_directories(moonpool_lua SYSTEM INTERFACE ${LUA53_INCLUDE})
if(MP_PYTHON)
    include(Lua53Static)
endif()
if(LUA53_STATIC)
    target_link_libraries(moonpool_lua INTERFACE ${LUA53_STATIC} m)
else()
    target_link_libraries(moonpool_lua INTERFACE ${LUA53_LIBRARY})
endif()
