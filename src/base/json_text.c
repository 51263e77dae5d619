/* json_text.c - strings and numbers as JSON writes them. */
#include "base/json_text.h"

#include <math.h>

#include "base/decimal.h"

static bool add_character(struct mw_str *out, char c)
{
    unsigned char byte = (unsigned char)c;
    if (c == '"' || c == '\\')
        return mw_str_addf(out, "\\%c", c);
    if (byte < 0x20 || byte == 0x7f)
        return mw_str_addf(out, "\\u%04x", byte);
    return mw_str_add(out, &c, 1);
}

bool mw_json_add_text(struct mw_str *out, const char *text)
{
    size_t before = out->length;
    bool added = mw_str_adds(out, "\"");
    for (; added && *text != '\0'; text++)
        added = add_character(out, *text);
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
