/* settings_check.h - reads a Lua table into a struct, key by key, as a table of keys says.
 *
 *     static const struct mw_key cache_keys[] = {
 *         {"bars", mw_setting_uint32, offsetof(struct mw_settings, cache_bars), 1, 1000, ...},
 *         MW_KEYS_END,
 *     };
 *
 * A reader walks through the Lua value and knows its place in it, for the messages:
 *
 *     config.lua: feeds[1].symbol = "BTCUSDT": no such key, did you mean symbols?
 *
 * Every function named mw_setting_... is a mw_key_fn: it reads the value on top of the reader's
 * stack, leaves it there and sets the field at `key->offset` of `target`. What the field held is
 * freed.
 *
 * Nothing here raises a Lua error: values are taken from where they are, without metamethods and
 * without making new ones. So what was read can be held in plain memory. The stack needs
 * MW_READER_SLOTS free slots.
 *
 * Threads: the thread that owns the lua_State.
 */
#ifndef MW_SCRIPT_SETTINGS_CHECK_H
#define MW_SCRIPT_SETTINGS_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lua.h>

#include "base/status.h"

enum {
    MW_READER_SLOTS = 40,     /* five levels of nesting, three slots each, and room */
    MW_VALUE_TEXT_BYTES = 80, /* a value as shown: 40 bytes of it, quotes and dots */
};

/* How much of a wrong value is shown. */
enum mw_key_show {
    MW_SHOW_VALUE,
    MW_SHOW_URL,    /* without user, password and query */
    MW_SHOW_NOTHING /* a secret */
};

struct mw_reader {
    lua_State *L;          /* borrows; the value being read is on top of its stack */
    lua_State *home;       /* borrows; the state that keeps tables; may be the same one */
    const char *folder;    /* borrows; what relative paths are relative to */
    enum mw_key_show show; /* of the key being read */
    size_t place_length;
    char place[MW_ERROR_MESSAGE_BYTES]; /* "config.lua: feeds[1].name", cut where it ends */
};

struct mw_key;
typedef mw_status (*mw_key_fn)(struct mw_reader *reader, const struct mw_key *key, void *target,
                               struct mw_error *err);

struct mw_key {
    const char *name; /* NULL ends a table of keys */
    mw_key_fn read;
    size_t offset;      /* of the field in the target; 0 for readers that know their struct */
    double least, most; /* a number, the bytes of a text, the entries of a list */
    const struct mw_key *keys; /* of a nested table; NULL for others */
    enum mw_key_show show;
};

/* The name of a key that stands for the entries at positions 1, 2, ... of the table itself; its
 * reader finds the table on top. */
#define MW_KEY_LIST_PART "[]"

#define MW_KEYS_END                                                                                \
    {                                                                                              \
        NULL, NULL, 0, 0, 0, NULL, MW_SHOW_VALUE                                                   \
    }

void mw_reader_init(struct mw_reader *reader, lua_State *L, lua_State *home, const char *folder,
                    const char *place);

/* Fails with the place, the value on top of the stack as far as it may be shown, and what was
 * wanted: `format` begins with "want". Returns MW_ECONFIG. */
mw_status mw_reader_refuse(struct mw_reader *reader, struct mw_error *err, const char *format, ...)
    MW_PRINTF(3, 4);

/* Fails with the place and `format`, without a value. */
mw_status mw_reader_fail(struct mw_reader *reader, struct mw_error *err, const char *format, ...)
    MW_PRINTF(3, 4);

/* Reads every key of the table on top that `keys` names, in that order, into `target`. Refuses what
 * is no table, and keys that `keys` does not name. */
MW_MUST_USE mw_status mw_reader_keys(struct mw_reader *reader, const struct mw_key *keys,
                                     void *target, struct mw_error *err);

/* Whether the table on top has a value under `name`. */
bool mw_reader_has(struct mw_reader *reader, const char *name);

/* Counts the entries of the list on top, least..most of them. Refuses what is no table, keys that
 * are not positions, and holes. */
MW_MUST_USE mw_status mw_reader_count(struct mw_reader *reader, double least, double most,
                                      uint32_t *count, struct mw_error *err);

/* Steps to entry `position` (from 1) of the list on top: pushes it. Returns the mark for
 * mw_reader_leave, which pops it. */
size_t mw_reader_enter(struct mw_reader *reader, uint32_t position);
void mw_reader_leave(struct mw_reader *reader, size_t mark);

/* Reads the `count` entries of the list on top, in order and up to the first that fails: each is on
 * top while `read` is called. */
typedef mw_status (*mw_entry_fn)(struct mw_reader *reader, void *user, struct mw_error *err);
MW_MUST_USE mw_status mw_reader_each(struct mw_reader *reader, uint32_t count, mw_entry_fn read,
                                     void *user, struct mw_error *err);

/* Adds `name` to the place, for a value that was found otherwise, and takes it away again. */
size_t mw_reader_extend(struct mw_reader *reader, const char *name);
void mw_reader_restore(struct mw_reader *reader, size_t mark);

/* mw_reader_enter for the value under `name` of the table on top; false, and nothing pushed, when
 * there is none. */
bool mw_reader_enter_key(struct mw_reader *reader, const char *name, size_t *mark);

/* The text on top, borrowed until it is popped: least..most bytes, none of them a control
 * character. */
MW_MUST_USE mw_status mw_reader_text(struct mw_reader *reader, double least, double most,
                                     const char **text, struct mw_error *err);

/* `path` as seen from the folder of the configuration. Returns owned. */
char *mw_reader_resolve(const struct mw_reader *reader, const char *path);

/* Whether `name` is 1..most letters, digits, '_', '-' and '.'. */
bool mw_name_is_valid(const char *name, size_t most);

/* A table of `key->keys`, into the struct at the offset. */
MW_MUST_USE mw_status mw_setting_table(struct mw_reader *reader, const struct mw_key *key,
                                       void *target, struct mw_error *err);
/* Whole numbers; 10.0 is one. */
MW_MUST_USE mw_status mw_setting_uint32(struct mw_reader *reader, const struct mw_key *key,
                                        void *target, struct mw_error *err);
MW_MUST_USE mw_status mw_setting_uint64(struct mw_reader *reader, const struct mw_key *key,
                                        void *target, struct mw_error *err);
MW_MUST_USE mw_status mw_setting_size(struct mw_reader *reader, const struct mw_key *key,
                                      void *target, struct mw_error *err);
MW_MUST_USE mw_status mw_setting_double(struct mw_reader *reader, const struct mw_key *key,
                                        void *target, struct mw_error *err);
MW_MUST_USE mw_status mw_setting_bool(struct mw_reader *reader, const struct mw_key *key,
                                      void *target, struct mw_error *err);
/* Seconds, or a duration as text ("250ms"), into an int64_t of milliseconds or a double of seconds;
 * the key's range is in milliseconds. */
MW_MUST_USE mw_status mw_setting_ms(struct mw_reader *reader, const struct mw_key *key,
                                    void *target, struct mw_error *err);
MW_MUST_USE mw_status mw_setting_seconds(struct mw_reader *reader, const struct mw_key *key,
                                         void *target, struct mw_error *err);
/* Text into a char * that the struct owns, and the same for a path, resolved. */
MW_MUST_USE mw_status mw_setting_text(struct mw_reader *reader, const struct mw_key *key,
                                      void *target, struct mw_error *err);
MW_MUST_USE mw_status mw_setting_path(struct mw_reader *reader, const struct mw_key *key,
                                      void *target, struct mw_error *err);

#endif
