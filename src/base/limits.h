/* limits.h - every bound on what comes from a socket, a file, a script or a person.
 *
 * One name and one reason each; a test stands at the bound, one past it and at zero.
 *
 * Threads: constants.
 */
#ifndef MW_BASE_LIMITS_H
#define MW_BASE_LIMITS_H

enum {
    /* Names. Venues use up to 30 characters for a symbol ("BTC-USD-260925-100000-C"). */
    MW_SYMBOL_BYTES_MAX = 64,
    MW_FEED_NAME_BYTES_MAX = 32,
    MW_STRATEGY_NAME_BYTES_MAX = 64, /* a file's stem */
    MW_TIMEFRAME_BYTES_MAX = 16,     /* "1m", and a venue's "21600" */
    MW_URL_BYTES_MAX = 2048,         /* what proxies and servers commonly take */
    MW_PATH_BYTES_MAX = 4096,        /* PATH_MAX on Linux */

    /* Numbers as text. 24 digits and an exponent are seen in the field; 64 leaves room. */
    MW_DECIMAL_BYTES_MAX = 64,

    /* The cache. 1000 bars is a day of minutes less a third; a ring of 2^20 is two years. */
    MW_SERIES_CANDLES_DEFAULT = 1000,
    MW_SERIES_CANDLES_MAX = 1 << 20,
    MW_SERIES_REVISIONS_MAX = 64, /* remembered; a venue corrects one bar now and then */
    MW_SERIES_MAX = 65536, /* 2,000 symbols in 16 timeframes, twice; 64 bits a word in dirty sets */
    MW_WATCHERS_MAX = 64,  /* workers and event readers; one bit each in a series */

    /* One feed. 2,000 symbols is every pair of the largest venue. */
    MW_FEEDS_MAX = 64,
    MW_FEED_SYMBOLS_MAX = 4096,
    MW_FEED_TIMEFRAMES_MAX = 32,
    MW_FEED_ENDPOINTS_MAX = 16,
    MW_FEED_CONNECTIONS_MAX = 64,  /* a thread each; 64 of 200 streams is 12,800 */
    MW_MARKET_TYPE_BYTES_MAX = 64, /* "spot", "linear" */
    MW_TOKEN_BYTES_MAX = 4096,     /* a CSRF token is 64 bytes, a signed one a few hundred */

    /* Frames. The largest real message is a snapshot of 500 rows, about 60 KB; 4 MiB is generous
     * and still bounds what a hostile server can make one connection hold. */
    MW_FRAME_BYTES_DEFAULT = 4 << 20,
    MW_FRAME_BYTES_MAX = 64 << 20,
    MW_FRAME_BYTES_MIN = 1024,         /* any candle and any reply to a subscription fits */
    MW_SEND_QUEUE_BYTES_MAX = 1 << 20, /* subscriptions of 2,000 topics are 60 KB */
    MW_URGENT_MAX = 16, /* answers to pings that wait for the venue's rate; the rest is dropped */
    MW_RECEIVE_BYTES = 64 << 10, /* one read from a socket; about 180 frames of 352 bytes */
    MW_JSON_DEPTH_MAX = 64,

    /* HTTP. One request a feed at a time. */
    MW_HTTP_REQUESTS_MAX = 64,
    MW_HTTP_RETRY_AFTER_S_MAX = 86400, /* bans of venues last up to three days; ask again daily */

    /* Time-outs and back-off, in milliseconds. */
    MW_PHASE_MS_DEFAULT = 10000,
    MW_PHASE_MS_MAX = 3600000,
    MW_PING_MS_DEFAULT = 15000,     /* venues close after 20 to 60 s of silence */
    MW_PONG_MS_DEFAULT = 10000,     /* the longest that a venue documents */
    MW_STALL_MS_DEFAULT = 10000,    /* venues push an active series every 1 to 2 s */
    MW_GRACE_MS_DEFAULT = 2000,     /* the last update of a bar is seen up to 2 s after its end */
    MW_GAP_WAIT_MS_DEFAULT = 10000, /* a request with two retries takes a few seconds */
    MW_SETTLE_MS_DEFAULT = 10000,   /* data flowing this long: the next failure is a new one */

    /* A venue's history. */
    MW_BACKFILL_ANSWER_BYTES_MAX = 8 << 20, /* 1,500 rows of 200 bytes are 300 KB */
    MW_BACKFILL_ATTEMPTS_MAX = 5,           /* 8 s with the back-off below: less than a gap_wait */
    MW_BACKFILL_BASE_MS = 500,              /* a history lags behind its stream by up to a second */
    MW_BACKFILL_CAP_MS = 10000,
    MW_BACKFILL_RETRY_MS = 60000,       /* holes that were given up are asked for again so soon */
    MW_BACKFILL_RETRY_MS_MAX = 3600000, /* each time in vain later, up to this */
    MW_BACKFILL_SETTLE_MS = 5000,       /* after the end of a bucket its row is final */
    MW_BACKFILL_BAN_MS_MAX = 3600000,   /* however long a venue asks us to stay away */
    MW_BACKFILL_TIMEOUT_MS = 10000,     /* one request */

    /* A download. */
    MW_DOWNLOAD_ATTEMPTS_MAX = 8,    /* in a row: about 40 s with the back-off above */
    MW_DOWNLOAD_TIMEOUT_MS = 30000,  /* one request; nobody waits for a bar */
    MW_DOWNLOAD_RECENT_MS = 3600000, /* an older newest bar: the venue's clock is another */

    /* The store. */
    MW_STORE_BATCH_MS = 250,         /* between two writes; a crash loses no more than this */
    MW_STORE_STOP_MS = 500,          /* what is left to be written at the end gets so long */
    MW_STORE_BUSY_MS = 2000,         /* somebody else's transaction is waited for so long */
    MW_STORE_ROWS_MAX = 65536,       /* in one transaction: about 100 ms */
    MW_STORE_READERS_MAX = 64,       /* connections; one for each thread that reads at once */
    MW_STORE_ERASE_ROWS_MAX = 4096,  /* too old, deleted at once: about 10 ms */
    MW_STORE_RETENTION_MS = 3600000, /* between two looks for rows that are too old */
    MW_RETENTIONS_MAX = 32,          /* timeframes with a retention of their own */

    /* Prices. */
    MW_CONTEXTS_MAX = 4096,         /* series that a host hands in, or files of the settings */
    MW_CONTEXT_ROWS_MAX = 16 << 20, /* of one file: 30 years of minutes; 1 GiB in memory */
    MW_PRICE_ROWS_MAX = 1 << 20,    /* of one answer, and read to make it: two years of minutes */

    /* Bars made of finer ones. */
    MW_DERIVED_MAX = 64, /* timeframes that are made of one series; more are a mistake */

    /* Protocols. A request for 2,000 topics is built in 1 ms. */
    MW_PROTOCOL_MS_MAX = 1000,            /* one call of a protocol's function */
    MW_PROTOCOL_LUA_BYTES_MAX = 64 << 20, /* memory of its functions; they use some 100 KB */
    MW_PING_BYTES_MAX = 1024,             /* a heartbeat or its answer; venues use up to 80 */
    MW_CANDLE_ROWS_MAX = 10000, /* in one message or answer; the most that a venue gives */
    MW_LIFETIME_MS_MAX = 7 * 24 * 3600 * 1000, /* of a connection; venues end them after a day */
    MW_HISTORY_BODY_BYTES_MAX = 4096,          /* what is posted to ask for them */

    /* Scripts. */
    MW_STRATEGIES_MAX = 1024,
    MW_WORKERS_MAX = 32,             /* fewer than MW_WATCHERS_MAX, so that readers have room */
    MW_LUA_BYTES_DEFAULT = 64 << 20, /* memory of one strategy's lua_State */
    MW_LOAD_MS_MAX =
        5000, /* running a script's chunk, or config.lua: nobody waits longer at a start */
    /* One call of the configuration's on_signal, which holds up whoever polls, and Ctrl-C; and all
     * that are left when the engine has stopped. Handing a signal on takes milliseconds. */
    MW_ON_SIGNAL_MS_MAX = 1000,
    MW_SCRIPT_BYTES_MAX = 4 << 20, /* a script or a configuration file */
    MW_VALUE_DEPTH_MAX = 32,       /* nesting of a table that is copied between lua_States */
    MW_VALUE_ITEMS_MAX = 1 << 20,  /* and its keys, as often as they are met */
    MW_EVENTS_MAX = 4096,       /* events a slow reader may leave behind before the oldest drop */
    MW_SIGNAL_BYTES_MAX = 4096, /* one signal as JSON */
    MW_PARAMS_TEXT_BYTES_MAX = 4096,          /* parameters as text, in a report */
    MW_INTERESTS_MAX = 4096,                  /* series that one strategy may ask for */
    MW_BARS_COUNT_MAX = MW_PRICE_ROWS_MAX,    /* `count` of one get_price */
    MW_COLUMN_VALUES_MAX = MW_PRICE_ROWS_MAX, /* of a column, or bars of a frame, made of a table */

    /* Indicators. */
    MW_INDICATOR_N_MAX = 1 << 20, /* rows of a window: two years of minutes, 8 MiB of a stream */

    /* Accounts. */
    MW_INSTRUMENTS_MAX = MW_INTERESTS_MAX, /* pairs of feed and symbol of one account */
    MW_ORDERS_MAX = 4096,                  /* open at once in one account */
    MW_ORDER_TAG_BYTES_MAX = 32,           /* a script's own name for an order */
    MW_ORDER_REASON_BYTES_MAX = 127,
    MW_ORDERS_DONE_MAX = 2 * MW_ORDERS_MAX, /* done and not yet told of; the oldest are dropped */
    MW_FEED_PAST_MS = 60000, /* bars that ended longer ago than that are not told of as they happen:
                              * the wait for a gap is 10 s */
    MW_ACCOUNT_HISTORY_DEFAULT = 4096, /* trades, and fills, that a live account remembers */
    MW_ACCOUNT_HISTORY_MAX = 1 << 22,  /* 600 MB of trades; one a minute for eight years */

    /* Back-tests. */
    MW_DATASET_SERIES_MAX = MW_CONTEXTS_MAX,
    MW_DATASET_ROWS_MAX = MW_CONTEXT_ROWS_MAX, /* of one series */
    MW_BACKTEST_SIGNALS_MAX = 1 << 16,         /* kept; all are counted */
    MW_GRID_VALUES_MAX = 65536,                /* of one parameter */
    MW_GRID_AXES_MAX = 32,
    MW_GRID_NAME_BYTES_MAX = 64, /* of a parameter */
    MW_GRID_VALUE_BYTES_MAX = MW_PATH_BYTES_MAX,
    MW_GRID_RUNS_MAX = 1 << 20,
    MW_GRID_JOBS_MAX = 256,
    MW_REPORT_BYTES_MAX = 256 << 20, /* JSON of a million points is 60 MB */

    /* Log. One line a second and kind, so that a broken feed cannot fill a disk. */
    MW_LOG_GATE_MS = 1000,
    MW_LOG_LINE_BYTES = 2048,

    /* CSV. A row of six numbers is 80 bytes. */
    MW_CSV_LINE_BYTES_MAX = 4096,
    MW_CSV_COLUMNS_MAX = 64,    /* venues' own files have 12 */
    MW_CSV_ROWS_MAX = 16 << 20, /* of one file; 30 years of minutes, 1 GiB in memory */
    MW_CSV_BAD_SHOWN_MAX = 5,   /* rows that are skipped and told of one by one */

    /* Captures. A payload is a message, or an answer of a venue's history and its question. */
    MW_CAPTURE_PAYLOAD_BYTES_MAX = MW_FRAME_BYTES_MAX + (8 << 10),
    MW_CAPTURE_FEEDS_MAX = 255,          /* numbers of one byte; more than MW_FEEDS_MAX */
    MW_CAPTURE_BUFFER_BYTES = 256 << 10, /* of records before they are written, twice */
    MW_REPLAY_CONNECTIONS_MAX = 4096,    /* of one feed; one a day for ten years */
    MW_REPLAY_CANDLES_MAX = 1 << 27,     /* in all series; 8 GiB if they fill up */

    /* Simulator. A million is a day in 90 ms, more than any socket takes. */
    MW_SIMULATOR_SPEED_MAX = 1000000,
    MW_SIMULATOR_SESSIONS_MAX = 256,
    MW_SIMULATOR_MESSAGE_BYTES_MAX = 64 << 10, /* a subscription to 2,000 topics is 60 KB */
    MW_SIMULATOR_REPLY_BYTES_MAX = 8 << 20,    /* a list of all 131,072 series is 4 MB */
    MW_SIMULATOR_REPLAY_ROWS_MAX = 16 << 20,   /* 30 years of minutes; 1 GiB in memory */
    MW_QUERY_PARAMETERS_MAX = 8,               /* of a request for history: 5 are known */
    MW_QUERY_NAME_BYTES_MAX = 16,
    MW_QUERY_VALUE_BYTES_MAX = MW_SYMBOL_BYTES_MAX, /* the longest value is a symbol */
};

/* Free blocks that a lua_State keeps for itself: what it drops between two cycles of its collector,
 * for a script of some hundred KiB. AddressSanitizer is to see each of them freed: gcc tells of it
 * by a macro, clang by a feature. */
#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define MW_HEAP_KEEPS_NOTHING
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define MW_HEAP_KEEPS_NOTHING
#endif
#ifdef MW_HEAP_KEEPS_NOTHING
enum { MW_HEAP_KEPT_BYTES_MAX = 0 };
#else
enum { MW_HEAP_KEPT_BYTES_MAX = 1 << 20 };
#endif

/* Amounts and prices of orders, and the money of accounts. A unit of the smallest coin is 1e-8, the
 * largest supply 1e15; products of two stay far from where doubles end. */
#define MW_ORDER_NUMBER_MIN 1e-12
#define MW_ORDER_NUMBER_MAX 1e15
#define MW_LEVERAGE_MIN     0.01
#define MW_LEVERAGE_MAX     1000.0 /* more than any venue offers */
#define MW_FEE_MAX          0.5    /* a fraction; more is a per cent that was meant */

#endif
