/* venue.h - how a venue's protocol looks from the server's side: requests in, texts out.
 *
 * A venue has no state. Text is JSON without frame; sessions (session.h) make frames of it. To add
 * one, write a venue_<name>.c with a table of these functions and name it in venue.c.
 *
 * Threads: any thread.
 */
#ifndef MW_SERVER_VENUE_H
#define MW_SERVER_VENUE_H

#include "base/str.h"
#include "server/history.h"
#include "server/playback.h"

enum { MW_VENUE_CANDLE_BYTES = 1024 }; /* longest candle: 3 symbols of 64 bytes, 20 numbers of 40 */

/* The latest time that a query may name: in the year 9000. */
#define MW_QUERY_TIME_MS_MAX INT64_C(221845392000000)

/* What a client asks for. */
typedef enum mw_venue_verb {
    MW_VENUE_REPLACE, /* follow these series and no others */
    MW_VENUE_ADD,
    MW_VENUE_REMOVE,
    MW_VENUE_LIST, /* tell what is followed */
} mw_venue_verb;

struct mw_venue_topic {
    uint32_t symbol, timeframe; /* indices into the stage */
};

struct mw_venue_request {
    mw_venue_verb verb;
    struct mw_str id;              /* JSON text of the request's id, to be echoed */
    struct mw_venue_topic *topics; /* owns */
    size_t topic_count, topic_capacity;
};

/* name=value of a request's query, percent-decoded. */
struct mw_venue_parameter {
    char name[MW_QUERY_NAME_BYTES_MAX + 1], value[MW_QUERY_VALUE_BYTES_MAX + 1];
};

struct mw_venue_query {
    struct mw_venue_parameter list[MW_QUERY_PARAMETERS_MAX];
    size_t count;
};

struct mw_venue {
    const char *name;
    const char *const *paths; /* URL paths, ended by NULL; the first is what clients are told */
    uint16_t ping_s;          /* protocol pings this often; 0 for none */
    /* Reads one message of a client into `request`, which is initialised. False when there is
     * nothing to carry out: then `reply` has a refusal in the venue's words, another answer, or
     * nothing. */
    bool (*parse)(const struct mw_stage *stage, const char *text, size_t length,
                  struct mw_venue_request *request, struct mw_str *reply);
    /* Writes that the request was carried out; `playback` has what is followed now. */
    void (*confirm)(const struct mw_stage *stage, const struct mw_venue_request *request,
                    const struct mw_playback *playback, struct mw_str *reply);
    /* Writes a candle as it is pushed to a client on paths[path]. Returns its length; `text` holds
     * MW_VENUE_CANDLE_BYTES. */
    size_t (*format)(const struct mw_stage *stage, const struct mw_playback_event *event,
                     size_t path, char *text);
    /* Writes that the connection is about to be ended by the venue. The same. */
    size_t (*notice)(size_t path, int64_t time_ms, char *text);

    /* The venue's REST: what is asked for at `history_path`. */
    const char *history_path;
    /* Reads a query into `range`. False when it is refused: then `reply` has the answer of status
     * 400. */
    bool (*ask)(const struct mw_stage *stage, const struct mw_venue_query *query,
                struct mw_history_range *range, struct mw_str *reply);
    /* Writes what stands before the bars, and after them. */
    void (*begin_history)(const struct mw_stage *stage, const struct mw_history_range *range,
                          struct mw_str *answer);
    const char *history_end;
    /* Writes a bar, without what separates it from others. Returns its length; `text` holds
     * MW_VENUE_CANDLE_BYTES. */
    size_t (*format_row)(const struct mw_playback_event *event, char *text);
};

extern const struct mw_venue mw_venue_wealthdata, mw_venue_binance;

/* The venue called `name`. Errors: MW_EINVAL. */
MW_MUST_USE mw_status mw_venue_find(const char *name, const struct mw_venue **venue,
                                    struct mw_error *err);

void mw_venue_request_init(struct mw_venue_request *request);
void mw_venue_request_deinit(struct mw_venue_request *request);
void mw_venue_request_add(struct mw_venue_request *request, uint32_t symbol, uint32_t timeframe);

/* The value of a parameter, or NULL when it is not there. */
const char *mw_venue_query_find(const struct mw_venue_query *query, const char *name);
/* The first parameter that is not among `names`, which NULL ends, or is there twice; or NULL. */
const char *mw_venue_query_odd(const struct mw_venue_query *query, const char *const *names);

/* Reads a whole number 0..most; leaves `*number` alone when the parameter is not there. False for
 * anything else. */
bool mw_venue_query_number(const struct mw_venue_query *query, const char *name, int64_t most,
                           int64_t *number);

/* A piece of text that is being written; the pieces are known to fit. */
struct mw_venue_writer {
    char *at;
};

void mw_venue_put(struct mw_venue_writer *writer, const char *text);
void mw_venue_put_integer(struct mw_venue_writer *writer, int64_t value);
void mw_venue_put_shortest(struct mw_venue_writer *writer, double value);
void mw_venue_put_fixed(struct mw_venue_writer *writer, double value);

#endif
