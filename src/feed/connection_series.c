/* connection_series.c - which series a connection carries, as other threads see it. */
#include "feed/connection_parts.h"

#include "base/check.h"

static size_t key_of(const struct mw_connection *connection, const struct mw_series *series,
                     char *key)
{
    const struct mw_series_key *of = mw_series_key(series);
    char code[MW_TIMEFRAME_BYTES_MAX];
    if (!mw_protocol_timeframe_code(connection->protocol, of->timeframe, code))
        return 0;
    return mw_connection_wanted_key(of->symbol, code, key);
}

bool mw_connection_carries(struct mw_connection *connection, const struct mw_series *series)
{
    char key[MW_WANTED_KEY_BYTES];
    size_t length = key_of(connection, series, key);
    pthread_mutex_lock(&connection->lock);
    bool carries = length > 0 && mw_map_find(&connection->wanted, key, length) == series;
    pthread_mutex_unlock(&connection->lock);
    return carries;
}

bool mw_connection_flows(struct mw_connection *connection, const struct mw_series *series)
{
    pthread_mutex_lock(&connection->lock);
    bool flows = mw_map_find(&connection->flowing, &series, sizeof(series)) != NULL;
    pthread_mutex_unlock(&connection->lock);
    return flows;
}

void mw_connection_show_flows(struct mw_connection *connection)
{
    const struct mw_intake *intake = &connection->intake;
    if (intake->flow_count == connection->flow_count)
        return;
    connection->flow_count = intake->flow_count;
    size_t at = 0;
    const struct mw_map_item *item;
    pthread_mutex_lock(&connection->lock);
    while ((item = mw_map_next(&intake->subscriptions.by_key, &at)) != NULL) {
        const struct mw_subscription *subscription = item->value;
        struct mw_series *series = subscription->series;
        if (subscription->flows)
            mw_map_set(&connection->flowing, &series, sizeof(series), series);
    }
    pthread_mutex_unlock(&connection->lock);
}

void mw_connection_hide_flows(struct mw_connection *connection)
{
    pthread_mutex_lock(&connection->lock);
    mw_map_deinit(&connection->flowing);
    pthread_mutex_unlock(&connection->lock);
}

void mw_connection_hide_flow(struct mw_connection *connection, const struct mw_series *series)
{
    pthread_mutex_lock(&connection->lock);
    mw_map_remove(&connection->flowing, &series, sizeof(series));
    pthread_mutex_unlock(&connection->lock);
}

uint32_t mw_connection_series_count(struct mw_connection *connection)
{
    pthread_mutex_lock(&connection->lock);
    uint32_t count = (uint32_t)connection->wanted.count;
    pthread_mutex_unlock(&connection->lock);
    return count;
}

struct mw_series **mw_connection_list_series(struct mw_connection *connection, uint32_t *count)
{
    pthread_mutex_lock(&connection->lock);
    struct mw_series **list = mw_alloc((connection->wanted.count + 1) * sizeof(*list));
    size_t at = 0;
    const struct mw_map_item *item;
    *count = 0;
    while ((item = mw_map_next(&connection->wanted, &at)) != NULL)
        list[(*count)++] = item->value;
    pthread_mutex_unlock(&connection->lock);
    return list;
}
