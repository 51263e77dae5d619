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
#include "server/playback.h"

enum { MW_VENUE_CANDLE_BYTES = 1024 }; /* longest candle: 3 symbols of 64 bytes, 20 numbers of 40 */

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

struct mw_venue {
    const char *name;
    const char *const *paths; /* URL paths, ended by NULL; the first is what clients are told */
    uint16_t ping_s;          /* protocol pings this often; 0 for none */
    /* Reads one message of a client into `request`, which is initialised. False when it is refused:
     * then `reply` has the refusal in the venue's words. */
    bool (*parse)(const struct mw_stage *stage, const char *text, size_t length,
                  struct mw_venue_request *request, struct mw_str *reply);
    /* Writes that the request was carried out; `playback` has what is followed now. */
    void (*confirm)(const struct mw_stage *stage, const struct mw_venue_request *request,
                    const struct mw_playback *playback, struct mw_str *reply);
    /* Writes a candle as it is pushed to a client on paths[path]. Returns its length; `text` holds
     * MW_VENUE_CANDLE_BYTES. */
    size_t (*format)(const struct mw_stage *stage, const struct mw_playback_event *event,
                     size_t path, char *text);
};

extern const struct mw_venue mw_venue_wealthdata, mw_venue_binance;

/* The venue called `name`. Errors: MW_EINVAL. */
MW_MUST_USE mw_status mw_venue_find(const char *name, const struct mw_venue **venue,
                                    struct mw_error *err);

void mw_venue_request_init(struct mw_venue_request *request);
void mw_venue_request_deinit(struct mw_venue_request *request);
void mw_venue_request_add(struct mw_venue_request *request, uint32_t symbol, uint32_t timeframe);

/* A piece of text that is being written; the pieces are known to fit. */
struct mw_venue_writer {
    char *at;
};

void mw_venue_put(struct mw_venue_writer *writer, const char *text);
void mw_venue_put_integer(struct mw_venue_writer *writer, int64_t value);
void mw_venue_put_shortest(struct mw_venue_writer *writer, double value);
void mw_venue_put_fixed(struct mw_venue_writer *writer, double value);

#endif
