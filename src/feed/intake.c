/* intake.c - messages to candles, and what is counted on the way. */
#include "feed/intake.h"

#include "base/check.h"

enum { SHOWN_BYTES = 120 }; /* of a rejected message, in the log */

/* The owner is the only writer, so a plain addition is enough. */
static void count(_Atomic uint64_t *counter, uint64_t more)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + more,
                          memory_order_relaxed);
}

void mw_intake_init(struct mw_intake *intake, const char *name, const struct mw_protocol *protocol,
                    struct mw_cache *cache)
{
    *intake = (struct mw_intake){.name = name, .protocol = protocol, .cache = cache};
    intake->decoder = mw_decoder_new(protocol);
    mw_subscriptions_init(&intake->subscriptions);
}

void mw_intake_deinit(struct mw_intake *intake)
{
    mw_subscriptions_deinit(&intake->subscriptions);
    mw_decoder_free(intake->decoder);
    intake->decoder = NULL;
}

void mw_intake_set_time(struct mw_intake *intake, int64_t wall_ms, int64_t mono_ms)
{
    intake->wall_ms = wall_ms;
    intake->mono_ms = mono_ms;
}

static void reject(struct mw_intake *intake, mw_reject reason, const char *data, size_t length)
{
    count(&intake->rejects[reason], 1);
    uint64_t held;
    if (!mw_log_gate_pass(&intake->gates[reason], intake->mono_ms, &held))
        return;
    int shown = length < SHOWN_BYTES ? (int)length : SHOWN_BYTES;
    if (held > 0)
        mw_log(MW_LOG_WARN, "feed %s: message rejected: %s (and %llu before it): %.*s",
               intake->name, mw_reject_text(reason), (unsigned long long)held, shown, data);
    else
        mw_log(MW_LOG_WARN, "feed %s: message rejected: %s: %.*s", intake->name,
               mw_reject_text(reason), shown, data);
}

static void put_row(struct mw_intake *intake, const struct mw_decoded_row *row, const char *data,
                    size_t length)
{
    struct mw_subscription *subscription = mw_subscriptions_find(&intake->subscriptions, row);
    if (subscription == NULL) {
        if (mw_subscriptions_has_symbol(&intake->subscriptions, row->symbol))
            count(&intake->unsubscribed, 1);
        else
            reject(intake, MW_REJECT_UNKNOWN_SYMBOL, data, length);
        return;
    }
    mw_fault fault;
    mw_put put =
        mw_cache_put(intake->cache, subscription->series, &row->candle, intake->wall_ms, &fault);
    if (put == MW_PUT_REJECTED) {
        reject(intake, mw_reject_of_fault(fault), data, length);
        return;
    }
    subscription->confirmed = true;
    count(&intake->candles, 1);
    if (put == MW_PUT_LATE)
        count(&intake->late, 1);
}

void mw_intake_message(struct mw_intake *intake, bool text, const char *data, size_t length,
                       struct mw_decoded *decoded)
{
    count(&intake->frames, 1);
    count(&intake->bytes, length);
    if (!text) {
        *decoded = (struct mw_decoded){.kind = MW_DECODED_REJECTED, .reject = MW_REJECT_BINARY};
        reject(intake, MW_REJECT_BINARY, "", 0);
        return;
    }
    mw_decoder_decode(intake->decoder, data, length, decoded);
    switch (decoded->kind) {
    case MW_DECODED_CANDLES:
        for (uint32_t i = 0; i < decoded->row_count; i++)
            put_row(intake, &decoded->rows[i], data, length);
        break;
    case MW_DECODED_OK:
    case MW_DECODED_ERROR:
        break;
    case MW_DECODED_SNAPSHOT:
    case MW_DECODED_PING:
    case MW_DECODED_PONG:
    case MW_DECODED_NOTICE:
    case MW_DECODED_OTHER:
        count(&intake->other, 1);
        break;
    case MW_DECODED_REJECTED:
        reject(intake, decoded->reject, data, length);
    }
}
