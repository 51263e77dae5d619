/* json_text.c - strings and numbers as JSON writes them. */
#include "base/json_text.h"

#include <math.h>
#include <string.h>

#include "base/decimal.h"

/* Adds the character of `length` bytes, or the one that stands for what is none where that is 0. */
static bool add_character(struct mw_str *out, const char *character, size_t length)
{
    unsigned char byte = (unsigned char)*character;
    if (length == 0)
        return mw_str_adds(out, "\\ufffd");
    if (byte == '"' || byte == '\\')
        return mw_str_addf(out, "\\%c", byte);
    if (byte < 0x20 || byte == 0x7f)
        return mw_str_addf(out, "\\u%04x", byte);
    return mw_str_add(out, character, length);
}

bool mw_json_add_text(struct mw_str *out, const char *text)
{
    size_t before = out->length;
    bool added = mw_str_adds(out, "\"");
    for (size_t left = strlen(text); added && left > 0;) {
        size_t length = mw_utf8_length(text, left), step = length > 0 ? length : 1;
        added = add_character(out, text, length);
        text += step;
        left -= step;
    }
    if (added && mw_str_adds(out, "\""))
        return true;
    if (out->data != NULL)
        out->data[out->length = before] = '\0';
    return false;
}

bool mw_json_add_number(struct mw_str *out, double number)
{
    char text[MW_DECIMAL_TEXT_BYTES];
    return mw_str_adds(out, isfinite(number) ? mw_decimal_format(number, text) : "null");
}
