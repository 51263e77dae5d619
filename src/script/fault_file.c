/* fault_file.c - the keys of a fault, and the file around them. */
#include "script/fault_file.h"

#include <stdio.h>
#include <string.h>

#include <lauxlib.h>

#include "base/check.h"
#include "base/str.h"
#include "script/call.h"
#include "script/settings_check.h"
#include "script/vm.h"

static mw_status read_kind_name(struct mw_reader *reader, mw_sabotage_kind *kind,
                                struct mw_error *err)
{
    const char *text = NULL, *names[MW_SABOTAGE_KIND_COUNT];
    mw_status status = mw_reader_text(reader, 1, 64, &text, err);
    if (status != MW_OK)
        return status;
    int found = mw_sabotage_find(text);
    if (found >= 0) {
        *kind = (mw_sabotage_kind)found;
        return MW_OK;
    }
    for (int i = 0; i < MW_SABOTAGE_KIND_COUNT; i++)
        names[i] = mw_sabotage_text((mw_sabotage_kind)i);
    const char *nearest = mw_nearest_name(text, names, MW_COUNT(names));
    if (nearest != NULL)
        return mw_reader_refuse(reader, err, "no such kind, did you mean %s?", nearest);
    return mw_reader_refuse(reader, err, "want a kind of fault, such as reset");
}

/* Comes first: what the other keys may be depends on it. */
static mw_status read_kind(struct mw_reader *reader, const struct mw_key *key, void *target,
                           struct mw_error *err)
{
    (void)key;
    mw_sabotage_kind kind;
    mw_status status = read_kind_name(reader, &kind, err);
    if (status == MW_OK)
        mw_sabotage_init(target, kind);
    return status;
}

/* Refuses a field that the kind does not read. */
static mw_status check_field(struct mw_reader *reader, const struct mw_key *key,
                             const struct mw_sabotage *sabotage, unsigned field,
                             struct mw_error *err)
{
    if ((mw_sabotage_fields(sabotage->kind) & field) != 0)
        return MW_OK;
    return mw_reader_fail(reader, err, "%s has no %s", mw_sabotage_text(sabotage->kind), key->name);
}

static mw_status read_symbol(struct mw_reader *reader, const struct mw_key *key, void *target,
                             struct mw_error *err)
{
    struct mw_sabotage *sabotage = target;
    const char *text = NULL;
    mw_status status = check_field(reader, key, sabotage, MW_SABOTAGE_HAS_SYMBOL, err);
    if (status == MW_OK)
        status = mw_reader_text(reader, 1, MW_SYMBOL_BYTES_MAX, &text, err);
    if (status == MW_OK)
        snprintf(sabotage->symbol, sizeof(sabotage->symbol), "%s", text);
    return status;
}

static mw_status read_duration(struct mw_reader *reader, const struct mw_key *key, void *target,
                               struct mw_error *err)
{
    struct mw_sabotage *sabotage = target;
    struct mw_key bounded = *key;
    mw_status status = check_field(reader, key, sabotage, MW_SABOTAGE_HAS_DURATION, err);
    if (sabotage->kind == MW_SABOTAGE_CLOCK_JUMP)
        bounded.least = -bounded.most; /* back */
    return status == MW_OK ? mw_setting_ms(reader, &bounded, target, err) : status;
}

static mw_status read_count(struct mw_reader *reader, const struct mw_key *key, void *target,
                            struct mw_error *err)
{
    mw_status status = check_field(reader, key, target, MW_SABOTAGE_HAS_COUNT, err);
    return status == MW_OK ? mw_setting_uint32(reader, key, target, err) : status;
}

static mw_status read_code(struct mw_reader *reader, const struct mw_key *key, void *target,
                           struct mw_error *err)
{
    struct mw_sabotage *sabotage = target;
    bool close = sabotage->kind == MW_SABOTAGE_CLOSE || sabotage->kind == MW_SABOTAGE_NOTICE;
    uint32_t code = 0;
    struct mw_key bounded = *key;
    bounded.least = close ? 1000 : 200;
    bounded.most = close ? 4999 : 599;
    bounded.offset = 0;
    mw_status status = check_field(reader, key, sabotage, MW_SABOTAGE_HAS_CODE, err);
    if (status == MW_OK)
        status = mw_setting_uint32(reader, &bounded, &code, err);
    if (status == MW_OK && close && ((code >= 1004 && code <= 1006) || code == 1015))
        return mw_reader_refuse(reader, err, "want a code that may be sent");
    if (status == MW_OK)
        sabotage->code = (uint16_t)code;
    return status;
}

#define FAULT(field) offsetof(struct mw_sabotage, field)

static const struct mw_key fault_keys[] = {
    {"kind", read_kind, 0, 0, 0, NULL, MW_SHOW_VALUE},
    {"at", mw_setting_ms, FAULT(at_ms), 0, (double)MW_SABOTAGE_MS_MAX, NULL, MW_SHOW_VALUE},
    {"after", mw_setting_uint32, FAULT(after), 0, 1e9, NULL, MW_SHOW_VALUE},
    {"chance", mw_setting_double, FAULT(chance), 0, 1, NULL, MW_SHOW_VALUE},
    {"times", mw_setting_uint32, FAULT(times), 0, 1e9, NULL, MW_SHOW_VALUE},
    {"symbol", read_symbol, 0, 0, 0, NULL, MW_SHOW_VALUE},
    {"duration", read_duration, FAULT(duration_ms), 0, (double)MW_SABOTAGE_MS_MAX, NULL,
     MW_SHOW_VALUE},
    {"count", read_count, FAULT(count), 1, MW_SABOTAGE_COUNT_MAX, NULL, MW_SHOW_VALUE},
    {"code", read_code, 0, 0, 0, NULL, MW_SHOW_VALUE},
    MW_KEYS_END,
};

static mw_status read_fault(struct mw_reader *reader, void *plan, struct mw_error *err)
{
    struct mw_sabotage sabotage;
    mw_sabotage_init(&sabotage, MW_SABOTAGE_RESET);
    if (lua_istable(reader->L, -1) && !mw_reader_has(reader, "kind"))
        return mw_reader_fail(reader, err, "want a kind");
    mw_status status = mw_reader_keys(reader, fault_keys, &sabotage, err);
    return status == MW_OK ? mw_fault_plan_add(plan, &sabotage, err) : status;
}

/* The entries at positions, next to the keys that are names. */
static mw_status read_faults(struct mw_reader *reader, const struct mw_key *key, void *target,
                             struct mw_error *err)
{
    lua_State *L = reader->L;
    lua_Integer entries = 0, last = 0;
    (void)key;
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        lua_pop(L, 1);
        if (!lua_isinteger(L, -1))
            continue;
        lua_Integer position = lua_tointeger(L, -1);
        last = position > last ? position : last;
        entries += position > 0 ? 1 : MW_SABOTAGES_MAX + 1;
    }
    if (entries > MW_SABOTAGES_MAX)
        return mw_reader_fail(reader, err, "want at most %d faults", MW_SABOTAGES_MAX);
    if (last != entries)
        return mw_reader_fail(reader, err, "want faults without holes, got %lld up to [%lld]",
                              (long long)entries, (long long)last);
    return mw_reader_each(reader, (uint32_t)entries, read_fault, target, err);
}

static mw_status read_random_kind(struct mw_reader *reader, void *plan, struct mw_error *err)
{
    mw_sabotage_kind kind;
    mw_status status = read_kind_name(reader, &kind, err);
    if (status == MW_OK)
        ((struct mw_fault_plan *)plan)->at_random[kind] = true;
    return status;
}

static mw_status read_random_kinds(struct mw_reader *reader, const struct mw_key *key, void *target,
                                   struct mw_error *err)
{
    struct mw_fault_plan *plan = target;
    uint32_t count = 0;
    mw_status status = mw_reader_count(reader, key->least, key->most, &count, err);
    memset(plan->at_random, 0, sizeof(plan->at_random));
    return status == MW_OK ? mw_reader_each(reader, count, read_random_kind, plan, err) : status;
}

#define PLAN(field) offsetof(struct mw_fault_plan, field)

static const struct mw_key random_keys[] = {
    {"rate", mw_setting_double, PLAN(rate), 0.001, 1000, NULL, MW_SHOW_VALUE},
    {"kinds", read_random_kinds, 0, 1, MW_SABOTAGE_KIND_COUNT, NULL, MW_SHOW_VALUE},
    MW_KEYS_END,
};

/* Without kinds they are all meant. */
static mw_status read_random(struct mw_reader *reader, const struct mw_key *key, void *target,
                             struct mw_error *err)
{
    struct mw_fault_plan *plan = target;
    (void)key;
    if (lua_istable(reader->L, -1) && !mw_reader_has(reader, "rate"))
        return mw_reader_fail(reader, err, "want a rate");
    for (int i = 0; i < MW_SABOTAGE_KIND_COUNT; i++)
        plan->at_random[i] = true;
    return mw_reader_keys(reader, random_keys, target, err);
}

static const struct mw_key plan_keys[] = {
    {"seed", mw_setting_uint64, PLAN(seed), 0, 9007199254740992.0, NULL, MW_SHOW_VALUE},
    {"random", read_random, 0, 0, 0, NULL, MW_SHOW_VALUE},
    {MW_KEY_LIST_PART, read_faults, 0, 0, 0, NULL, MW_SHOW_VALUE},
    MW_KEYS_END,
};

static mw_status run(struct mw_vm *vm, const char *path, struct mw_fault_plan *plan,
                     struct mw_error *err)
{
    lua_State *L = mw_vm_state(vm);
    mw_status status = mw_vm_load_file(L, path, MW_ECONFIG, err);
    if (status != MW_OK)
        return status;
    mw_vm_limit_time(vm, MW_LOAD_MS_MAX);
    status = mw_call(L, 0, 1, MW_ECONFIG, err);
    mw_vm_limit_time(vm, 0);
    if (status != MW_OK)
        return status;
    if (!lua_checkstack(L, MW_READER_SLOTS))
        return mw_fail(err, MW_ECONFIG, "%s: not enough memory", path);
    char place[MW_ERROR_MESSAGE_BYTES];
    snprintf(place, sizeof(place), "%.256s: ", path);
    struct mw_reader reader;
    mw_reader_init(&reader, L, L, ".", place);
    return mw_reader_keys(&reader, plan_keys, plan, err);
}

mw_status mw_fault_file_load(const char *path, struct mw_fault_plan *plan, struct mw_error *err)
{
    const struct mw_vm_options options = {.bytes_max = MW_LUA_BYTES_DEFAULT};
    struct mw_fault_plan read = MW_FAULT_PLAN_INIT;
    struct mw_vm *vm = NULL;
    mw_status status = mw_vm_new(&options, &vm, err);
    if (status == MW_OK)
        status = run(vm, path, &read, err);
    mw_vm_free(vm);
    if (status == MW_OK) {
        *plan = read;
        return MW_OK;
    }
    mw_fault_plan_deinit(&read);
    status = status == MW_EIO ? MW_EIO : MW_ECONFIG;
    if (err != NULL)
        err->status = status;
    return status;
}
