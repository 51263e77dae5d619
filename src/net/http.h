/* http.h - HTTP requests, several at once, on the thread that asks: libcurl behind a few calls.
 *
 * For a venue's REST: GET (or POST with a body), one answer of bounded size. Certificate and host
 * name are always checked; redirects are not followed; nothing is cached and no cookie kept. Names
 * are looked up without blocking.
 *
 * Threads: one thread at a time, which has SIGPIPE blocked or ignored (as those of mw_thread_start
 * have), but mw_http_wake any thread.
 */
#ifndef MW_NET_HTTP_H
#define MW_NET_HTTP_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct mw_http; /* opaque */

struct mw_http_request {
    const char *url;     /* http or https */
    const char *body;    /* POSTed as application/json; NULL for a GET */
    const char *ca_file; /* PEM with certificates trusted besides the system's; NULL for none */
    int64_t timeout_ms;  /* for all of it */
    size_t bytes_max;    /* of the answer's body */
};

struct mw_http_answer {
    int code;         /* HTTP status; 0 when there was no answer */
    const char *body; /* borrowed for the call; MW_MESSAGE_PADDING zero bytes follow; with `err`
                         what came of it */
    size_t length;
    int64_t retry_after_ms; /* what the server asks to wait (Retry-After); 0 where it does not */
    int64_t sent_ms;        /* wall clock when the request was made */
    const struct mw_error *err; /* why there was no whole answer, or NULL: MW_ETIMEOUT, MW_ERESOLVE,
                                   MW_ECONNECT, MW_ETLS, MW_ELIMIT, MW_EPROTOCOL,
                                   MW_ECLOSED */
};

/* Called from within mw_http_service, once per request, whatever its fate. New requests may be made
 * from inside it. */
typedef void (*mw_http_done_fn)(void *user, const struct mw_http_answer *answer);

/* Errors: MW_ELIMIT. */
MW_MUST_USE mw_status mw_http_new(struct mw_http **out, struct mw_error *err);
/* Drops requests that are under way without calling anybody. */
void mw_http_free(struct mw_http *http);

/* Starts a request; how it went comes as `done`. Copies. Errors, and then `done` is not called:
 * MW_EPARSE for a URL that is none or no http(s), MW_ELIMIT for one that is too long or with
 * MW_HTTP_REQUESTS_MAX under way. */
MW_MUST_USE mw_status mw_http_start(struct mw_http *http, const struct mw_http_request *request,
                                    mw_http_done_fn done, void *user, struct mw_error *err);

/* Requests under way. */
uint32_t mw_http_count(const struct mw_http *http);

/* Waits for the next events, at most `timeout_ms` (negative: for ever), and handles them. */
void mw_http_service(struct mw_http *http, int64_t timeout_ms);

/* Makes mw_http_service return soon. Any thread. */
void mw_http_wake(struct mw_http *http);

#endif
