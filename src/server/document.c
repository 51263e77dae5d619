/* document.c - jansson behind the names of this house. */
#include "server/document.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum { QUOTED_BYTES_MAX = 200 };

/* A struct mw_document is a json_t; nothing else knows. */
static struct mw_document *wrap(json_t *json)
{
    return (struct mw_document *)(void *)json;
}

/* jansson's getters take const but its macros do not all keep it. */
static json_t *unwrap(const struct mw_document *json)
{
    union {
        const struct mw_document *from;
        json_t *to;
    } same = {.from = json};
    return same.to;
}

mw_status mw_document_read(const char *text, size_t length, struct mw_document **out,
                           struct mw_error *err)
{
    json_error_t error;
    json_t *json = json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (json == NULL)
        return mw_fail(err, MW_EPARSE, "not JSON: %s", error.text);
    *out = wrap(json);
    return MW_OK;
}

void mw_document_free(struct mw_document *json)
{
    json_decref(unwrap(json));
}

const struct mw_document *mw_document_find(const struct mw_document *json, const char *key)
{
    return json != NULL ? wrap(json_object_get(unwrap(json), key)) : NULL;
}

int64_t mw_document_count(const struct mw_document *json)
{
    return json_is_array(unwrap(json)) ? (int64_t)json_array_size(unwrap(json)) : -1;
}

const struct mw_document *mw_document_element(const struct mw_document *array, size_t index)
{
    return wrap(json_array_get(unwrap(array), index));
}

const char *mw_document_string(const struct mw_document *json)
{
    return json != NULL ? json_string_value(unwrap(json)) : NULL;
}

bool mw_document_is_integer(const struct mw_document *json)
{
    return json_is_integer(unwrap(json));
}

bool mw_document_is_null(const struct mw_document *json)
{
    return json_is_null(unwrap(json));
}

bool mw_document_is_object(const struct mw_document *json)
{
    return json_is_object(unwrap(json));
}

static int add_piece(const char *piece, size_t length, void *user)
{
    return mw_str_add(user, piece, length) ? 0 : -1;
}

bool mw_document_write(const struct mw_document *json, struct mw_str *out)
{
    return json_dump_callback(unwrap(json), add_piece, out, JSON_COMPACT | JSON_ENCODE_ANY) == 0;
}

bool mw_document_quote(const char *text, struct mw_str *out)
{
    size_t length = strnlen(text, QUOTED_BYTES_MAX);
    while (length > 0 && text[length] != '\0' && ((unsigned char)text[length] & 0xc0) == 0x80)
        length--; /* never in the middle of a character */
    json_t *string = json_stringn(text, length);
    if (string == NULL)
        string = json_string("?"); /* not UTF-8 */
    bool good = json_dump_callback(string, add_piece, out, JSON_COMPACT | JSON_ENCODE_ANY) == 0;
    json_decref(string);
    return good;
}
