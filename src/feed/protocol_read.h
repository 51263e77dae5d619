/* protocol_read.h - reading one thing of a protocol's table: a key, a path, a pattern, a time.
 *
 * Each raises a Lua error that begins with the place in the table and says what was meant. `index`
 * is the table's, `place` its name ("candles"), `key` what is read in it. What is read in part
 * belongs to the struct it is read into.
 *
 * Threads: the thread that loads the protocol.
 */
#ifndef MW_FEED_PROTOCOL_READ_H
#define MW_FEED_PROTOCOL_READ_H

#include <lua.h>

#include "feed/protocol.h"

/* Unless every key of the table is one of `names`. */
void mw_protocol_check_keys(lua_State *L, int index, const char *place, const char *const *names,
                            size_t count);

/* Pushes table[key] and raises unless it has `type`, or is nil and not required. Returns whether
 * there is a value; nil is popped. */
bool mw_protocol_get_field(lua_State *L, int index, const char *place, const char *key, int type,
                           bool required);

/* Pushes table[key], which may be nil or a list of 1 to `count_max`. Returns how many it has; nil
 * is 0 and popped. `what` are its entries. */
lua_Integer mw_protocol_get_list(lua_State *L, int index, const char *place, const char *key,
                                 lua_Integer count_max, const char *what);

/* A whole number from 1 to `maximum`; 0 where there is none. */
uint32_t mw_protocol_get_count(lua_State *L, int index, const char *place, const char *key,
                               uint32_t maximum);

/* A span as text ("20s"), at most `maximum_ms`; 0 where there is none. */
int64_t mw_protocol_get_duration(lua_State *L, int index, const char *place, const char *key,
                                 int64_t maximum_ms);

/* "a.b.c". `place` is the whole place here. */
void mw_protocol_read_path(lua_State *L, const char *place, const char *text, struct mw_path *path);

/* What a place may be besides a path or a list of paths. */
enum {
    MW_PLACE_REQUIRED = 1,
    MW_PLACE_ELEMENT = 2, /* the number of an element of a row */
    MW_PLACE_UNIT = 4,    /* the list may have a key `unit`, which is read elsewhere */
};
void mw_protocol_read_place(lua_State *L, int index, const char *place, const char *key,
                            unsigned flags, struct mw_locator *locator);

/* `when` of the table. */
void mw_protocol_read_when(lua_State *L, int index, const char *place, struct mw_pattern *pattern);

/* The list of replies under `key`, where there is one; as `id`, `message` and `code` of each. */
void mw_protocol_read_replies(lua_State *L, int index, const char *place, const char *key,
                              struct mw_reply_pattern *replies, uint32_t *count);

#endif
