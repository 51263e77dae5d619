/* engine_series.c - series: what is subscribed, and what is made of others.
 *
 * A venue is asked for the timeframe that is wanted, or for the coarsest that it sends and that the
 * wanted one can be made of (market/derive.h). The latter is subscribed on behalf of the former and
 * for as long as that: `wants` has both, and says which of them somebody asked for.
 */
#include "engine_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "market/derive.h"
#include "market/resample.h"

/* --- timeframes ------------------------------------------------------------------------------- */

static bool is_offered(const struct mw_engine_offer *offer, struct mw_timeframe timeframe)
{
    bool found = offer->any;
    for (uint32_t i = 0; i < offer->count && !found; i++)
        found = mw_timeframe_equal(offer->timeframes[i], timeframe);
    return found;
}

void mw_engine_note_offer(struct mw_engine *engine, uint32_t index,
                          const struct mw_protocol *protocol)
{
    const struct mw_feed_settings *feed = &engine->settings->feeds[index];
    const char *file = mw_feed_settings_simulates(feed) ? feed->simulator.replay_file : NULL;
    struct mw_engine_offer *offer = &engine->offers[index];
    struct mw_timeframe step;
    offer->whose = feed->protocol;
    offer->any = protocol->any_timeframe;
    offer->timeframes = mw_alloc((protocol->timeframe_count + 1) * sizeof(*offer->timeframes));
    for (uint32_t i = 0; i < protocol->timeframe_count; i++)
        offer->timeframes[offer->count++] = protocol->timeframes[i].timeframe;
    if (file == NULL || mw_simulator_find_step(file, &step, NULL) != MW_OK ||
        !is_offered(offer, step))
        return;
    offer->whose = file;
    offer->any = false;
    offer->count = 1;
    offer->timeframes[0] = step;
}

/* "1m 5m 1h" as far as it fits. */
static const char *list_offered(const struct mw_engine_offer *offer, char *text, size_t size)
{
    size_t length = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < offer->count; i++) {
        char one[MW_TIMEFRAME_BYTES_MAX];
        mw_timeframe_format(offer->timeframes[i], one);
        if (length + strlen(one) + 2 > size)
            break;
        length += (size_t)snprintf(text + length, size - length, "%s%s", i > 0 ? " " : "", one);
    }
    return text;
}

mw_status mw_engine_choose_timeframe(const struct mw_engine *engine, uint32_t index,
                                     struct mw_timeframe timeframe, struct mw_timeframe *chosen,
                                     struct mw_error *err)
{
    const struct mw_engine_offer *offer = &engine->offers[index];
    const struct mw_timeframe *best = is_offered(offer, timeframe) ? &timeframe : NULL;
    for (uint32_t i = 0; i < offer->count && best != &timeframe; i++) {
        const struct mw_timeframe *one = &offer->timeframes[i];
        if (mw_timeframe_divides(*one, timeframe) &&
            (best == NULL || mw_timeframe_ms(*one) > mw_timeframe_ms(*best)))
            best = one;
    }
    if (best == NULL) {
        const struct mw_feed_settings *feed = &engine->settings->feeds[index];
        char text[MW_TIMEFRAME_BYTES_MAX], list[128];
        return mw_fail(err, MW_EINVAL,
                       "feed %s: %s does not offer the timeframe %s, nor one that divides it: "
                       "there are %s",
                       feed->name, offer->whose, mw_timeframe_format(timeframe, text),
                       list_offered(offer, list, sizeof(list)));
    }
    *chosen = *best;
    return MW_OK;
}

/* --- what is wanted --------------------------------------------------------------------------- */

/* The functions here are called with `series_lock` held. */

static struct mw_engine_want *find_want(const struct mw_engine *engine,
                                        const struct mw_series *series)
{
    for (uint32_t i = 0; i < engine->want_count; i++)
        if (engine->wants[i].series == series)
            return &engine->wants[i];
    return NULL;
}

static void want(struct mw_engine *engine, struct mw_series *series, struct mw_series *source,
                 bool asked)
{
    struct mw_engine_want *known = find_want(engine, series);
    if (known != NULL) {
        known->source = source;
        known->asked |= asked;
        return;
    }
    if (engine->want_count == engine->want_capacity) {
        engine->want_capacity = engine->want_capacity * 2 + 16;
        engine->wants =
            mw_realloc_array(engine->wants, engine->want_capacity, sizeof(*engine->wants));
    }
    engine->wants[engine->want_count++] =
        (struct mw_engine_want){.series = series, .source = source, .asked = asked};
}

static bool is_needed(const struct mw_engine *engine, const struct mw_series *source)
{
    for (uint32_t i = 0; i < engine->want_count; i++)
        if (engine->wants[i].source == source)
            return true;
    return false;
}

static void forget(struct mw_engine *engine, struct mw_engine_want *known)
{
    *known = engine->wants[--engine->want_count];
}

struct mw_series **mw_engine_list_asked(struct mw_engine *engine, uint32_t *count)
{
    pthread_mutex_lock(&engine->series_lock);
    struct mw_series **list = mw_alloc((engine->want_count + 1) * sizeof(struct mw_series *));
    *count = 0;
    for (uint32_t i = 0; i < engine->want_count; i++)
        if (engine->wants[i].asked)
            list[(*count)++] = engine->wants[i].series;
    pthread_mutex_unlock(&engine->series_lock);
    return list;
}

/* --- subscribing ------------------------------------------------------------------------------ */

static bool lists_symbol(const struct mw_feed_settings *feed, const char *symbol)
{
    for (uint32_t i = 0; i < feed->symbol_count; i++)
        if (strcmp(feed->symbols[i], symbol) == 0)
            return true;
    return false;
}

/* The feed that `name` means: itself, the only one, or the only one whose settings list the
 * symbol. */
static mw_status choose_feed(const struct mw_engine *engine, const char *name, const char *symbol,
                             uint32_t *index, struct mw_error *err)
{
    uint32_t feed_count = engine->settings->feed_count, found = 0, chosen = 0;
    bool named = name != NULL && name[0] != '\0';
    for (uint32_t i = 0; i < feed_count; i++) {
        const struct mw_feed_settings *feed = &engine->settings->feeds[i];
        if (named ? strcmp(feed->name, name) == 0 : feed_count == 1 || lists_symbol(feed, symbol)) {
            chosen = i;
            found++;
        }
    }
    if (named && found == 0)
        return mw_fail(err, MW_EINVAL, "there is no feed '%s'", name);
    if (found != 1)
        return mw_fail(err, MW_EINVAL, "%s feeds have the symbol %s: name one, as in \"feed:%s\"",
                       found == 0 ? "no" : "several", symbol, symbol);
    *index = chosen;
    return MW_OK;
}

/* Asks the venue for a series. What was made of another one until now is not any more. */
static mw_status subscribe(struct mw_engine *engine, uint32_t index, const char *symbol,
                           struct mw_timeframe timeframe, struct mw_series **series,
                           struct mw_error *err)
{
    struct mw_feed *feed = engine->feeds[index];
    struct mw_series *known = NULL, *source = NULL;
    if (mw_cache_find(engine->cache, mw_feed_name(feed), symbol, timeframe, &known) > 0)
        source = mw_derive_source(known);
    if (source != NULL)
        mw_derive_end(engine->cache, known);
    mw_status status = mw_feed_subscribe(feed, symbol, timeframe, series, err);
    if (status != MW_OK && source != NULL &&
        mw_derive(engine->cache, source, timeframe, &known, NULL) != MW_OK)
        mw_log(MW_LOG_WARN, "feed %s: %s grows old", mw_feed_name(feed), symbol);
    if (status != MW_OK)
        return status;
    mw_engine_keep_series(engine, *series); /* the venue is asked for the rest */
    if (engine->backfill != NULL)
        mw_backfill_want(engine->backfill, *series);
    return MW_OK;
}

/* Ends what the venue sends if nobody needs it any more. */
static mw_status release(struct mw_engine *engine, struct mw_engine_want *known,
                         struct mw_error *err)
{
    if (known->asked || is_needed(engine, known->series))
        return MW_OK;
    const struct mw_series_key *key = mw_series_key(known->series);
    forget(engine, known);
    return mw_feed_unsubscribe(mw_engine_find_feed(engine, key->feed), key->symbol, key->timeframe,
                               err);
}

/* What bars of `timeframe` are made of already, because they were read, or else are to be. */
static struct mw_timeframe made_of(const struct mw_engine *engine, uint32_t index,
                                   const char *symbol, struct mw_timeframe timeframe,
                                   struct mw_timeframe otherwise)
{
    struct mw_series *known, *source = NULL;
    if (mw_cache_find(engine->cache, mw_feed_name(engine->feeds[index]), symbol, timeframe,
                      &known) > 0)
        source = mw_derive_source(known);
    return source != NULL ? mw_series_key(source)->timeframe : otherwise;
}

static mw_status add(struct mw_engine *engine, uint32_t index, const char *symbol,
                     struct mw_timeframe timeframe, struct mw_series **series, struct mw_error *err)
{
    struct mw_timeframe sent = timeframe;
    struct mw_series *source;
    mw_status status = mw_engine_choose_timeframe(engine, index, timeframe, &sent, err);
    if (status == MW_OK && !mw_timeframe_equal(sent, timeframe))
        sent = made_of(engine, index, symbol, timeframe, sent);
    if (status == MW_OK)
        status = subscribe(engine, index, symbol, sent, &source, err);
    if (status != MW_OK)
        return status;
    bool derived = !mw_timeframe_equal(sent, timeframe);
    want(engine, source, NULL, !derived);
    if (!derived) {
        *series = source;
        return MW_OK;
    }
    status = mw_derive(engine->cache, source, timeframe, series, err);
    if (status == MW_OK)
        want(engine, *series, source, true);
    else if (release(engine, find_want(engine, source), NULL) != MW_OK)
        mw_log(MW_LOG_WARN, "feed %s: %s stays subscribed", mw_series_key(source)->feed, symbol);
    return status;
}

mw_status mw_engine_add_series(struct mw_engine *engine, const char *name, const char *symbol,
                               struct mw_timeframe timeframe, struct mw_series **series,
                               struct mw_error *err)
{
    uint32_t index = 0;
    mw_status status = choose_feed(engine, name, symbol, &index, err);
    if (status != MW_OK)
        return status;
    pthread_mutex_lock(&engine->series_lock);
    status = add(engine, index, symbol, timeframe, series, err);
    pthread_mutex_unlock(&engine->series_lock);
    if (status != MW_OK)
        return status;
    pthread_mutex_lock(&engine->lock);
    for (uint32_t i = 0; i < engine->worker_count; i++)
        mw_worker_offer(engine->workers[i], *series);
    if (engine->reader != NULL)
        mw_bar_reader_watch(engine->reader, *series);
    pthread_mutex_unlock(&engine->lock);
    return MW_OK;
}

mw_status mw_engine_subscribe(struct mw_engine *engine, const char *feed, const char *symbol,
                              struct mw_timeframe timeframe, struct mw_error *err)
{
    struct mw_series *series;
    return mw_engine_add_series(engine, feed, symbol, timeframe, &series, err);
}

static mw_status remove_series(struct mw_engine *engine, uint32_t index, const char *symbol,
                               struct mw_timeframe timeframe, struct mw_error *err)
{
    struct mw_feed *feed = engine->feeds[index];
    struct mw_series *series;
    struct mw_engine_want *known = NULL;
    if (mw_cache_find(engine->cache, mw_feed_name(feed), symbol, timeframe, &series) > 0)
        known = find_want(engine, series);
    if (known == NULL || !known->asked) {
        char text[MW_TIMEFRAME_BYTES_MAX];
        return mw_fail(err, MW_EINVAL, "feed %s: %s %s is not subscribed", mw_feed_name(feed),
                       symbol, mw_timeframe_format(timeframe, text));
    }
    struct mw_series *source = known->source;
    known->asked = false;
    if (source != NULL) {
        forget(engine, known);
        known = find_want(engine, source);
    }
    return known != NULL ? release(engine, known, err) : MW_OK;
}

mw_status mw_engine_unsubscribe(struct mw_engine *engine, const char *name, const char *symbol,
                                struct mw_timeframe timeframe, struct mw_error *err)
{
    uint32_t index = 0;
    mw_status status = choose_feed(engine, name, symbol, &index, err);
    if (status != MW_OK)
        return status;
    pthread_mutex_lock(&engine->series_lock);
    status = remove_series(engine, index, symbol, timeframe, err);
    pthread_mutex_unlock(&engine->series_lock);
    return status;
}

/* --- finding ---------------------------------------------------------------------------------- */

/* Whether a derived series was made for whoever asked first, and is not what one means who names no
 * feed. */
static bool is_by_the_way(const struct mw_engine *engine, const struct mw_series *series)
{
    const struct mw_engine_want *known = find_want(engine, series);
    return mw_derive_source(series) != NULL && (known == NULL || !known->asked);
}

static uint32_t find(struct mw_engine *engine, const char *feed, const char *symbol,
                     struct mw_timeframe timeframe, struct mw_series **series)
{
    struct mw_series *known = NULL, *source = NULL;
    uint32_t count = mw_cache_find(engine->cache, feed, symbol, timeframe, &known);
    if (count == 0 || (count == 1 && feed == NULL && is_by_the_way(engine, known))) {
        uint32_t made = mw_derive_find_source(engine->cache, feed, symbol, timeframe, &source);
        if (made > 1)
            known = source; /* of several feeds */
        count = made > count ? made : count;
    }
    if (count == 1 && known == NULL) {
        struct mw_error err;
        uint64_t held;
        if (mw_derive(engine->cache, source, timeframe, &known, &err) != MW_OK) {
            if (mw_log_gate_pass(&engine->derive_gate, mw_clock_monotonic_ms(), &held))
                mw_log(MW_LOG_WARN, "get_price: %s", err.message);
            return 0;
        }
    }
    if (count > 0)
        *series = known;
    return count;
}

uint32_t mw_engine_find_series(struct mw_engine *engine, const char *feed, const char *symbol,
                               struct mw_timeframe timeframe, struct mw_series **series)
{
    /* The lock keeps one that is being made, or taken over by its venue, from being seen too
     * early. */
    pthread_mutex_lock(&engine->series_lock);
    uint32_t count = find(engine, feed, symbol, timeframe, series);
    pthread_mutex_unlock(&engine->series_lock);
    return count;
}
