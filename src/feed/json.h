/* json.h - the one place that knows simdjson: validated JSON, and values found by path.
 *
 * Threads: the owner's.
 */
#ifndef MW_FEED_JSON_H
#define MW_FEED_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "feed/protocol.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mw_json; /* opaque; keeps its buffers from one message to the next */

struct mw_json *mw_json_new(void);
void mw_json_free(struct mw_json *json);

typedef enum mw_json_result { MW_JSON_OK, MW_JSON_NOT_UTF8, MW_JSON_NOT_JSON } mw_json_result;

/* Parses a whole message, which MW_MESSAGE_PADDING readable bytes follow. What was found in the
 * message before is gone. */
mw_json_result mw_json_parse(struct mw_json *json, const char *data, size_t length);

struct mw_json_value {
    enum {
        MW_JSON_NULL,
        MW_JSON_BOOLEAN,
        MW_JSON_INTEGER, /* a number token without point and exponent that fits int64_t */
        MW_JSON_NUMBER,
        MW_JSON_TEXT,
        MW_JSON_OTHER, /* an object or array */
    } kind;
    bool boolean;
    int64_t integer;
    double number;    /* for integers too */
    const char *text; /* unescaped; borrowed until the next parse */
    size_t length;
};

/* Finds the value at `path`. False when a key or element is missing, or what is on the way is of
 * another kind. */
bool mw_json_find(const struct mw_json *json, const struct mw_path *path,
                  struct mw_json_value *value);

/* The rows of a message: the elements of the array at `path`, or the one object that is there in
 * place of it. False when nothing is there, or something else. */
bool mw_json_begin_rows(struct mw_json *json, const struct mw_path *path);
/* Makes the next row, the first at first, the one that is looked in. False at the end. */
bool mw_json_next_row(struct mw_json *json);
/* As mw_json_find, from the row. */
bool mw_json_find_in_row(const struct mw_json *json, const struct mw_path *path,
                         struct mw_json_value *value);

#ifdef __cplusplus
}
#endif

#endif
