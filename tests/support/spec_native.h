/* spec_native.h - what specs need of the system and Lua has not: child processes, ports, a clock.
 *
 * Threads: main thread only.
 */
#ifndef MW_SUPPORT_SPEC_NATIVE_H
#define MW_SUPPORT_SPEC_NATIVE_H

#include <lua.h>

/* Opens the module "spec_native"; tests/spec/support/spec.lua wraps it for specs. */
int luaopen_spec_native(lua_State *L);

#endif
