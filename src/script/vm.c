/* vm.c - allocator with a cap, libraries, the searcher of shipped files, loading and copying. */
#include "script/vm.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <lauxlib.h>
#include <lua-cjson.h>
#include <lualib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/embedded.h"
#include "base/heap.h"
#include "base/limits.h"
#include "base/str.h"
#include "script/call.h"

struct mw_vm {
    lua_State *L; /* owns */
    struct mw_heap heap;
    _Atomic bool interrupted;
    int64_t until_ms; /* monotonic time by which what runs must be done; 0 for no limit */
    bool small_pace;  /* the collector has the pause of a small heap */
};

enum {
    HOOK_INSTRUCTIONS = 1000, /* some 10 us between looks at `interrupted` */
    /* A cycle of the collector looks at all that lives, the libraries' some 150 KiB at least: after
     * every 150 KiB of garbage that is a sixth of the time of a script with a get_price a bar. */
    SMALL_HEAP_BYTES = 2 << 20,
    SMALL_HEAP_PAUSE = 400, /* per cent of what lives, at which the next cycle begins */
    LARGE_HEAP_PAUSE = 200, /* Lua's own */
};

/* The hook of every state of a vm: coroutines inherit it, since it is there before they are. */
static void look_up(lua_State *L, lua_Debug *record)
{
    (void)record;
    void *user;
    lua_getallocf(L, &user);
    struct mw_vm *vm = MW_CONTAINER(user, struct mw_vm, heap);
    bool late = vm->until_ms != 0 && mw_clock_monotonic_ms() > vm->until_ms;
    if (!late && !atomic_load_explicit(&vm->interrupted, memory_order_relaxed))
        return;
    lua_sethook(L, look_up, LUA_MASKCALL | LUA_MASKRET | LUA_MASKCOUNT, 1);
    luaL_where(L, 0); /* a hook has no level of its own: 0 is the function that runs */
    lua_pushstring(L, late ? "it takes too long" : "interrupted by the engine");
    lua_concat(L, 2);
    lua_error(L);
}

void mw_vm_limit_time(struct mw_vm *vm, int64_t limit_ms)
{
    vm->until_ms = limit_ms > 0 ? mw_clock_monotonic_ms() + limit_ms : 0;
    /* What ran into a limit left it looking at every instruction. */
    lua_sethook(vm->L, look_up, LUA_MASKCOUNT, HOOK_INSTRUCTIONS);
}

void mw_vm_interrupt(struct mw_vm *vm)
{
    atomic_store_explicit(&vm->interrupted, true, memory_order_relaxed);
}

/* An error outside every protected call is a bug in our C. */
static int panic(lua_State *L)
{
    const char *message = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "a Lua error";
    mw_check_failed(message, __FILE__, __LINE__, __func__);
}

/* What every script finds: the one place that decides which libraries a vm has.
 * Stack: [-0, +0, m] */
static void open_libraries(lua_State *L)
{
    luaL_openlibs(L);
    luaL_requiref(L, "cjson", luaopen_cjson, 0);
    lua_pushvalue(L, -1);
    lua_setglobal(L, "json");
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE); /* cjson, loaded */
    lua_insert(L, -2);
    lua_setfield(L, -2, "json");
    lua_pop(L, 1);
}

/* Looks for `path` among the shipped files and pushes its function and its name.
 * Stack: [-0, +2, v] when found, [-0, +0] otherwise. */
static bool load_embedded(lua_State *L, const char *module, const char *path)
{
    size_t length;
    const char *bytes = mw_embedded_find(path, &length);
    if (bytes == NULL)
        return false;
    const char *chunk = lua_pushfstring(L, "@%s", path);
    if (luaL_loadbufferx(L, bytes, length, chunk, "t") != LUA_OK)
        luaL_error(L, "error loading module '%s' from the built-in file '%s':\n\t%s", module, path,
                   lua_tostring(L, -1));
    lua_remove(L, -2);
    lua_pushstring(L, path);
    return true;
}

/* A searcher as package.searchers has them: (name) -> loader, file | message */
static int search_embedded(lua_State *L)
{
    const char *module = luaL_checkstring(L, 1);
    const char *stem = luaL_gsub(L, module, ".", "/");
    const char *file = lua_pushfstring(L, "%s.lua", stem);
    const char *init = lua_pushfstring(L, "%s/init.lua", stem);
    if (load_embedded(L, module, file) || load_embedded(L, module, init))
        return 2;
    lua_pushfstring(L, "no built-in file '%s'\n\tno built-in file '%s'", file, init);
    return 1;
}

/* Puts search_embedded at `position` of package.searchers; 0 is behind all. Stack: [-0, +0, v] */
static void add_searcher(lua_State *L, lua_Integer position)
{
    lua_getglobal(L, LUA_LOADLIBNAME);
    if (!lua_istable(L, -1) || lua_getfield(L, -1, "searchers") != LUA_TTABLE)
        luaL_error(L, "package.searchers is not a table");
    lua_Integer last = (lua_Integer)lua_rawlen(L, -1) + 1;
    if (position == 0)
        position = last;
    for (lua_Integer i = last; i > position; i--) {
        lua_rawgeti(L, -1, i - 1);
        lua_rawseti(L, -2, i);
    }
    lua_pushcfunction(L, search_embedded);
    lua_rawseti(L, -2, position);
    lua_pop(L, 2);
}

void mw_vm_add_searcher(lua_State *L)
{
    add_searcher(L, 0);
}

/* Points `require` at `folder`, whatever LUA_PATH says. Stack: [-0, +0, v] */
static void set_search_path(lua_State *L, const char *folder)
{
    if (folder != NULL && strpbrk(folder, ";?") != NULL)
        luaL_error(L, "folder '%s': scripts cannot be in a folder with ';' or '?' in its name",
                   folder);
    lua_getglobal(L, LUA_LOADLIBNAME);
    if (folder != NULL)
        lua_pushfstring(L, "%s/?.lua;%s/?/init.lua", folder, folder);
    else
        lua_pushliteral(L, "");
    lua_setfield(L, -2, "path");
    lua_pushliteral(L, "");
    lua_setfield(L, -2, "cpath");
    lua_pop(L, 1);
}

/* Leaves only the searchers of Lua files: nothing of a script's is native. Stack: [-0, +0, v] */
static void drop_native_searchers(lua_State *L)
{
    lua_getglobal(L, LUA_LOADLIBNAME);
    lua_getfield(L, -1, "searchers"); /* preload, built-in, Lua, then C and all-in-one C */
    for (lua_Integer i = (lua_Integer)lua_rawlen(L, -1); i > 3; i--) {
        lua_pushnil(L);
        lua_rawseti(L, -2, i);
    }
    lua_pop(L, 2);
}

static int open_vm(lua_State *L, void *user)
{
    const struct mw_vm_options *options = user;
    open_libraries(L);
    set_search_path(L, options->folder);
    add_searcher(L, 2); /* behind package.preload, before the script's folder */
    drop_native_searchers(L);
    if (options->open != NULL)
        options->open(L, options->user);
    return 0;
}

mw_status mw_vm_new(const struct mw_vm_options *options, struct mw_vm **out, struct mw_error *err)
{
    struct mw_vm *vm = mw_alloc_zero(sizeof(*vm));
    struct mw_vm_options copy = *options;
    vm->heap.bytes_max = options->bytes_max;
    vm->L = lua_newstate(mw_heap_allocate, &vm->heap);
    mw_status status;
    if (vm->L == NULL) {
        status = mw_fail(err, MW_ESTRATEGY, "not enough memory");
    } else {
        lua_atpanic(vm->L, panic);
        lua_sethook(vm->L, look_up, LUA_MASKCOUNT, HOOK_INSTRUCTIONS);
        status = mw_call_protected(vm->L, open_vm, &copy, MW_ESTRATEGY, err);
    }
    if (status != MW_OK) {
        mw_vm_free(vm);
        return mw_fail_within(err, status, "a Lua state of at most %zu bytes", options->bytes_max);
    }
    *out = vm;
    return MW_OK;
}

void mw_vm_free(struct mw_vm *vm)
{
    if (vm == NULL)
        return;
    if (vm->L != NULL)
        lua_close(vm->L);
    MW_CHECK(vm->heap.bytes == 0);
    mw_heap_deinit(&vm->heap);
    mw_free(vm);
}

lua_State *mw_vm_state(struct mw_vm *vm)
{
    return vm->L;
}

size_t mw_vm_bytes(const struct mw_vm *vm)
{
    return vm->heap.bytes;
}

void mw_vm_run_free(struct mw_vm *vm)
{
    vm->until_ms = 0;
    lua_sethook(vm->L, NULL, 0, 0);
}

void mw_vm_pace(struct mw_vm *vm)
{
    bool small = vm->heap.bytes < SMALL_HEAP_BYTES;
    if (small == vm->small_pace)
        return;
    vm->small_pace = small;
    lua_gc(vm->L, LUA_GCSETPAUSE, small ? SMALL_HEAP_PAUSE : LARGE_HEAP_PAUSE);
}

/* The part of a script that Lua reads: behind a byte order mark and a "#!" line, whose newline
 * stays so that lines count from 1. */
static const char *skip_preamble(const char *text, const char *end)
{
    static const char mark[] = "\xEF\xBB\xBF";
    if ((size_t)(end - text) >= strlen(mark) && memcmp(text, mark, strlen(mark)) == 0)
        text += strlen(mark);
    if (text < end && *text == '#') {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        text = newline != NULL ? newline : end;
    }
    return text;
}

mw_status mw_vm_load_file(lua_State *L, const char *path, mw_status status, struct mw_error *err)
{
    struct mw_str file = MW_STR_INIT(MW_SCRIPT_BYTES_MAX);
    struct mw_str chunk = MW_STR_INIT(MW_PATH_BYTES_MAX + 1);
    mw_status result = MW_OK;
    if (!lua_checkstack(L, 1))
        result = mw_fail(err, status, "%s: not enough memory", path);
    else if (!mw_str_addf(&chunk, "@%s", path))
        result = mw_fail(err, MW_ELIMIT, "path '%.40s...': longer than %d bytes", path,
                         MW_PATH_BYTES_MAX);
    else
        result = mw_str_read_file(&file, path, err);
    if (result == MW_OK) {
        /* Loading is protected in itself: it does not raise past the buffers held here. */
        const char *end = file.data + file.length;
        const char *text = skip_preamble(file.data, end);
        if (luaL_loadbufferx(L, text, (size_t)(end - text), chunk.data, "t") != LUA_OK) {
            result = mw_fail(err, status, "%s", lua_tostring(L, -1));
            lua_pop(L, 1);
        }
    }
    mw_str_deinit(&file);
    mw_str_deinit(&chunk);
    return result;
}

/* One copy under way. */
struct copy {
    lua_State *from, *to;
    int index;                               /* of the value, absolute in `from` */
    const void *parents[MW_VALUE_DEPTH_MAX]; /* the tables around the value, outermost first */
    uint32_t depth, item_count;              /* parents, and what was copied so far */
    mw_status status;
    struct mw_error *err;
};

static mw_status copy_value(struct copy *copy, int index);

static mw_status enter_table(struct copy *copy, int index)
{
    const void *table = lua_topointer(copy->from, index);
    for (uint32_t i = 0; i < copy->depth; i++)
        if (copy->parents[i] == table)
            return mw_fail(copy->err, MW_EINVAL, "a table that contains itself cannot be copied");
    if (copy->depth == MW_VALUE_DEPTH_MAX)
        return mw_fail(copy->err, MW_EINVAL, "tables nested more than %d deep cannot be copied",
                       MW_VALUE_DEPTH_MAX);
    copy->parents[copy->depth++] = table;
    return MW_OK;
}

/* Copies the pair at `key` and `key + 1` of `from` into the table at `table` of `to`. */
static mw_status copy_pair(struct copy *copy, int key, int table)
{
    lua_State *from = copy->from;
    if (copy->item_count++ == MW_VALUE_ITEMS_MAX)
        return mw_fail(copy->err, MW_EINVAL, "more than %d values cannot be copied",
                       MW_VALUE_ITEMS_MAX);
    if (lua_istable(from, key))
        return mw_fail(copy->err, MW_EINVAL, "a table as a key cannot be copied");
    mw_status status = copy_value(copy, key);
    if (status != MW_OK)
        return mw_fail_within(copy->err, status, "a key");
    status = copy_value(copy, key + 1);
    if (status == MW_OK) {
        lua_rawset(copy->to, table);
        return MW_OK;
    }
    if (lua_istable(from, key + 1)) /* the innermost key is enough */
        return status;
    if (lua_type(from, key) == LUA_TSTRING)
        return mw_fail_within(copy->err, status, "field '%.40s'", lua_tostring(from, key));
    return mw_fail_within(copy->err, status, "an item");
}

/* In one state the source's iteration and the copy share a stack; absolute indexes keep them
 * apart. */
static mw_status copy_table(struct copy *copy, int index)
{
    mw_status status = enter_table(copy, index);
    if (status != MW_OK)
        return status;
    if (!lua_checkstack(copy->from, 4))
        return mw_fail(copy->err, MW_EINVAL, "not enough memory");
    luaL_checkstack(copy->to, 6, "a copied value");
    lua_newtable(copy->to);
    int table = lua_gettop(copy->to);
    lua_pushnil(copy->from);
    while (lua_next(copy->from, index) != 0) {
        status = copy_pair(copy, lua_gettop(copy->from) - 1, table);
        if (status != MW_OK)
            return status;
        lua_pop(copy->from, 1);
    }
    copy->depth--;
    return MW_OK;
}

static mw_status copy_value(struct copy *copy, int index)
{
    lua_State *from = copy->from, *to = copy->to;
    size_t length;
    const char *text;
    switch (lua_type(from, index)) {
    case LUA_TNIL:
        lua_pushnil(to);
        return MW_OK;
    case LUA_TBOOLEAN:
        lua_pushboolean(to, lua_toboolean(from, index));
        return MW_OK;
    case LUA_TNUMBER:
        if (lua_isinteger(from, index))
            lua_pushinteger(to, lua_tointeger(from, index));
        else
            lua_pushnumber(to, lua_tonumber(from, index));
        return MW_OK;
    case LUA_TSTRING:
        text = lua_tolstring(from, index, &length);
        lua_pushlstring(to, text, length);
        return MW_OK;
    case LUA_TTABLE:
        return copy_table(copy, index);
    default:
        return mw_fail(copy->err, MW_EINVAL,
                       "a %s cannot be copied, only nil, booleans, numbers, strings and tables",
                       luaL_typename(from, index));
    }
}

/* Runs on `to`: (copy[, value when the states are the same]) -> value */
static int run_copy(lua_State *L)
{
    struct copy *copy = lua_touserdata(L, 1);
    if (copy->from == L)
        copy->index = 2;
    copy->status = copy_value(copy, copy->index);
    return copy->status == MW_OK ? 1 : 0;
}

mw_status mw_vm_copy_value(lua_State *from, int index, lua_State *to, struct mw_error *err)
{
    struct copy copy = {
        .from = from, .to = to, .index = lua_absindex(from, index), .status = MW_OK, .err = err};
    int from_top = lua_gettop(from), to_top = lua_gettop(to);
    if (!lua_checkstack(to, 4))
        return mw_fail(err, MW_EINVAL, "not enough memory");
    lua_pushcfunction(to, run_copy);
    lua_pushlightuserdata(to, &copy);
    if (from == to)
        lua_pushvalue(to, copy.index);
    mw_status status = mw_call(to, from == to ? 2 : 1, 1, MW_EINVAL, err);
    if (from != to)
        lua_settop(from, from_top);
    if (status == MW_OK)
        status = copy.status;
    if (status != MW_OK)
        lua_settop(to, to_top);
    return status;
}
