/* settings_fields.c - readers of numbers, spans, texts and paths. */
#include <math.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"
#include "script/settings_check.h"

static void *field_of(const struct mw_key *key, void *target)
{
    return (char *)target + key->offset;
}

mw_status mw_setting_table(struct mw_reader *reader, const struct mw_key *key, void *target,
                           struct mw_error *err)
{
    return mw_reader_keys(reader, key->keys, field_of(key, target), err);
}

static mw_status read_whole(struct mw_reader *reader, const struct mw_key *key, lua_Integer *value,
                            struct mw_error *err)
{
    int whole = 0;
    lua_Integer number = 0;
    if (lua_type(reader->L, -1) == LUA_TNUMBER)
        number = lua_tointegerx(reader->L, -1, &whole);
    if (!whole || (double)number < key->least || (double)number > key->most)
        return mw_reader_refuse(reader, err, "want a whole number from %.0f to %.0f", key->least,
                                key->most);
    *value = number;
    return MW_OK;
}

mw_status mw_setting_uint32(struct mw_reader *reader, const struct mw_key *key, void *target,
                            struct mw_error *err)
{
    lua_Integer value = 0;
    mw_status status = read_whole(reader, key, &value, err);
    if (status == MW_OK)
        *(uint32_t *)field_of(key, target) = (uint32_t)value;
    return status;
}

mw_status mw_setting_uint64(struct mw_reader *reader, const struct mw_key *key, void *target,
                            struct mw_error *err)
{
    lua_Integer value = 0;
    mw_status status = read_whole(reader, key, &value, err);
    if (status == MW_OK)
        *(uint64_t *)field_of(key, target) = (uint64_t)value;
    return status;
}

mw_status mw_setting_size(struct mw_reader *reader, const struct mw_key *key, void *target,
                          struct mw_error *err)
{
    lua_Integer value = 0;
    mw_status status = read_whole(reader, key, &value, err);
    if (status == MW_OK)
        *(size_t *)field_of(key, target) = (size_t)value;
    return status;
}

mw_status mw_setting_double(struct mw_reader *reader, const struct mw_key *key, void *target,
                            struct mw_error *err)
{
    double value = (double)NAN;
    if (lua_type(reader->L, -1) == LUA_TNUMBER)
        value = lua_tonumber(reader->L, -1);
    if (!(value >= key->least && value <= key->most))
        return mw_reader_refuse(reader, err, "want a number from %g to %g", key->least, key->most);
    *(double *)field_of(key, target) = value;
    return MW_OK;
}

static mw_status read_span(struct mw_reader *reader, const struct mw_key *key, double *span_ms,
                           struct mw_error *err)
{
    double value = (double)NAN;
    int64_t text_ms = 0;
    int type = lua_type(reader->L, -1);
    if (type == LUA_TNUMBER)
        value = lua_tonumber(reader->L, -1) * MW_MS_PER_SECOND;
    else if (type == LUA_TSTRING &&
             mw_duration_parse(lua_tostring(reader->L, -1), &text_ms, NULL) == MW_OK)
        value = (double)text_ms;
    if (!(value >= key->least && value <= key->most))
        return mw_reader_refuse(reader, err,
                                "want seconds from %g to %g, or a duration like \"250ms\"",
                                key->least / MW_MS_PER_SECOND, key->most / MW_MS_PER_SECOND);
    *span_ms = value;
    return MW_OK;
}

mw_status mw_setting_bool(struct mw_reader *reader, const struct mw_key *key, void *target,
                          struct mw_error *err)
{
    if (!lua_isboolean(reader->L, -1))
        return mw_reader_refuse(reader, err, "want true or false");
    *(bool *)field_of(key, target) = lua_toboolean(reader->L, -1);
    return MW_OK;
}

mw_status mw_setting_ms(struct mw_reader *reader, const struct mw_key *key, void *target,
                        struct mw_error *err)
{
    double span_ms = 0;
    mw_status status = read_span(reader, key, &span_ms, err);
    if (status == MW_OK)
        *(int64_t *)field_of(key, target) = llround(span_ms);
    return status;
}

mw_status mw_setting_seconds(struct mw_reader *reader, const struct mw_key *key, void *target,
                             struct mw_error *err)
{
    double span_ms = 0;
    mw_status status = read_span(reader, key, &span_ms, err);
    if (status == MW_OK)
        *(double *)field_of(key, target) = span_ms / MW_MS_PER_SECOND;
    return status;
}

static void replace_text(const struct mw_key *key, void *target, char *owned)
{
    char **field = field_of(key, target);
    mw_free(*field);
    *field = owned;
}

mw_status mw_setting_text(struct mw_reader *reader, const struct mw_key *key, void *target,
                          struct mw_error *err)
{
    const char *text = NULL;
    mw_status status = mw_reader_text(reader, key->least, key->most, &text, err);
    if (status == MW_OK)
        replace_text(key, target, mw_strdup(text));
    return status;
}

mw_status mw_setting_path(struct mw_reader *reader, const struct mw_key *key, void *target,
                          struct mw_error *err)
{
    const char *text = NULL;
    mw_status status = mw_reader_text(reader, 1, MW_PATH_BYTES_MAX, &text, err);
    if (status == MW_OK)
        replace_text(key, target, mw_reader_resolve(reader, text));
    return status;
}
