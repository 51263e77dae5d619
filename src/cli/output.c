/* output.c - digits, names of series. */
#include "cli/output.h"

#include <stdio.h>

int mw_seconds_digits(double seconds)
{
    return seconds < 1 ? 3 : 1;
}

char *mw_series_text(const struct mw_series_key *key, char *text)
{
    char timeframe[MW_TIMEFRAME_BYTES_MAX];
    snprintf(text, MW_SERIES_TEXT_BYTES, "%s %s %s", key->feed, key->symbol,
             mw_timeframe_format(key->timeframe, timeframe));
    for (char *at = text; *at != '\0'; at++)
        if ((unsigned char)*at < ' ' || *at == '\x7f')
            *at = '?';
    return text;
}

void mw_json_add_key(struct mw_str *out, const struct mw_series_key *key)
{
    char timeframe[MW_TIMEFRAME_BYTES_MAX];
    mw_str_adds(out, ",\"feed\":");
    mw_json_add_text(out, key->feed);
    mw_str_adds(out, ",\"symbol\":");
    mw_json_add_text(out, key->symbol);
    mw_str_addf(out, ",\"timeframe\":\"%s\"", mw_timeframe_format(key->timeframe, timeframe));
}
