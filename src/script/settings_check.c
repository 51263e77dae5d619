/* settings_check.c - places, values as shown, and the walk through tables and lists. */
#include "script/settings_check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/decimal.h"
#include "base/str.h"

enum {
    SHOWN_BYTES_MAX = 40,
    KEYS_MAX = 32, /* in one table */
};

void mw_reader_init(struct mw_reader *reader, lua_State *L, lua_State *home, const char *folder,
                    const char *place)
{
    *reader = (struct mw_reader){.L = L, .home = home, .folder = folder, .show = MW_SHOW_VALUE};
    snprintf(reader->place, sizeof(reader->place), "%s", place);
    reader->place_length = strlen(reader->place);
}

/* Adds to the place; what does not fit is cut. Returns the mark to go back to. */
static size_t MW_PRINTF(2, 3) extend_place(struct mw_reader *reader, const char *format, ...)
{
    size_t mark = reader->place_length;
    va_list args;
    va_start(args, format);
    vsnprintf(reader->place + mark, sizeof(reader->place) - mark, format, args);
    va_end(args);
    reader->place_length = mark + strlen(reader->place + mark);
    return mark;
}

static void hide_controls(char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            *text = '?';
}

size_t mw_reader_extend(struct mw_reader *reader, const char *name)
{
    bool first = reader->place_length == 0 || reader->place[reader->place_length - 1] == ' ';
    size_t mark = extend_place(reader, "%s%.*s", first ? "" : ".", SHOWN_BYTES_MAX, name);
    hide_controls(reader->place + mark);
    return mark;
}

void mw_reader_restore(struct mw_reader *reader, size_t mark)
{
    reader->place_length = mark;
    reader->place[mark] = '\0';
}

/* The place for a message: without the colon and the blank that end a bare file name. */
static int place_bytes(const struct mw_reader *reader)
{
    size_t length = reader->place_length;
    if (length >= 2 && reader->place[length - 1] == ' ')
        length -= 2;
    return (int)length;
}

/* Writes the value on top as a person would: false for what is only named by its type. */
static bool show_value(const struct mw_reader *reader, char text[MW_VALUE_TEXT_BYTES])
{
    lua_State *L = reader->L;
    int type = lua_type(L, -1);
    if (reader->show == MW_SHOW_NOTHING && type != LUA_TNIL) {
        snprintf(text, MW_VALUE_TEXT_BYTES, "(hidden)");
    } else if (type == LUA_TSTRING) {
        const char *value = lua_tostring(L, -1);
        size_t length = strlen(value), shown = length;
        if (reader->show == MW_SHOW_URL) {
            const char *at = strchr(value, '@');
            const char *after = at != NULL ? strstr(value, "//") : NULL;
            shown = at == NULL ? strcspn(value, "?#") : 0;
            if (after != NULL && after < at)
                shown = (size_t)(after - value) + 2;
        }
        if (shown > SHOWN_BYTES_MAX)
            shown = SHOWN_BYTES_MAX;
        snprintf(text, MW_VALUE_TEXT_BYTES, "\"%.*s%s\"", (int)shown, value,
                 shown < length ? "..." : "");
        hide_controls(text);
    } else if (type == LUA_TNUMBER && lua_isinteger(L, -1)) {
        snprintf(text, MW_VALUE_TEXT_BYTES, "%lld", (long long)lua_tointeger(L, -1));
    } else if (type == LUA_TNUMBER && isnan(lua_tonumber(L, -1))) {
        snprintf(text, MW_VALUE_TEXT_BYTES, "nan"); /* whatever its sign */
    } else if (type == LUA_TNUMBER) {
        mw_decimal_format(lua_tonumber(L, -1), text);
    } else if (type == LUA_TBOOLEAN) {
        snprintf(text, MW_VALUE_TEXT_BYTES, "%s", lua_toboolean(L, -1) ? "true" : "false");
    } else {
        snprintf(text, MW_VALUE_TEXT_BYTES, "%s%s", type == LUA_TNIL ? "" : "a ",
                 lua_typename(L, type));
        return false;
    }
    return true;
}

mw_status mw_reader_refuse(struct mw_reader *reader, struct mw_error *err, const char *format, ...)
{
    char value[MW_VALUE_TEXT_BYTES], wanted[MW_ERROR_MESSAGE_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(wanted, sizeof(wanted), format, args);
    va_end(args);
    if (show_value(reader, value))
        return mw_fail(err, MW_ECONFIG, "%.*s = %s: %s", place_bytes(reader), reader->place, value,
                       wanted);
    return mw_fail(err, MW_ECONFIG, "%.*s: %s, got %s", place_bytes(reader), reader->place, wanted,
                   value);
}

mw_status mw_reader_fail(struct mw_reader *reader, struct mw_error *err, const char *format, ...)
{
    char what[MW_ERROR_MESSAGE_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    return mw_fail(err, MW_ECONFIG, "%.*s: %s", place_bytes(reader), reader->place, what);
}

/* Pushes the value under `name` of the table on top. A search rather than an index, because pushing
 * the name would make a string, which can raise. */
static bool push_field(lua_State *L, const char *name)
{
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        if (lua_type(L, -2) == LUA_TSTRING && strcmp(lua_tostring(L, -2), name) == 0) {
            lua_remove(L, -2);
            return true;
        }
        lua_pop(L, 1);
    }
    return false;
}

bool mw_reader_has(struct mw_reader *reader, const char *name)
{
    bool found = push_field(reader->L, name);
    if (found)
        lua_pop(reader->L, 1);
    return found;
}

bool mw_reader_enter_key(struct mw_reader *reader, const char *name, size_t *mark)
{
    if (!push_field(reader->L, name))
        return false;
    *mark = mw_reader_extend(reader, name);
    return true;
}

size_t mw_reader_enter(struct mw_reader *reader, uint32_t position)
{
    lua_rawgeti(reader->L, -1, position);
    return extend_place(reader, "[%u]", position);
}

void mw_reader_leave(struct mw_reader *reader, size_t mark)
{
    lua_pop(reader->L, 1);
    mw_reader_restore(reader, mark);
}

/* Fails for the key and value on top. A value is shown only next to the name that it was probably
 * meant for: it might be a secret under a mistyped name. */
static mw_status refuse_key(struct mw_reader *reader, const struct mw_key *keys,
                            struct mw_error *err)
{
    lua_State *L = reader->L;
    const char *names[KEYS_MAX];
    size_t count = 0;
    for (; keys[count].name != NULL; count++) {
        MW_CHECK(count < KEYS_MAX);
        names[count] = keys[count].name;
    }
    if (lua_type(L, -2) != LUA_TSTRING)
        return mw_reader_fail(reader, err, "want keys that are names, got a %s as a key",
                              lua_typename(L, lua_type(L, -2)));
    const char *name = lua_tostring(L, -2);
    const char *nearest = mw_nearest_name(name, names, count);
    size_t mark = mw_reader_extend(reader, name);
    char value[MW_VALUE_TEXT_BYTES];
    mw_status status;
    if (nearest == NULL) {
        status = mw_reader_fail(reader, err, "no such key");
    } else {
        for (size_t i = 0; i < count; i++)
            if (names[i] == nearest)
                reader->show = keys[i].show;
        bool shown = show_value(reader, value);
        status = mw_fail(err, MW_ECONFIG, "%s%s%s: no such key, did you mean %s?", reader->place,
                         shown ? " = " : "", shown ? value : "", nearest);
    }
    mw_reader_restore(reader, mark);
    return status;
}

static bool is_list_part(const struct mw_key *key)
{
    return strcmp(key->name, MW_KEY_LIST_PART) == 0;
}

static bool is_named(const struct mw_key *keys, lua_State *L, int index)
{
    for (; keys->name != NULL; keys++)
        if (is_list_part(keys) ? lua_isinteger(L, index)
                               : lua_type(L, index) == LUA_TSTRING &&
                                     strcmp(keys->name, lua_tostring(L, index)) == 0)
            return true;
    return false;
}

mw_status mw_reader_keys(struct mw_reader *reader, const struct mw_key *keys, void *target,
                         struct mw_error *err)
{
    lua_State *L = reader->L;
    if (!lua_istable(L, -1))
        return mw_reader_refuse(reader, err, "want a table");
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        mw_status status = is_named(keys, L, -2) ? MW_OK : refuse_key(reader, keys, err);
        lua_pop(L, status == MW_OK ? 1 : 2);
        if (status != MW_OK)
            return status;
    }
    for (; keys->name != NULL; keys++) {
        size_t mark;
        if (is_list_part(keys)) {
            mw_status status = keys->read(reader, keys, target, err);
            if (status != MW_OK)
                return status;
            continue;
        }
        if (!mw_reader_enter_key(reader, keys->name, &mark))
            continue;
        reader->show = keys->show;
        mw_status status = keys->read(reader, keys, target, err);
        reader->show = MW_SHOW_VALUE;
        mw_reader_leave(reader, mark);
        if (status != MW_OK)
            return status;
    }
    return MW_OK;
}

mw_status mw_reader_each(struct mw_reader *reader, uint32_t count, mw_entry_fn read, void *user,
                         struct mw_error *err)
{
    mw_status status = MW_OK;
    for (uint32_t i = 1; status == MW_OK && i <= count; i++) {
        size_t mark = mw_reader_enter(reader, i);
        status = read(reader, user, err);
        mw_reader_leave(reader, mark);
    }
    return status;
}

mw_status mw_reader_count(struct mw_reader *reader, double least, double most, uint32_t *count,
                          struct mw_error *err)
{
    lua_State *L = reader->L;
    if (!lua_istable(L, -1))
        return mw_reader_refuse(reader, err, "want a list");
    lua_Integer entries = 0, last = 0;
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        lua_pop(L, 1);
        if (!lua_isinteger(L, -1) || lua_tointeger(L, -1) < 1) {
            char text[MW_VALUE_TEXT_BYTES];
            show_value(reader, text); /* of the key */
            lua_pop(L, 1);
            return mw_reader_fail(reader, err, "want a list, got the key %s in it", text);
        }
        if (lua_tointeger(L, -1) > last)
            last = lua_tointeger(L, -1);
        entries++;
    }
    if ((double)entries < least || (double)entries > most)
        return mw_reader_fail(reader, err, "want a list of %.0f to %.0f entries, got %lld", least,
                              most, (long long)entries);
    if (last != entries)
        return mw_reader_fail(reader, err,
                              "want a list without holes, got %lld entries up to [%lld]",
                              (long long)entries, (long long)last);
    *count = (uint32_t)entries;
    return MW_OK;
}

mw_status mw_reader_text(struct mw_reader *reader, double least, double most, const char **text,
                         struct mw_error *err)
{
    lua_State *L = reader->L;
    size_t length = 0;
    const char *value = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &length) : NULL;
    if (value == NULL)
        return mw_reader_refuse(reader, err, "want a text");
    if ((double)length < least || (double)length > most)
        return mw_reader_refuse(reader, err, "want %.0f to %.0f bytes", least, most);
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)value[i] < ' ' || value[i] == 0x7f)
            return mw_reader_refuse(reader, err, "want no control characters");
    *text = value;
    return MW_OK;
}

char *mw_reader_resolve(const struct mw_reader *reader, const char *path)
{
    if (path[0] == '/' || strcmp(reader->folder, ".") == 0)
        return mw_strdup(path);
    size_t size = strlen(reader->folder) + 1 + strlen(path) + 1;
    char *resolved = mw_alloc(size);
    bool root = strcmp(reader->folder, "/") == 0;
    snprintf(resolved, size, "%s/%s", root ? "" : reader->folder, path);
    return resolved;
}

bool mw_name_is_valid(const char *name, size_t most)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    size_t length = strlen(name);
    return length >= 1 && length <= most && strspn(name, letters) == length;
}
