/* protocol_file.c - the good protocol. */
#include "protocol_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"

/* The names of its fields are short, so that frames in tests are too. */
static const char good[] =
    "local p = {\n"
    "  name = 'made', endpoints = { 'ws://127.0.0.1:1/' }, timeframes = { '1m', ['1h'] = '60' },\n"
    "  limits = { streams = 3, messages_per_second = 1000, batch = 2 },\n"
    "  subscribe = function(series, id)\n"
    "    local names = {}\n"
    "    for i, one in ipairs(series) do names[i] = one.symbol .. '@' .. one.timeframe end\n"
    "    return { ('+%d %s'):format(id, table.concat(names, ' ')) }\n"
    "  end,\n"
    "  unsubscribe = function(series, id)\n"
    "    return { ('-%d %s@%s'):format(id, series[1].symbol, series[1].timeframe) }\n"
    "  end,\n"
    "  replies = {\n"
    "    ok = { { when = { ok = true }, id = 'id' } },\n"
    "    error = { { when = { ok = false }, id = 'id', message = 'message', code = 'code' } },\n"
    "  },\n"
    "  candles = {\n"
    "    when = { k = { 'bar', 7 } }, symbol = 's', timeframe = { 'f', 'r' }, open_time = 't',\n"
    "    open = 'o', high = 'h', low = 'l', close = 'c', volume = 'v', turnover = 'q',\n"
    "    trades = 'n', closed = 'x',\n"
    "  },\n"
    "}\n";

char *mw_protocol_file_write(const char *change, char path[MW_PROTOCOL_FILE_BYTES])
{
    snprintf(path, MW_PROTOCOL_FILE_BYTES, "/tmp/moonwick_protocol_XXXXXX.lua");
    int fd = mkstemps(path, 4);
    MW_CHECK(fd >= 0);
    MW_CHECK(dprintf(fd, "%s%s\nreturn p\n", good, change) > 0);
    close(fd);
    return path;
}

mw_status mw_protocol_file_load(const char *change, struct mw_protocol **out, struct mw_error *err)
{
    char path[MW_PROTOCOL_FILE_BYTES];
    mw_status status = mw_protocol_load(mw_protocol_file_write(change, path), out, err);
    unlink(path);
    return status;
}

bool mw_protocol_file_refuses(const struct mw_protocol_bad *cases, size_t count)
{
    bool all = true;
    for (size_t i = 0; i < count; i++) {
        struct mw_protocol *protocol = NULL;
        struct mw_error err = {.message = ""};
        if (mw_protocol_file_load(cases[i].change, &protocol, &err) == MW_ECONFIG &&
            strstr(err.message, cases[i].message) != NULL && protocol == NULL)
            continue;
        fprintf(stderr, "%s\n  got  %s\n  want %s\n", cases[i].change, err.message,
                cases[i].message);
        mw_protocol_free(protocol);
        all = false;
    }
    return all;
}

struct mw_protocol *mw_protocol_file_get(const char *change)
{
    struct mw_protocol *protocol = NULL;
    struct mw_error err = {.message = ""};
    if (mw_protocol_file_load(change, &protocol, &err) != MW_OK)
        fprintf(stderr, "%s\n", err.message);
    MW_CHECK(protocol != NULL);
    return protocol;
}
