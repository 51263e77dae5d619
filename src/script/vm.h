/* vm.h - lua_States as this program makes them, and what goes into and between them.
 *
 * A vm is a lua_State with a cap on its memory, the standard libraries, "json" (lua-cjson) and a
 * `require` that finds the shipped Lua files (base/embedded.h) before the folders it is given.
 * Running out of the cap is an ordinary Lua error in the script, never an abort.
 *
 * Threads: one thread at a time per vm, but mw_vm_interrupt any thread.
 */
#ifndef MW_SCRIPT_VM_H
#define MW_SCRIPT_VM_H

#include <stddef.h>

#include <lua.h>

#include "base/status.h"

struct mw_vm; /* opaque */

struct mw_vm_options {
    size_t bytes_max;   /* 1 MiB or more */
    const char *folder; /* where `require` looks for the script's own modules; NULL for nowhere */
    /* Opens what the host offers besides the standard libraries, in protected mode; NULL for
     * nothing. */
    void (*open)(lua_State *L, void *user);
    void *user;
};

/* Makes a vm. Errors: MW_ESTRATEGY when `open` raises or the cap is too small for it. */
MW_MUST_USE mw_status mw_vm_new(const struct mw_vm_options *options, struct mw_vm **out,
                                struct mw_error *err);
void mw_vm_free(struct mw_vm *vm);

/* What runs from now on ends with an error when it is not done in `limit_ms`; 0 lifts the limit. A
 * vm that ran into it may be used again with another. */
void mw_vm_limit_time(struct mw_vm *vm, int64_t limit_ms);

/* Its main lua_State, borrowed. */
lua_State *mw_vm_state(struct mw_vm *vm);
/* Makes whatever the vm runs, now or later, end with an error: within a thousand instructions at
 * first, then at every one, so that a script that catches its errors gets no further. Coroutines
 * are no way out. What runs without hooks is: a C function that does not return, a finaliser, and
 * a message handler of xpcall that is called for this very error. Any thread. */
void mw_vm_interrupt(struct mw_vm *vm);

/* From now on nobody calls mw_vm_interrupt: what runs no longer stops after each instruction to
 * count it, which takes a sixth of a script's time. There is no limit of time either. */
void mw_vm_run_free(struct mw_vm *vm);

/* Bytes in use now. */
size_t mw_vm_bytes(const struct mw_vm *vm);

/* Sets the collector's pace by what is in use now: a small heap may grow to four times its size
 * before it is looked through again, a large one to twice. Called now and then, after a hook. */
void mw_vm_pace(struct mw_vm *vm);

/* Makes shipped Lua files available to `require` in any lua_State, after what package.path
 * finds. */
void mw_vm_add_searcher(lua_State *L);

/* Reads a file of at most MW_SCRIPT_BYTES_MAX, text only (no byte code), and pushes it as a
 * function. Errors: MW_EIO, MW_ELIMIT, `status` with Lua's own message (file and line) when it does
 * not compile.
 * Stack: [-0, +1] on success, [-0, +0] on failure. */
MW_MUST_USE mw_status mw_vm_load_file(lua_State *L, const char *path, mw_status status,
                                      struct mw_error *err);

/* Pushes onto `to` a copy of the value at `index` of `from`: nil, booleans, numbers, strings and
 * tables of these, at most MW_VALUE_DEPTH_MAX deep. The states may be different or the same.
 * Errors: MW_EINVAL for anything else, naming its type, for tables that contain themselves, and for
 * more than MW_VALUE_ITEMS_MAX keys in all.
 * Stack of `to`: [-0, +1] on success, [-0, +0] on failure. */
MW_MUST_USE mw_status mw_vm_copy_value(lua_State *from, int index, lua_State *to,
                                       struct mw_error *err);

#endif
