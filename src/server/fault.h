/* fault.h - what goes wrong on purpose: a plan that the simulator carries out.
 *
 * A plan is a list of faults, each of which happens at a time after the server's start or when
 * something is due (the n-th connection, the n-th closed bar of a series, the n-th REST request),
 * or by chance with a seed. The same plan and seed do the same. Faults of the wire (cuts, stalls,
 * slow handshakes) are done to the socket; faults of the venue (lost, late, doubled messages) to
 * what is said; faults of REST to its answers.
 *
 * Threads: immutable once the server runs.
 */
#ifndef MW_SERVER_FAULT_H
#define MW_SERVER_FAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"

/* X(name, its name in a file, what it does) */
#define MW_SABOTAGE_LIST(X)                                                                        \
    X(RESET, "reset", "the connection is cut with a RST")                                          \
    X(FIN, "fin", "the connection is ended without a close frame")                                 \
    X(CLOSE, "close", "a close frame with `code`")                                                 \
    X(STALL, "stall", "nothing is sent for `duration`, pings are answered")                        \
    X(HALF_OPEN, "half_open", "nothing is sent or answered any more, the socket stays")            \
    X(SILENT_STREAM, "silent_stream", "one series is not sent until it is subscribed anew")        \
    X(SLOW_HANDSHAKE, "slow_handshake", "the upgrade is answered after `duration`")                \
    X(REFUSE_CONNECT, "refuse_connect", "no connection is accepted for `duration`")                \
    X(STATUS, "status", "the upgrade is answered with `code` (429, 503) for `duration`")           \
    X(GARBAGE, "garbage", "a text message that is no JSON")                                        \
    X(BINARY, "binary", "a binary message")                                                        \
    X(TRUNCATED, "truncated", "a frame is cut in the middle, then the connection")                 \
    X(FRAGMENTED, "fragmented", "a message in `count` fragments")                                  \
    X(DUPLICATE, "duplicate", "a message is sent twice")                                           \
    X(REORDER, "reorder", "a message is sent after the one that follows it")                       \
    X(LATE_CLOSE, "late_close", "the closing message of a bar comes after the next bar has begun") \
    X(LOST_CLOSE, "lost_close", "the closing message of a bar is not sent")                        \
    X(MISSING_UPDATES, "missing_updates", "nothing of one series is sent for `count` bars")        \
    X(REVISED, "revised", "a bar closes with wrong values, and is closed again with the right")    \
    X(CLOCK_JUMP, "clock_jump", "the venue's clock jumps by `duration`, ahead or back")            \
    X(WRONG_CONFIRMATION, "wrong_confirmation", "a confirmation that names another request")       \
    X(LATE_CONFIRMATION, "late_confirmation", "the confirmation comes after data")                 \
    X(NOTICE, "notice", "the venue says that it will end the connection, and does")                \
    X(REST_TIMEOUT, "rest_timeout", "a request for history is not answered")                       \
    X(REST_STATUS, "rest_status", "a request for history is answered with `code`")                 \
    X(REST_PARTIAL, "rest_partial", "the answer has fewer rows than there are, or ends early")     \
    X(REST_WRONG, "rest_wrong", "the answer is no JSON, or has rows that are none")

typedef enum mw_sabotage_kind {
#define MW_SABOTAGE_ENUM(name, text, what) MW_SABOTAGE_##name,
    MW_SABOTAGE_LIST(MW_SABOTAGE_ENUM)
#undef MW_SABOTAGE_ENUM
        MW_SABOTAGE_KIND_COUNT
} mw_sabotage_kind;

enum { MW_SABOTAGES_MAX = 1024 };

/* One thing that goes wrong. */
struct mw_sabotage {
    mw_sabotage_kind kind;
    /* When: `at_ms` real time after the first connection; and from then on at the next occasion
     * that fits. `chance` > 0: at each occasion after at_ms with this probability. `times`
     * occasions in all, 0 for no end. */
    int64_t at_ms;
    double chance;
    uint32_t times;                       /* 1 by default */
    char symbol[MW_SYMBOL_BYTES_MAX + 1]; /* only of this series; empty: any */
    int64_t duration_ms;
    uint32_t count;
    uint16_t code;
};

struct mw_fault_plan {
    uint64_t seed;
    struct mw_sabotage *list; /* owns */
    uint32_t count;
};

void mw_fault_plan_deinit(struct mw_fault_plan *plan);

/* "reset", "rest_wrong", ... Never NULL. */
const char *mw_sabotage_text(mw_sabotage_kind kind);

#endif
