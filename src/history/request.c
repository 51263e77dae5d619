/* request.c - the protocol's function, the URL, and off it goes. */
#include "history/request.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "net/url.h"

mw_status mw_history_check_base(const char *base, struct mw_error *err)
{
    struct mw_url url;
    if (mw_url_parse(base, &url, err) != MW_OK)
        return MW_EPARSE;
    if (url.websocket || base[strlen(base) - 1] == '/')
        return mw_fail(err, MW_EPARSE,
                       "history's base '%s': want http:// or https:// and no '/' at the end", base);
    return MW_OK;
}

enum { ORIGIN_BYTES = MW_HOST_BYTES_MAX + 32 };

mw_status mw_history_origin(const char *url, char **origin, struct mw_error *err)
{
    struct mw_url parts;
    mw_status status = mw_url_parse(url, &parts, err);
    if (status != MW_OK)
        return status;
    char text[ORIGIN_BYTES];
    parts.websocket = false;
    parts.path[0] = '\0';
    *origin = mw_strdup(mw_url_format_public(&parts, text, sizeof(text)));
    return MW_OK;
}

static bool same_host(const char *a, const char *b)
{
    struct mw_url left, right;
    return mw_url_parse(a, &left, NULL) == MW_OK && mw_url_parse(b, &right, NULL) == MW_OK &&
           strcmp(left.host, right.host) == 0;
}

static bool is_elsewhere(const struct mw_protocol *protocol, const char *endpoint)
{
    for (uint32_t i = 0; i < protocol->endpoint_count; i++)
        if (same_host(endpoint, protocol->endpoints[i]))
            return false;
    return true;
}

mw_status mw_history_find_base(const struct mw_protocol *protocol, char *const *endpoints,
                               uint32_t endpoint_count, char **base, struct mw_error *err)
{
    if (protocol->history.base != NULL &&
        (endpoint_count == 0 || !is_elsewhere(protocol, endpoints[0]))) {
        *base = mw_strdup(protocol->history.base);
        return MW_OK;
    }
    if (endpoint_count == 0 && protocol->endpoint_count == 0) {
        *base = NULL;
        return MW_OK;
    }
    return mw_history_origin(endpoint_count > 0 ? endpoints[0] : protocol->endpoints[0], base, err);
}

/* The URL of what comes after the base, or is one already. Returns owned. */
static mw_status make_url(const char *base, const char *rest, char **url, struct mw_error *err)
{
    if (rest[0] != '/')
        base = "";
    size_t size = strlen(base) + strlen(rest) + 1;
    if (size > MW_URL_BYTES_MAX + 1)
        return mw_fail(err, MW_ELIMIT, "the URL of a request is longer than %d bytes",
                       MW_URL_BYTES_MAX);
    *url = mw_alloc(size);
    snprintf(*url, size, "%s%s", base, rest);
    return MW_OK;
}

mw_status mw_history_request_start(struct mw_http *http, const struct mw_history_request *request,
                                   mw_http_done_fn done, void *user, struct mw_error *err)
{
    char code[MW_TIMEFRAME_BYTES_MAX];
    const struct mw_series_key *key = request->key;
    if (!mw_protocol_timeframe_code(request->protocol, key->timeframe, code))
        return mw_fail(err, MW_EHISTORY, "%s does not offer it", request->protocol->name);
    const struct mw_protocol_feed feed = {.name = key->feed, .market_type = request->market_type};
    const struct mw_protocol_history_request built = {.series = {key->symbol, code},
                                                      .from_ms = request->from_ms,
                                                      .to_ms = request->to_ms,
                                                      .count = request->count,
                                                      .feed = &feed};
    char *rest = NULL, *body = NULL, *url = NULL;
    mw_status status = mw_protocol_build_history(request->protocol, &built, &rest, &body, err);
    if (status != MW_OK)
        return status;
    status = make_url(request->base, rest, &url, err);
    if (status == MW_OK)
        status =
            mw_http_start(http,
                          &(struct mw_http_request){.url = url,
                                                    .body = body,
                                                    .ca_file = request->ca_file,
                                                    .timeout_ms = request->timeout_ms,
                                                    .bytes_max = (size_t)request->answer_bytes_max},
                          done, user, err);
    mw_free(rest);
    mw_free(body);
    mw_free(url);
    return status;
}
