/* str.h - a growable byte string with a maximum.
 *
 * `data` is always followed by a NUL once anything was added. Every string is made with the most it
 * may ever hold; adding past that fails and leaves it as it was.
 *
 *     struct mw_str line = MW_STR_INIT(4096);
 *     mw_str_addf(&line, "%s %d", name, count);
 *     ...
 *     mw_str_deinit(&line);
 *
 * Threads: the owner's.
 */
#ifndef MW_BASE_STR_H
#define MW_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct mw_str {
    char *data; /* owns; NULL until something is added */
    size_t length, capacity, length_max;
    bool cut; /* something was not added since it was made or cleared */
};

#define MW_STR_INIT(maximum)                                                                       \
    {                                                                                              \
        .data = NULL, .length = 0, .capacity = 0, .length_max = (maximum), .cut = false            \
    }

void mw_str_deinit(struct mw_str *str);
/* Empties it and keeps the memory. */
void mw_str_clear(struct mw_str *str);
/* Adds `length` bytes. False, and nothing added, when the maximum would be passed. */
bool mw_str_add(struct mw_str *str, const char *bytes, size_t length);
bool mw_str_adds(struct mw_str *str, const char *text);
bool mw_str_addf(struct mw_str *str, const char *format, ...) MW_PRINTF(2, 3);
/* Removes the first `length` bytes. */
void mw_str_drop(struct mw_str *str, size_t length);

/* Bytes of the UTF-8 character that `text` begins with, of `length` bytes; 0 when it is none. */
size_t mw_utf8_length(const char *text, size_t length);

/* Reads a whole file of at most `str->length_max` bytes into `str`. Errors: MW_EIO, MW_ELIMIT. */
MW_MUST_USE mw_status mw_str_read_file(struct mw_str *str, const char *path, struct mw_error *err);

/* "" for 1, else "s". */
const char *mw_plural(uint64_t count);

/* A copy of `text`, owned by the caller, or NULL for NULL. */
char *mw_text_copy(const char *text);

/* Frees a list of texts and what is in it, and leaves it empty. */
void mw_texts_free(char ***texts, uint32_t *count);

/* The one of `count` names nearest to `text` by edit distance, or NULL when none is near (more than
 * a third of its letters off, at least two allowed, and something of the name kept). For "did you
 * mean". */
const char *mw_nearest_name(const char *text, const char *const *names, size_t count);

#endif
