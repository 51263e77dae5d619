/* protocol.h - a venue as data: a Lua table compiled into what the decoder and connection run.
 *
 * A protocol file returns a table (docs/protocols.md describes it). It is checked key by key when
 * it is loaded; its functions, which build the messages to send, run rarely and in a small
 * lua_State of their own with base, string, table, math and json, but no io or os. Everything the
 * decoder needs for a frame is compiled into the structs below.
 *
 * Threads: one at a time; loaded anywhere, then used by the feed thread that owns it.
 */
#ifndef MW_FEED_PROTOCOL_H
#define MW_FEED_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/heap.h"
#include "base/status.h"
#include "base/str.h"
#include "market/timeframe.h"

struct lua_State;

enum {
    MW_PATH_KEYS_MAX = 8,     /* nesting of a field; venues use up to 3 */
    MW_ALTERNATIVES_MAX = 4,  /* paths of one field, or values of one condition */
    MW_CONDITIONS_MAX = 8,    /* of one pattern */
    MW_REPLIES_MAX = 8,       /* patterns of one kind of reply */
    MW_PATH_ELEMENT_MAX = 64, /* the last element of a row that counts; venues send up to 12 */
};

/* Bytes of somebody else's, for as long as whoever gives them says. */
struct mw_text {
    const char *data;
    size_t length;
};

/* "data.k.o": the keys to follow from the root of a message, or from a row of it. */
struct mw_path {
    struct {
        char *text;    /* owns; NULL: an element of an array */
        size_t length; /* of the text, or the element's index */
    } keys[MW_PATH_KEYS_MAX];
    uint32_t key_count;
};

/* Where a field is: the first of these paths that is there. None: the venue does not send it. */
struct mw_locator {
    struct mw_path paths[MW_ALTERNATIVES_MAX];
    uint32_t path_count;
};

/* What a condition compares the value at its path with. */
struct mw_literal {
    enum {
        MW_LITERAL_ANY,
        MW_LITERAL_NULL,
        MW_LITERAL_BOOLEAN,
        MW_LITERAL_NUMBER,
        MW_LITERAL_TEXT
    } kind;
    bool boolean;
    double number;
    char *text; /* owns */
    size_t length;
};

/* The value at `path` equals one of the literals. */
struct mw_condition {
    struct mw_path path;
    struct mw_literal literals[MW_ALTERNATIVES_MAX];
    uint32_t literal_count;
};

/* All conditions hold. */
struct mw_pattern {
    struct mw_condition conditions[MW_CONDITIONS_MAX];
    uint32_t condition_count;
};

enum {
    MW_FIELD_SYMBOL,
    MW_FIELD_TIMEFRAME,
    MW_FIELD_OPEN_TIME,
    MW_FIELD_OPEN,
    MW_FIELD_HIGH,
    MW_FIELD_LOW,
    MW_FIELD_CLOSE,
    MW_FIELD_VOLUME,
    MW_FIELD_REQUIRED_COUNT, /* those before this one are in every candle */
    MW_FIELD_TURNOVER = MW_FIELD_REQUIRED_COUNT,
    MW_FIELD_TRADES,
    MW_FIELD_CLOSED,
    MW_FIELD_COUNT,
};

struct mw_reply_pattern {
    struct mw_pattern when;
    struct mw_locator id, message, code;
};

struct mw_candle_pattern {
    struct mw_pattern when;
    struct mw_locator fields[MW_FIELD_COUNT];
    double open_time_ms; /* milliseconds per unit of open_time: 1 for ms, 1000 for s, 1e-6 for ns */
    struct mw_pattern
        snapshot; /* of these messages the rows are history; none without conditions */
    /* The array of rows that the fields are looked up in, then in the message. No keys and not
     * `has_rows`: the message is the row. */
    bool has_rows;
    struct mw_path rows;
};

/* A message of the venue's that wants an answer at once: `answer` is called with the message as a
 * Lua value and returns what to send. */
struct mw_ping_pattern {
    struct mw_pattern when;
    char *text; /* owns; the message is this text and no JSON; NULL: `when` */
    int answer; /* reference in the registry */
};

/* What keeps a connection alive besides WebSocket pings. */
struct mw_heartbeat {
    int64_t every_ms; /* this often something is sent, at the latest; 0: the feed's own setting */
    int send;         /* reference to text or a function that returns what to send; LUA_NOREF: a
                         WebSocket ping */
    char *reply_text; /* owns; the venue's answer when it is no JSON ("pong"); NULL for none */
    struct mw_pattern reply; /* or when it is; no conditions: none */
    struct mw_ping_pattern pings[MW_REPLIES_MAX];
    uint32_t ping_count;
};

/* A venue's REST for candles. Rows are arrays or objects, oldest or newest first. */
struct mw_history_pattern {
    bool known;             /* the protocol has one */
    char *base;             /* owns; "https://api.example.com"; NULL: the WebSocket's host */
    int request;            /* reference to the function that builds the rest of the URL */
    uint32_t row_count_max; /* rows in one answer */
    double requests_per_second;
    struct mw_candle_pattern rows; /* fields but symbol and timeframe; `when` has no conditions, or
                                      tells a good answer */
    struct mw_reply_pattern error[MW_REPLIES_MAX];
    uint32_t error_count;
};

struct mw_protocol {
    char *name;       /* owns */
    char **endpoints; /* owns; what to connect to when the configuration names nothing */
    uint32_t endpoint_count;
    bool any_timeframe; /* every timeframe, spelled as the engine spells it */
    struct {
        struct mw_timeframe timeframe;
        char *code; /* owns; the venue's spelling */
    } * timeframes; /* owns */
    uint32_t timeframe_count;

    bool replaces;                /* a subscription names all series and replaces the one before */
    uint32_t stream_count_max;    /* series on one connection; 0 for no limit */
    uint32_t messages_per_second; /* that may be sent; 0 for no limit */
    uint32_t batch_count_max;     /* series in one message; 0 for no limit */

    int64_t lifetime_ms; /* the venue ends connections that are older; 0: it does not */

    struct mw_candle_pattern candles;
    struct mw_heartbeat heartbeat;
    struct mw_history_pattern history;
    struct mw_pattern notices[MW_REPLIES_MAX]; /* the venue is going to end the connection */
    uint32_t notice_count;
    struct mw_reply_pattern ok[MW_REPLIES_MAX], error[MW_REPLIES_MAX];
    uint32_t ok_count, error_count;

    struct lua_State *L;        /* owns */
    struct mw_heap heap;        /* its memory */
    int64_t until_ms;           /* monotonic time by which what runs in it must be done */
    int subscribe, unsubscribe; /* references in its registry; LUA_NOREF where there is none */
};

/* Loads a shipped protocol by name, or a file by its path (anything with a '/' or that ends in
 * ".lua"). Errors: MW_EIO, MW_ECONFIG with the place in the table. */
MW_MUST_USE mw_status mw_protocol_load(const char *name_or_path, struct mw_protocol **out,
                                       struct mw_error *err);
void mw_protocol_free(struct mw_protocol *protocol);

/* Writes the venue's spelling of `timeframe` into `code` (MW_TIMEFRAME_BYTES_MAX). False when the
 * venue does not offer it. */
bool mw_protocol_timeframe_code(const struct mw_protocol *protocol, struct mw_timeframe timeframe,
                                char *code);

/* One series in a request. */
struct mw_protocol_series {
    const char *symbol, *timeframe_code;
};

/* What the protocol's functions may know of the feed. */
struct mw_protocol_feed {
    const char *name, *csrf_token, *market_type; /* the latter two NULL where not configured */
};

/* What a request asks for. */
struct mw_protocol_request {
    bool subscribe; /* or unsubscribe */
    const struct mw_protocol_series *series;
    uint32_t series_count;
    int64_t id;
    const struct mw_protocol_feed *feed;
};

/* Runs the protocol's function and calls `add` with each message that it wants sent, in order.
 * Returns MW_OK without a message when the venue has no such request. Errors: MW_ECONFIG when the
 * function raises or returns something else than messages. */
MW_MUST_USE mw_status mw_protocol_build(struct mw_protocol *protocol,
                                        const struct mw_protocol_request *request,
                                        void (*add)(void *user, const char *text, size_t length),
                                        void *user, struct mw_error *err);

/* What a history request asks for. */
struct mw_protocol_history_request {
    struct mw_protocol_series series;
    int64_t from_ms, to_ms; /* open times, inclusive; INT64_MIN and INT64_MAX for no bound */
    uint32_t count;         /* rows at most */
    const struct mw_protocol_feed *feed;
};

/* Runs the protocol's function. `*url` is what comes after the base, or a whole URL; `*body` NULL
 * for a GET. Both are owned by the caller. Errors: MW_ECONFIG. */
MW_MUST_USE mw_status mw_protocol_build_history(struct mw_protocol *protocol,
                                                const struct mw_protocol_history_request *request,
                                                char **url, char **body, struct mw_error *err);

/* Builds the heartbeat that is due, or the answer to the venue's ping number `index`, whose text is
 * `message`, and calls `add` with it. Errors: MW_ECONFIG. */
MW_MUST_USE mw_status mw_protocol_build_heartbeat(struct mw_protocol *protocol,
                                                  void (*add)(void *user, const char *text,
                                                              size_t length),
                                                  void *user, struct mw_error *err);
MW_MUST_USE mw_status mw_protocol_build_answer(
    struct mw_protocol *protocol, uint32_t index, struct mw_text message,
    void (*add)(void *user, const char *text, size_t length), void *user, struct mw_error *err);

#endif
