/* str.c - growable strings, file reading, nearest names. */
#include "base/str.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"

const char *mw_plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

char *mw_text_copy(const char *text)
{
    return text != NULL ? mw_strdup(text) : NULL;
}

void mw_texts_free(char ***texts, uint32_t *count)
{
    for (uint32_t i = 0; i < *count; i++)
        mw_free((*texts)[i]);
    mw_free(*texts);
    *texts = NULL;
    *count = 0;
}

void mw_str_deinit(struct mw_str *str)
{
    mw_free(str->data);
    str->data = NULL;
    str->length = str->capacity = 0;
}

void mw_str_clear(struct mw_str *str)
{
    str->length = 0;
    str->cut = false;
    if (str->data != NULL)
        str->data[0] = '\0';
}

static bool reserve(struct mw_str *str, size_t length)
{
    if (length > str->length_max - str->length) {
        str->cut = true;
        return false;
    }
    size_t wanted = str->length + length + 1;
    if (wanted <= str->capacity)
        return true;
    size_t capacity = str->capacity < 64 ? 64 : str->capacity * 2;
    str->capacity = capacity > wanted ? capacity : wanted;
    str->data = mw_realloc_array(str->data, str->capacity, 1);
    return true;
}

bool mw_str_add(struct mw_str *str, const char *bytes, size_t length)
{
    if (!reserve(str, length))
        return false;
    memcpy(str->data + str->length, bytes, length);
    str->length += length;
    str->data[str->length] = '\0';
    return true;
}

bool mw_str_adds(struct mw_str *str, const char *text)
{
    return mw_str_add(str, text, strlen(text));
}

bool mw_str_addf(struct mw_str *str, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0 || !reserve(str, (size_t)length))
        return false;
    va_start(args, format);
    vsnprintf(str->data + str->length, (size_t)length + 1, format, args);
    va_end(args);
    str->length += (size_t)length;
    return true;
}

void mw_str_drop(struct mw_str *str, size_t length)
{
    MW_CHECK(length <= str->length);
    if (length == 0)
        return;
    memmove(str->data, str->data + length, str->length - length + 1);
    str->length -= length;
}

mw_status mw_str_read_file(struct mw_str *str, const char *path, struct mw_error *err)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return mw_fail(err, MW_EIO, "%s: %s", path, strerror(errno));
    char chunk[16384];
    size_t before = str->length, got;
    mw_status status = MW_OK;
    errno = 0;
    while (status == MW_OK && (got = fread(chunk, 1, sizeof(chunk), file)) > 0)
        if (!mw_str_add(str, chunk, got))
            status = mw_fail(err, MW_ELIMIT, "%s: larger than %zu bytes", path, str->length_max);
    if (status == MW_OK && ferror(file))
        status = mw_fail(err, MW_EIO, "%s: %s", path, strerror(errno));
    if (status == MW_OK)
        mw_str_adds(str, ""); /* an empty file still gets its NUL */
    else if (str->data != NULL)
        str->data[str->length = before] = '\0';
    fclose(file);
    return status;
}

enum { NAME_BYTES_MAX = 63 };

static size_t smallest(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* Levenshtein's distance, row by row. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t row[NAME_BYTES_MAX + 1];
    size_t b_length = strlen(b);
    for (size_t j = 0; j <= b_length; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t above = row[j];
            row[j] = smallest(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[b_length];
}

const char *mw_nearest_name(const char *text, const char *const *names, size_t count)
{
    size_t length = strlen(text);
    if (length > NAME_BYTES_MAX)
        return NULL;
    size_t best_distance = length / 3 > 2 ? length / 3 + 1 : 3;
    const char *best = NULL;
    for (size_t i = 0; i < count; i++) {
        if (strlen(names[i]) > NAME_BYTES_MAX)
            continue;
        size_t distance = edit_distance(text, names[i]), name_length = strlen(names[i]);
        bool keeps_some = distance < name_length || strncmp(text, names[i], name_length) == 0;
        if (distance < best_distance && keeps_some) {
            best_distance = distance;
            best = names[i];
        }
    }
    return best;
}

/* RFC 3629; no overlong forms, no surrogates, nothing above U+10FFFF. */
size_t mw_utf8_length(const char *text, size_t length)
{
    const unsigned char *at = (const unsigned char *)text;
    if (length == 0)
        return 0;
    unsigned char first = at[0];
    if (first < 0x80)
        return 1;
    size_t count = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || length < count)
        return 0;
    unsigned char low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    unsigned char high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (at[1] < low || at[1] > high)
        return 0;
    for (size_t i = 2; i < count; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    return count;
}
