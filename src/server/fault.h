/* fault.h - what goes wrong on purpose: a plan that the simulator carries out.
 *
 * A plan is a list of faults. Each waits for its time after the first connection and then happens
 * at the next occasion that fits its kind (a client connects, a bar is about to be closed, history
 * is asked for), or at any with a probability. Besides, faults may come at random at some rate.
 * Faults of the wire (cuts, stalls, slow handshakes) are done to the socket; faults of the venue
 * (lost, late, doubled messages) to what is said; faults of REST to its answers.
 *
 * What is told is never false for good: a bar that was closed with wrong values is closed again
 * with the right ones, on the next connection if need be, and history has only the truth, less of
 * it, or what is plainly no answer. So whoever follows all the rules ends up with the truth.
 *
 * Threads: a plan is its owner's; mw_sabotage_ functions any thread.
 */
#ifndef MW_SERVER_FAULT_H
#define MW_SERVER_FAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/random.h"
#include "base/status.h"

/* X(name, its name in a file, the occasion at which it happens, what it does) */
#define MW_SABOTAGE_LIST(X)                                                                        \
    X(RESET, "reset", MESSAGE, "the connection is cut with a RST")                                 \
    X(FIN, "fin", MESSAGE, "the connection is ended without a close frame")                        \
    X(CLOSE, "close", MESSAGE, "the connection is ended by a close frame with `code`")             \
    X(STALL, "stall", MESSAGE,                                                                     \
      "no candle is sent for `duration`; pings and requests are answered")                         \
    X(HALF_OPEN, "half_open", MESSAGE,                                                             \
      "nothing is sent, read or answered for `duration`, then cut")                                \
    X(SILENT_STREAM, "silent_stream", MESSAGE,                                                     \
      "one series is not sent until it is subscribed anew")                                        \
    X(SLOW_HANDSHAKE, "slow_handshake", CONNECT,                                                   \
      "nothing is answered for `duration` after the connect")                                      \
    X(REFUSE_CONNECT, "refuse_connect", GONE, "no connection is accepted for `duration`")          \
    X(STATUS, "status", UPGRADE, "the upgrade is answered with `code`, for `duration`")            \
    X(GARBAGE, "garbage", MESSAGE, "a text message that is no JSON comes first")                   \
    X(BINARY, "binary", MESSAGE, "a binary message comes first")                                   \
    X(TRUNCATED, "truncated", MESSAGE, "a frame is cut in the middle, and the connection with it") \
    X(FRAGMENTED, "fragmented", MESSAGE, "a message is sent in `count` fragments")                 \
    X(DUPLICATE, "duplicate", MESSAGE, "a message is sent twice")                                  \
    X(REORDER, "reorder", MESSAGE, "a message is sent after the one that follows it")              \
    X(LATE_CLOSE, "late_close", CLOSING, "a bar is closed after the next has begun")               \
    X(LOST_CLOSE, "lost_close", CLOSING, "the closing message of a bar is not sent")               \
    X(MISSING_UPDATES, "missing_updates", MESSAGE,                                                 \
      "nothing of one series is sent for `count` bars")                                            \
    X(REVISED, "revised", CLOSING, "a bar is closed with wrong values, and then with the right")   \
    X(CLOCK_JUMP, "clock_jump", MESSAGE, "the clock jumps by `duration`, ahead or back")           \
    X(WRONG_CONFIRMATION, "wrong_confirmation", CONFIRMATION,                                      \
      "a confirmation names another request")                                                      \
    X(LATE_CONFIRMATION, "late_confirmation", CONFIRMATION,                                        \
      "a confirmation comes after `count` candles")                                                \
    X(NOTICE, "notice", MESSAGE,                                                                   \
      "the venue gives notice, and closes after `duration` with `code`")                           \
    X(REST_TIMEOUT, "rest_timeout", REQUEST, "history is not answered for `duration`, then cut")   \
    X(REST_STATUS, "rest_status", REQUEST, "history is answered with `code`, for `duration`")      \
    X(REST_PARTIAL, "rest_partial", REQUEST, "the newest `count` rows are left out of history")    \
    X(REST_CUT, "rest_cut", REQUEST, "the answer ends in the middle")                              \
    X(REST_WRONG, "rest_wrong", REQUEST, "the answer is no JSON, or has rows that cannot be")

/* When something may go wrong. */
typedef enum mw_occasion {
    MW_OCCASION_CONNECT,      /* a client has connected */
    MW_OCCASION_UPGRADE,      /* it asks for an upgrade */
    MW_OCCASION_CONFIRMATION, /* a subscription is about to be confirmed */
    MW_OCCASION_MESSAGE,      /* a candle is about to be sent, forming or closed */
    MW_OCCASION_CLOSING,      /* a closed one is */
    MW_OCCASION_REQUEST,      /* history is about to be answered */
    MW_OCCASION_GONE,         /* a session has ended; or `at` has come, where chance is 0 */
    MW_OCCASION_COUNT
} mw_occasion;

typedef enum mw_sabotage_kind {
#define MW_SABOTAGE_ENUM(name, text, occasion, what) MW_SABOTAGE_##name,
    MW_SABOTAGE_LIST(MW_SABOTAGE_ENUM)
#undef MW_SABOTAGE_ENUM
        MW_SABOTAGE_KIND_COUNT
} mw_sabotage_kind;

enum {
    MW_SABOTAGES_MAX = 1024,
    MW_SABOTAGE_COUNT_MAX = 256, /* fragments, bars, candles, rows */
};
/* A day; of a jump's either direction. */
#define MW_SABOTAGE_MS_MAX INT64_C(86400000)

/* Which fields a kind reads. */
enum {
    MW_SABOTAGE_HAS_DURATION = 1,
    MW_SABOTAGE_HAS_COUNT = 2,
    MW_SABOTAGE_HAS_CODE = 4,
    MW_SABOTAGE_HAS_SYMBOL = 8,
};

/* One thing that goes wrong. */
struct mw_sabotage {
    mw_sabotage_kind kind;
    int64_t at_ms;                        /* not before, in real time after the first connection */
    uint32_t after;                       /* occasions from then on that pass unharmed */
    double chance;                        /* at each one after these; 0: at the very next */
    uint32_t times;                       /* occasions in all; 0 for no end */
    char symbol[MW_SYMBOL_BYTES_MAX + 1]; /* only of this series; empty: any */
    int64_t duration_ms;
    uint32_t count;
    uint16_t code;
};

struct mw_fault_plan {
    uint64_t seed;
    struct mw_sabotage *list; /* owns */
    uint32_t count;
    double rate;                            /* faults per second that come at random besides */
    bool at_random[MW_SABOTAGE_KIND_COUNT]; /* of these kinds, with values of their own */
};

/* An empty plan. */
#define MW_FAULT_PLAN_INIT                                                                         \
    {                                                                                              \
        .seed = 0, .list = NULL, .count = 0, .rate = 0                                             \
    }
void mw_fault_plan_deinit(struct mw_fault_plan *plan);
/* Adds a copy at the end. Errors: MW_ELIMIT past MW_SABOTAGES_MAX. */
MW_MUST_USE mw_status mw_fault_plan_add(struct mw_fault_plan *plan,
                                        const struct mw_sabotage *sabotage, struct mw_error *err);
/* Makes `to`, which holds nothing, a copy. */
void mw_fault_plan_copy(const struct mw_fault_plan *from, struct mw_fault_plan *to);

/* Fills `plan`, which holds nothing, with faults of the `wanted` kinds (an array of one bool for
 * each kind; NULL for all) that happen within `duration_ms`, on average `rate` in a second, at most
 * MW_SABOTAGES_MAX. The same arguments make the same plan. */
void mw_fault_plan_random(struct mw_fault_plan *plan, uint64_t seed, int64_t duration_ms,
                          double rate, const bool *wanted);

/* A fault of this kind with the values that a file need not name: once, at the first occasion. */
void mw_sabotage_init(struct mw_sabotage *sabotage, mw_sabotage_kind kind);
/* Other values for the fields that the kind reads, at random. */
void mw_sabotage_vary(struct mw_sabotage *sabotage, struct mw_random *random);
/* Milliseconds to the next of random faults that come `rate` times a second. */
double mw_sabotage_wait_ms(struct mw_random *random, double rate);
/* "reset", "rest_wrong", ... Never NULL. */
const char *mw_sabotage_text(mw_sabotage_kind kind);
/* What it does, as a phrase for people; `names` of fields in backquotes. */
const char *mw_sabotage_describe(mw_sabotage_kind kind);
/* The kind of that name, or -1. */
int mw_sabotage_find(const char *text);
/* MW_SABOTAGE_HAS_... of the fields that the kind reads. */
unsigned mw_sabotage_fields(mw_sabotage_kind kind);
mw_occasion mw_sabotage_occasion(mw_sabotage_kind kind);

#endif
