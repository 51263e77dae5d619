/* request.h - a question to a venue's history, on its way.
 *
 * Threads: those of the protocol and of `http`.
 */
#ifndef MW_HISTORY_REQUEST_H
#define MW_HISTORY_REQUEST_H

#include <stdint.h>

#include "base/status.h"
#include "feed/protocol.h"
#include "market/series.h"
#include "net/http.h"

struct mw_history_request {
    struct mw_protocol *protocol; /* with history */
    const char *base;             /* URL that the request is appended to */
    const char *market_type, *ca_file;
    const struct mw_series_key *key;
    int64_t from_ms, to_ms; /* open times, inclusive; INT64_MIN and INT64_MAX for no bound */
    uint32_t count;         /* rows at most */
    int64_t timeout_ms;
    uint64_t answer_bytes_max;
};

/* Builds and starts; how it went comes as `done`. Copies. Errors, and then `done` is not called:
 * MW_EHISTORY for a timeframe that the venue does not have, MW_ECONFIG of the protocol's function,
 * those of mw_http_start. */
MW_MUST_USE mw_status mw_history_request_start(struct mw_http *http,
                                               const struct mw_history_request *request,
                                               mw_http_done_fn done, void *user,
                                               struct mw_error *err);

/* "http://host:port" of a WebSocket URL, owned by the caller. Errors: those of mw_url_parse. */
MW_MUST_USE mw_status mw_history_origin(const char *url, char **origin, struct mw_error *err);

/* Where the history of a stream is: the protocol's base, if the first of `endpoints` is on a host
 * that the protocol names, or there is none; else that endpoint's own host. A test server and a
 * relay have a past of their own. `*base` is owned by the caller, NULL where it is not known.
 * Errors: those of mw_url_parse for an endpoint. */
MW_MUST_USE mw_status mw_history_find_base(const struct mw_protocol *protocol,
                                           char *const *endpoints, uint32_t endpoint_count,
                                           char **base, struct mw_error *err);

/* Errors: MW_EPARSE for what is no http(s) URL, or ends in a '/'. */
MW_MUST_USE mw_status mw_history_check_base(const char *base, struct mw_error *err);

#endif
