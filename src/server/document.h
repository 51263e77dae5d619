/* document.h - the little JSON that a server reads from its clients, strictly; by way of jansson.
 *
 * Threads: a value belongs to its owner.
 */
#ifndef MW_SERVER_DOCUMENT_H
#define MW_SERVER_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/str.h"

struct mw_document; /* opaque: any JSON value */

/* Reads one document: RFC 8259, UTF-8, no duplicate keys, no NUL in strings. `*out` is owned by the
 * caller (mw_document_free); what is found inside is borrowed until then. Errors: MW_EPARSE. */
MW_MUST_USE mw_status mw_document_read(const char *text, size_t length, struct mw_document **out,
                                       struct mw_error *err);
void mw_document_free(struct mw_document *json);

/* The member `key`, or NULL when there is none or `json` (may be NULL) is no object. */
const struct mw_document *mw_document_find(const struct mw_document *json, const char *key);
/* How many elements an array has, or -1 when `json` (may be NULL) is none. */
int64_t mw_document_count(const struct mw_document *json);
const struct mw_document *mw_document_element(const struct mw_document *array, size_t index);
/* The string that `json` (may be NULL) is, or NULL when it is none. */
const char *mw_document_string(const struct mw_document *json);
bool mw_document_is_integer(const struct mw_document *json);
bool mw_document_is_null(const struct mw_document *json);
bool mw_document_is_object(const struct mw_document *json);

/* Adds `json` as compact text. False when it does not fit. */
bool mw_document_write(const struct mw_document *json, struct mw_str *out);
/* Adds `text` in quotes, escaped, cut short past 200 bytes. False when it does not fit. */
bool mw_document_quote(const char *text, struct mw_str *out);

#endif
