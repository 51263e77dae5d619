/* venue.c - the list of venues, and what all of them write with. */
#include "server/venue.h"

#include <string.h>

#include "base/check.h"
#include "base/decimal.h"
#include "base/limits.h"
#include "server/number.h"

static const struct mw_venue *const venues[] = {&mw_venue_wealthdata, &mw_venue_binance};

mw_status mw_venue_find(const char *name, const struct mw_venue **venue, struct mw_error *err)
{
    for (size_t i = 0; i < MW_COUNT(venues); i++) {
        if (strcmp(name, venues[i]->name) == 0) {
            *venue = venues[i];
            return MW_OK;
        }
    }
    return mw_fail(err, MW_EINVAL, "protocol '%.40s': want wealthdata or binance", name);
}

void mw_venue_request_init(struct mw_venue_request *request)
{
    *request = (struct mw_venue_request){.id = MW_STR_INIT(MW_SIMULATOR_MESSAGE_BYTES_MAX)};
    mw_str_adds(&request->id, "null");
}

void mw_venue_request_deinit(struct mw_venue_request *request)
{
    mw_free(request->topics);
    request->topics = NULL;
    request->topic_count = request->topic_capacity = 0;
    mw_str_deinit(&request->id);
}

void mw_venue_request_add(struct mw_venue_request *request, uint32_t symbol, uint32_t timeframe)
{
    if (request->topic_count == request->topic_capacity) {
        request->topic_capacity = request->topic_capacity == 0 ? 16 : request->topic_capacity * 2;
        request->topics =
            mw_realloc_array(request->topics, request->topic_capacity, sizeof(*request->topics));
    }
    request->topics[request->topic_count++] = (struct mw_venue_topic){symbol, timeframe};
}

const char *mw_venue_query_find(const struct mw_venue_query *query, const char *name)
{
    for (size_t i = 0; i < query->count; i++)
        if (strcmp(query->list[i].name, name) == 0)
            return query->list[i].value;
    return NULL;
}

const char *mw_venue_query_odd(const struct mw_venue_query *query, const char *const *names)
{
    for (size_t i = 0; i < query->count; i++) {
        const char *name = query->list[i].name;
        size_t known = 0;
        while (names[known] != NULL && strcmp(names[known], name) != 0)
            known++;
        if (names[known] == NULL || mw_venue_query_find(query, name) != query->list[i].value)
            return name;
    }
    return NULL;
}

bool mw_venue_query_number(const struct mw_venue_query *query, const char *name, int64_t most,
                           int64_t *number)
{
    const char *text = mw_venue_query_find(query, name);
    int64_t value = 0;
    if (text == NULL)
        return true;
    if (!mw_integer_parse(text, strlen(text), &value) || value < 0 || value > most)
        return false;
    *number = value;
    return true;
}

void mw_venue_put(struct mw_venue_writer *writer, const char *text)
{
    size_t length = strlen(text);
    memcpy(writer->at, text, length);
    writer->at += length;
}

void mw_venue_put_integer(struct mw_venue_writer *writer, int64_t value)
{
    writer->at += mw_number_integer(value, writer->at);
}

void mw_venue_put_shortest(struct mw_venue_writer *writer, double value)
{
    writer->at += mw_number_shortest(value, writer->at);
}

void mw_venue_put_fixed(struct mw_venue_writer *writer, double value)
{
    writer->at += mw_number_fixed(value, writer->at);
}
