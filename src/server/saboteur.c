/* saboteur.c - occasions against the plan, dice, and debts. */
#include "server/saboteur.h"

#include <stdatomic.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"

enum {
    OWED_MAX = 256,
    /* A client that has read nothing for so long has lost the connection, or takes it for lost. */
    OWED_MS = 10000,
};

/* What has become of a fault of the plan. */
struct progress {
    uint32_t passed, done;
    int64_t until_ms; /* it lasts until then: further occasions meet it too */
};

struct debt {
    struct mw_playback_event event;
    int64_t repaid_ms; /* monotonic; 0 for not yet */
};

struct mw_saboteur {
    struct mw_fault_plan plan; /* owns */
    struct progress *progress; /* owns; one for each fault of the plan */
    mw_fault_fn on_fault;      /* NULL for nobody */
    void *user;
    struct mw_random random;
    int64_t begun_ms;                 /* monotonic; 0 before the first client */
    double next_ms;                   /* after that: when the next random fault is due */
    bool due[MW_SABOTAGE_KIND_COUNT]; /* random faults that wait for their occasion */
    struct mw_sabotage struck;        /* a random one */
    struct debt owed[OWED_MAX];       /* oldest first */
    size_t owed_count;
    _Atomic uint64_t counts[MW_SABOTAGE_KIND_COUNT];
};

struct mw_saboteur *mw_saboteur_new(const struct mw_fault_plan *plan, mw_fault_fn on_fault,
                                    void *user)
{
    struct mw_saboteur *saboteur = mw_alloc_zero(sizeof(*saboteur));
    mw_fault_plan_copy(plan, &saboteur->plan);
    saboteur->progress = mw_alloc_zero((plan->count + 1) * sizeof(*saboteur->progress));
    saboteur->on_fault = on_fault;
    saboteur->user = user;
    saboteur->random.state = plan->seed;
    if (plan->rate > 0)
        saboteur->next_ms = mw_sabotage_wait_ms(&saboteur->random, plan->rate);
    return saboteur;
}

void mw_saboteur_free(struct mw_saboteur *saboteur)
{
    if (saboteur == NULL)
        return;
    mw_free(saboteur->progress);
    mw_fault_plan_deinit(&saboteur->plan);
    mw_free(saboteur);
}

void mw_saboteur_begin(struct mw_saboteur *saboteur)
{
    if (saboteur->begun_ms == 0)
        saboteur->begun_ms = mw_clock_monotonic_ms();
}

static int64_t elapsed_ms(const struct mw_saboteur *saboteur)
{
    return saboteur->begun_ms != 0 ? mw_clock_monotonic_ms() - saboteur->begun_ms : 0;
}

static void tell(struct mw_saboteur *saboteur, const struct mw_sabotage *sabotage, int64_t now_ms,
                 const struct mw_occasion_facts *facts)
{
    atomic_fetch_add_explicit(&saboteur->counts[sabotage->kind], 1, memory_order_relaxed);
    if (saboteur->on_fault == NULL)
        return;
    const struct mw_fault_event event = {.at_ms = now_ms,
                                         .kind = sabotage->kind,
                                         .session = facts->session,
                                         .symbol = facts->symbol,
                                         .timeframe = facts->timeframe};
    saboteur->on_fault(saboteur->user, &event);
}

/* Whether fault `index` of the plan, whose occasion and series these are, happens now. */
static bool happens(struct mw_saboteur *saboteur, uint32_t index, int64_t now_ms)
{
    const struct mw_sabotage *sabotage = &saboteur->plan.list[index];
    struct progress *progress = &saboteur->progress[index];
    if (now_ms < sabotage->at_ms)
        return false;
    if (now_ms < progress->until_ms)
        return true;
    if (sabotage->times > 0 && progress->done >= sabotage->times)
        return false;
    if (progress->passed < sabotage->after) {
        progress->passed++;
        return false;
    }
    if (sabotage->chance > 0 && mw_random_unit(&saboteur->random) >= sabotage->chance)
        return false;
    progress->done++;
    bool lasts = sabotage->kind == MW_SABOTAGE_STATUS || sabotage->kind == MW_SABOTAGE_REST_STATUS;
    if (lasts)
        progress->until_ms = now_ms + sabotage->duration_ms;
    return true;
}

static bool concerns(const struct mw_sabotage *sabotage, mw_occasion occasion, const char *symbol)
{
    return mw_sabotage_occasion(sabotage->kind) == occasion &&
           (sabotage->symbol[0] == '\0' ||
            (symbol != NULL && strcmp(sabotage->symbol, symbol) == 0));
}

/* Draws the random faults that are due by now; the same kind waits only once. */
static void draw(struct mw_saboteur *saboteur, int64_t now_ms)
{
    const struct mw_fault_plan *plan = &saboteur->plan;
    mw_sabotage_kind choice[MW_SABOTAGE_KIND_COUNT];
    uint32_t count = 0;
    if (plan->rate <= 0 || (double)now_ms < saboteur->next_ms)
        return;
    for (int kind = 0; kind < MW_SABOTAGE_KIND_COUNT; kind++)
        if (plan->at_random[kind])
            choice[count++] = (mw_sabotage_kind)kind;
    while (count > 0 && (double)now_ms >= saboteur->next_ms) {
        saboteur->due[choice[mw_random_next(&saboteur->random) % count]] = true;
        saboteur->next_ms += mw_sabotage_wait_ms(&saboteur->random, plan->rate);
    }
}

static const struct mw_sabotage *strike_at_random(struct mw_saboteur *saboteur,
                                                  mw_occasion occasion, int64_t now_ms)
{
    draw(saboteur, now_ms);
    for (int i = 0; i < MW_SABOTAGE_KIND_COUNT; i++) {
        mw_sabotage_kind kind = (mw_sabotage_kind)i;
        if (!saboteur->due[kind] || mw_sabotage_occasion(kind) != occasion)
            continue;
        saboteur->due[kind] = false;
        mw_sabotage_init(&saboteur->struck, kind);
        mw_sabotage_vary(&saboteur->struck, &saboteur->random);
        return &saboteur->struck;
    }
    return NULL;
}

const struct mw_sabotage *mw_saboteur_strike(struct mw_saboteur *saboteur, mw_occasion occasion,
                                             const struct mw_occasion_facts *facts)
{
    int64_t now_ms = elapsed_ms(saboteur);
    const struct mw_sabotage *struck = NULL;
    const struct mw_sabotage *list = saboteur->plan.list;
    MW_CHECK(list != NULL); /* a copy has one even if it is empty */
    for (uint32_t i = 0; i < saboteur->plan.count && struck == NULL; i++)
        if (concerns(&list[i], occasion, facts->symbol) && happens(saboteur, i, now_ms))
            struck = &list[i];
    if (struck == NULL)
        struck = strike_at_random(saboteur, occasion, now_ms);
    if (struck != NULL)
        tell(saboteur, struck, now_ms, facts);
    return struck;
}

int64_t mw_saboteur_wait_ms(const struct mw_saboteur *saboteur)
{
    int64_t least_ms = -1, now_ms = elapsed_ms(saboteur);
    for (uint32_t i = 0; saboteur->begun_ms != 0 && i < saboteur->plan.count; i++) {
        const struct mw_sabotage *sabotage = &saboteur->plan.list[i];
        if (mw_sabotage_occasion(sabotage->kind) != MW_OCCASION_GONE || sabotage->chance > 0 ||
            saboteur->progress[i].passed + saboteur->progress[i].done > 0)
            continue;
        int64_t wait_ms = sabotage->at_ms > now_ms ? sabotage->at_ms - now_ms : 0;
        least_ms = least_ms < 0 || wait_ms < least_ms ? wait_ms : least_ms;
    }
    return least_ms;
}

uint64_t mw_saboteur_pick(struct mw_saboteur *saboteur)
{
    return mw_random_next(&saboteur->random);
}

static void forget(struct mw_saboteur *saboteur, size_t index)
{
    saboteur->owed_count--;
    memmove(&saboteur->owed[index], &saboteur->owed[index + 1],
            (saboteur->owed_count - index) * sizeof(saboteur->owed[0]));
}

static void forget_old(struct mw_saboteur *saboteur)
{
    int64_t now_ms = mw_clock_monotonic_ms();
    for (size_t i = saboteur->owed_count; i > 0; i--)
        if (saboteur->owed[i - 1].repaid_ms != 0 &&
            now_ms - saboteur->owed[i - 1].repaid_ms > OWED_MS)
            forget(saboteur, i - 1);
}

static bool same_bar(const struct mw_playback_event *a, const struct mw_playback_event *b)
{
    return a->symbol == b->symbol && a->timeframe == b->timeframe &&
           a->candle.open_ms == b->candle.open_ms;
}

bool mw_saboteur_owe(struct mw_saboteur *saboteur, const struct mw_playback_event *event)
{
    forget_old(saboteur);
    for (size_t i = saboteur->owed_count; i > 0; i--)
        if (same_bar(&saboteur->owed[i - 1].event, event))
            forget(saboteur, i - 1);
    if (saboteur->owed_count == OWED_MAX)
        return false;
    saboteur->owed[saboteur->owed_count++] = (struct debt){.event = *event};
    return true;
}

void mw_saboteur_repay(struct mw_saboteur *saboteur, const struct mw_playback_event *event)
{
    for (size_t i = 0; i < saboteur->owed_count; i++)
        if (same_bar(&saboteur->owed[i].event, event))
            saboteur->owed[i].repaid_ms = mw_clock_monotonic_ms();
}

void mw_saboteur_each_owed(struct mw_saboteur *saboteur, uint32_t symbol, uint32_t timeframe,
                           void (*visit)(void *user, const struct mw_playback_event *event),
                           void *user)
{
    forget_old(saboteur);
    for (size_t i = 0; i < saboteur->owed_count; i++)
        if (saboteur->owed[i].event.symbol == symbol &&
            saboteur->owed[i].event.timeframe == timeframe)
            visit(user, &saboteur->owed[i].event);
}

void mw_saboteur_counts(const struct mw_saboteur *saboteur, uint64_t counts[MW_SABOTAGE_KIND_COUNT])
{
    for (int i = 0; i < MW_SABOTAGE_KIND_COUNT; i++)
        counts[i] = atomic_load_explicit(&saboteur->counts[i], memory_order_relaxed);
}
