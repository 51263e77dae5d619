/* progress.c - samples, rates, and lines that fit. */
#include "cli/progress.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"

enum {
    SAMPLE_MS = 600, /* apart; all of them together span the last ten seconds */
    DRAW_MS = 100,
    WIDTH_DEFAULT = 80,
    NAME_COLUMNS_MAX = 28,
    BAR_COLUMNS_MIN = 8,
    BAR_COLUMNS_MAX = 40,
    SPAN_BYTES = 24,
    PART_BYTES = 256,
};

static bool can_draw(FILE *file)
{
    const char *term = getenv("TERM");
    return isatty(fileno(file)) == 1 && term != NULL && term[0] != '\0' &&
           strcmp(term, "dumb") != 0;
}

void mw_progress_init(struct mw_progress *progress, FILE *file, int64_t every_ms)
{
    *progress = (struct mw_progress){.file = file,
                                     .bar = can_draw(file),
                                     .every_ms = every_ms > 0 ? every_ms : MW_PROGRESS_EVERY_MS};
}

void mw_progress_begin(struct mw_progress *progress, int64_t now_ms)
{
    progress->sample_count = 0;
    progress->next_ms = progress->bar ? now_ms : now_ms + progress->every_ms;
}

static int width_of(const struct mw_progress *progress)
{
    struct winsize size;
    if (progress->width > 0)
        return progress->width;
    if (ioctl(fileno(progress->file), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return WIDTH_DEFAULT;
}

/* --- rates ------------------------------------------------------------------------------------ */

static void take_sample(struct mw_progress *progress, const struct mw_progress_state *state,
                        int64_t now_ms)
{
    uint32_t last = (progress->sample_count - 1) % MW_PROGRESS_SAMPLES;
    if (progress->sample_count > 0 && now_ms - progress->samples[last].at_ms < SAMPLE_MS)
        return;
    uint32_t at = progress->sample_count++ % MW_PROGRESS_SAMPLES;
    progress->samples[at].at_ms = now_ms;
    progress->samples[at].done = state->done;
    progress->samples[at].rows = state->rows;
}

/* Per second since the oldest sample. False where there is nothing to tell it from. */
static bool find_rates(const struct mw_progress *progress, const struct mw_progress_state *state,
                       int64_t now_ms, double *done, double *rows)
{
    if (progress->sample_count == 0)
        return false;
    uint32_t oldest = progress->sample_count < MW_PROGRESS_SAMPLES
                          ? 0
                          : progress->sample_count % MW_PROGRESS_SAMPLES;
    int64_t span_ms = now_ms - progress->samples[oldest].at_ms;
    if (span_ms < DRAW_MS || state->done < progress->samples[oldest].done ||
        state->rows < progress->samples[oldest].rows)
        return false;
    double seconds = (double)span_ms / MW_MS_PER_SECOND;
    *done = (double)(state->done - progress->samples[oldest].done) / seconds;
    *rows = (double)(state->rows - progress->samples[oldest].rows) / seconds;
    return true;
}

/* "3s", "2m05s", "1h02m", "3d04h". */
static char *format_span(double seconds, char text[SPAN_BYTES])
{
    if (!(seconds < 1000.0 * 86400)) {
        snprintf(text, SPAN_BYTES, "long");
        return text;
    }
    unsigned long s = (unsigned long)(seconds + 0.5);
    if (s < 60)
        snprintf(text, SPAN_BYTES, "%lus", s);
    else if (s < 3600)
        snprintf(text, SPAN_BYTES, "%lum%02lus", s / 60, s % 60);
    else if (s < 86400)
        snprintf(text, SPAN_BYTES, "%luh%02lum", s / 3600, s / 60 % 60);
    else
        snprintf(text, SPAN_BYTES, "%lud%02luh", s / 86400, s / 3600 % 24);
    return text;
}

/* --- lines ------------------------------------------------------------------------------------ */

static uint64_t done_of(const struct mw_progress_state *state)
{
    return state->done < state->total ? state->done : state->total;
}

/* 0..100; 100 only when all is done, and 0 when it is not known what there is to do. */
static int percent_of(const struct mw_progress_state *state)
{
    if (state->total == 0)
        return 0;
    int percent = (int)((double)done_of(state) / (double)state->total * 100);
    return percent == 100 && state->done < state->total ? 99 : percent;
}

/* At most `columns` bytes of `from`, with ".." for what is cut and '?' for what would move the
 * cursor. Bytes of one character stay together. */
static void copy_cut(const char *from, int columns, char *text, size_t size)
{
    size_t length = strlen(from),
           room = (size_t)(columns < (int)size - 1 ? columns : (int)size - 1);
    bool cut = length > room;
    if (cut && room < 2)
        length = 0;
    else if (cut)
        for (length = room - 2; length > 0 && ((unsigned char)from[length] & 0xC0) == 0x80;)
            length--;
    for (size_t i = 0; i < length; i++) {
        bool control = (unsigned char)from[i] < ' ' || from[i] == 0x7F;
        text[i] = '?';
        if (!control)
            text[i] = from[i];
    }
    snprintf(text + length, size - length, "%s", cut && room >= 2 ? ".." : "");
}

/* The parts right of the bar, each of which may be left out: the last goes first. */
static int add_parts(const struct mw_progress *progress, const struct mw_progress_state *state,
                     int64_t now_ms, char parts[3][PART_BYTES])
{
    double done_rate, row_rate;
    char span[SPAN_BYTES];
    const char *unit = state->unit != NULL ? state->unit : "rows";
    snprintf(parts[0], PART_BYTES, "  %" PRIu64 " %s", state->rows, unit);
    if (state->note != NULL) {
        char note[PART_BYTES - 2];
        copy_cut(state->note, PART_BYTES - 4, note, sizeof(note));
        snprintf(parts[1], PART_BYTES, "  %s", note);
        return 2;
    }
    if (!find_rates(progress, state, now_ms, &done_rate, &row_rate))
        return 1;
    double left = (double)(state->total - done_of(state));
    int count = 1;
    if (done_rate > 0)
        snprintf(parts[count++], PART_BYTES, "  %s left", format_span(left / done_rate, span));
    snprintf(parts[count++], PART_BYTES, "  %.0f %s/s", row_rate, unit);
    return count;
}

static void draw_bar(const struct mw_progress_state *state, int columns, char *text)
{
    int full = state->total == 0
                   ? 0
                   : (int)((double)done_of(state) / (double)state->total * (columns - 2));
    text[0] = '[';
    for (int i = 0; i < columns - 2; i++)
        text[1 + i] = i < full ? '#' : '.';
    text[columns - 1] = ']';
    text[columns] = '\0';
}

char *mw_progress_format(const struct mw_progress *progress, const struct mw_progress_state *state,
                         int64_t now_ms, int width, char *text)
{
    char name[NAME_COLUMNS_MAX + 8], head[NAME_COLUMNS_MAX + 24], parts[3][PART_BYTES];
    if (width >= MW_PROGRESS_BYTES)
        width = MW_PROGRESS_BYTES - 1;
    int count = add_parts(progress, state, now_ms, parts);
    copy_cut(state->name, width / 2 < NAME_COLUMNS_MAX ? width / 2 : NAME_COLUMNS_MAX, name,
             sizeof(name));
    int used = snprintf(head, sizeof(head), "%s %3d%%", name, percent_of(state));
    int right = 0, shown = 0;
    while (shown < count && used + right + (int)strlen(parts[shown]) <= width)
        right += (int)strlen(parts[shown++]);
    if (state->note != NULL && shown == 1 && count == 2) { /* as much as fits */
        char note[PART_BYTES];
        copy_cut(parts[1], width - used - right, note, sizeof(note));
        snprintf(parts[1], PART_BYTES, "%s", note);
        right += (int)strlen(parts[shown++]);
    }
    int columns = width - used - right - 1;
    columns = columns > BAR_COLUMNS_MAX ? BAR_COLUMNS_MAX : columns;
    char bar[BAR_COLUMNS_MAX + 2] = "";
    if (progress->bar && columns >= BAR_COLUMNS_MIN) {
        bar[0] = ' ';
        draw_bar(state, columns, bar + 1);
    }
    int length = snprintf(text, MW_PROGRESS_BYTES, "%s%s", head, bar);
    for (int i = 0; i < shown; i++)
        length += snprintf(text + length, (size_t)(MW_PROGRESS_BYTES - length), "%s", parts[i]);
    if (length > width && width >= 0)
        text[width] = '\0';
    return text;
}

void mw_progress_show(struct mw_progress *progress, const struct mw_progress_state *state,
                      int64_t now_ms)
{
    char text[MW_PROGRESS_BYTES];
    if (now_ms >= progress->next_ms) {
        progress->next_ms = now_ms + (progress->bar ? DRAW_MS : progress->every_ms);
        if (progress->bar) {
            /* The last column stays free: a line that fills it makes some terminals go on. */
            mw_progress_format(progress, state, now_ms, width_of(progress) - 1, text);
            fprintf(progress->file, "\r%s\x1b[K", text);
            progress->drawn = true;
        } else {
            mw_progress_format(progress, state, now_ms, MW_PROGRESS_BYTES - 1, text);
            fprintf(progress->file, "%s\n", text);
        }
        fflush(progress->file);
    }
    take_sample(progress, state, now_ms);
}

void mw_progress_clear(struct mw_progress *progress)
{
    if (!progress->drawn)
        return;
    fputs("\r\x1b[K", progress->file);
    fflush(progress->file);
    progress->drawn = false;
}
