/* status.h - result codes and the error that travels with them.
 *
 * Every function that can fail for an expected reason (network, parse, file, limit) returns a
 * mw_status and takes a `struct mw_error *` as its last parameter, which may be NULL. On failure
 * the other outputs are untouched.
 *
 *     return mw_fail(err, MW_EPARSE, "timeframe '%s': want a count and one of s m h d w M", text);
 *
 * The message is one sentence for a person, with the value that was wrong and what was wanted, no
 * trailing period. What a script can use besides the message sits in fields of its own.
 *
 * Threads: any thread; an error belongs to whoever holds it.
 */
#ifndef MW_BASE_STATUS_H
#define MW_BASE_STATUS_H

#include <stdarg.h>
#include <stdint.h>

#define MW_MUST_USE     __attribute__((warn_unused_result))
#define MW_PRINTF(f, a) __attribute__((format(printf, f, a)))

/* X(name, what went wrong in two words, the kind that Lua sees) */
#define MW_STATUS_LIST(X)                                                                          \
    X(OK, "ok", "")                                                                                \
    X(EINVAL, "bad argument", "ConfigError")                                                       \
    X(ECONFIG, "bad configuration", "ConfigError")                                                 \
    X(EPARSE, "cannot parse", "ConfigError")                                                       \
    X(ELIMIT, "over a limit", "ConfigError")                                                       \
    X(EIO, "input or output failed", "ConfigError")                                                \
    X(EHISTORY, "bad history", "HistoryError")                                                     \
    X(ERESOLVE, "name not resolved", "WebSocketConnectionError")                                   \
    X(ECONNECT, "cannot connect", "WebSocketConnectionError")                                      \
    X(ETLS, "TLS failed", "WebSocketConnectionError")                                              \
    X(EHANDSHAKE, "upgrade refused", "WebSocketConnectionError")                                   \
    X(ETIMEOUT, "timed out", "WebSocketConnectionError")                                           \
    X(EPROTOCOL, "protocol violated", "WebSocketConnectionError")                                  \
    X(ECLOSED, "connection closed", "WebSocketConnectionError")                                    \
    X(ESUBSCRIBE, "subscription refused", "WebSocketSubscriptionError")                            \
    X(ESTRATEGY, "strategy failed", "StrategyError")                                               \
    X(EORDER, "order refused", "OrderError")                                                       \
    X(ECANCELLED, "cancelled", "ConfigError")                                                      \
    X(ENOTSUP, "not in this program", "ConfigError")

typedef enum mw_status {
#define MW_STATUS_ENUM(name, text, kind) MW_##name,
    MW_STATUS_LIST(MW_STATUS_ENUM)
#undef MW_STATUS_ENUM
        MW_STATUS_COUNT
} mw_status;

enum {
    MW_ERROR_MESSAGE_BYTES = 2048, /* a sentence, or one with a traceback of some 20 calls */
    MW_ERROR_ENDPOINT_BYTES = 256,
};

struct mw_error {
    mw_status status;
    int code;          /* HTTP status or WebSocket close code; 0 where there is none */
    uint32_t attempts; /* connection attempts made so far; 0 where it does not apply */
    char message[MW_ERROR_MESSAGE_BYTES];
    char endpoint[MW_ERROR_ENDPOINT_BYTES]; /* URL without secrets; empty where it does not apply */
};

/* Fills `err` (if any) and returns `status`, so that failing is one line. */
mw_status mw_fail(struct mw_error *err, mw_status status, const char *format, ...) MW_PRINTF(3, 4);

/* The same with a `code` for the script. */
mw_status mw_fail_code(struct mw_error *err, mw_status status, int code, const char *format, ...)
    MW_PRINTF(4, 5);

/* Puts `format` and ": " in front of the message that `err` has; for callers that know the place.
 * Returns err's status, or `status` when err is NULL. */
mw_status mw_fail_within(struct mw_error *err, mw_status status, const char *format, ...)
    MW_PRINTF(3, 4);

/* "EPARSE", "cannot parse", and the Lua kind "ConfigError". Never NULL. */
const char *mw_status_name(mw_status status);
const char *mw_status_text(mw_status status);
const char *mw_status_kind(mw_status status);

#endif
