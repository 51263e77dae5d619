---@meta moonwick
-- moonwick.lua - what C offers to scripts, for editors and checkers; nothing here runs.

---One candle. A copy: it never changes, and assigning to it raises.
---`pairs(bar)` goes through the fields in the order below, leaving out those that are nil.
---@class moonwick.bar
---@field time integer start of the bucket, ms since 1970 UTC
---@field close_time integer last millisecond of the bucket
---@field open number
---@field high number
---@field low number
---@field close number
---@field volume number base currency
---@field turnover number quote currency; NaN where the feed does not tell
---@field trades integer 0 where unknown
---@field closed boolean
---@field closed_by "exchange"|"successor"|"clock"|nil nil while the bar forms
---@field source "live"|"backfill"|"store"|"resampled"|"context"|"fill"|"import"
---@field revised boolean changed after it had been delivered as closed
---@field proven boolean false when its last updates may be missing
---@field symbol string
---@field frequency string
---@field feed string
local bar = {}

---A plain table of all fields.
---@return table<string, any>
function bar:table() end

---The bars that get_price answers with, oldest first. A snapshot: it never changes; assigning to
---it raises. `#frame` counts the bars; `ipairs` and `pairs` go through them.
---@class moonwick.frame
---@field [integer] moonwick.bar? 1 is the oldest, -1 the newest; nil outside
---@field time moonwick.column ms since 1970 UTC
---@field open moonwick.column
---@field high moonwick.column
---@field low moonwick.column
---@field close moonwick.column
---@field volume moonwick.column
---@field turnover moonwick.column
---@field trades moonwick.column
---@field complete boolean whether all that was asked for is there
---@field reason "unsubscribed"|"warming"|"short"|"gap"|"stale"|nil why not; nil when complete
---@field symbol string
---@field frequency string
---@field feed string
---@operator len: integer
local frame = {}

---The newest bar; nil when there is none.
---@return moonwick.bar?
function frame:last() end

---The bars from i to j, counted as string.sub does; `complete` and `reason` are this frame's.
---@param i integer
---@param j? integer default -1
---@return moonwick.frame
function frame:slice(i, j) end

---A row of numbers. It never changes; operations make new columns. Operators work value by value on
---two columns of one length, or on a column and a number.
---@class moonwick.column
---@field [integer] number? 1 is the oldest, -1 the newest; nil outside
---@operator add(moonwick.column|number): moonwick.column
---@operator sub(moonwick.column|number): moonwick.column
---@operator mul(moonwick.column|number): moonwick.column
---@operator div(moonwick.column|number): moonwick.column
---@operator mod(moonwick.column|number): moonwick.column
---@operator pow(moonwick.column|number): moonwick.column
---@operator unm: moonwick.column
---@operator len: integer
local column = {}

---@return number? # nil when empty
function column:first() end

---@return number? # nil when empty
function column:last() end

---@return number # NaN when empty
function column:max() end

---@return number # NaN when empty
function column:mean() end

---@return number # NaN when empty
function column:min() end

---Each n values in a row, to be summed up.
---@param n integer 1 to 1048576
---@return moonwick.rolling
function column:rolling(n) end

---The values from i to j, counted as string.sub does.
---@param i integer
---@param j? integer default -1
---@return moonwick.column
function column:slice(i, j) end

---Standard deviation of the population.
---@return number # NaN when empty
function column:std() end

---@return number # 0 when empty
function column:sum() end

---A plain table of the values.
---@return number[]
function column:table() end

-- Indicators, of one column and, below, of a frame's closes or bars: docs/indicators.md.

---Bollinger's bands: the mean of n values, and k standard deviations around it.
---@param n? integer|table default 20
---@param k? number default 2
---@return moonwick.column middle
---@return moonwick.column upper
---@return moonwick.column lower
---@return moonwick.column width upper - lower, as a part of middle
---@return moonwick.column percent_b 0 at the lower band, 1 at the upper
function column:bbands(n, k) end

---1 where it is above the other after a row in which it was not, else 0.
---@param other moonwick.column|number
---@return moonwick.column cross_above
function column:cross_above(other) end

---1 where it is below the other after a row in which it was not, else 0.
---@param other moonwick.column|number
---@return moonwick.column cross_below
function column:cross_below(other) end

---The sum of all values so far.
---@return moonwick.column cumsum
function column:cumsum() end

---Double exponential moving average.
---@param n integer|table 1 to 1048576
---@return moonwick.column dema
function column:dema(n) end

---The difference to n rows before.
---@param n? integer|table default 1
---@return moonwick.column diff
function column:diff(n) end

---Exponential moving average, alpha = 2 / (n + 1), seeded with the mean of the first n values.
---@param n integer|table 1 to 1048576
---@return moonwick.column ema
function column:ema(n) end

---The greatest of each n values in a row.
---@param n integer|table 1 to 1048576
---@return moonwick.column highest
function column:highest(n) end

---Hull's moving average.
---@param n integer|table 2 to 1048576
---@return moonwick.column hma
function column:hma(n) end

---Kaufman's adaptive moving average.
---@param n? integer|table default 10
---@param fast? integer for a straight way; default 2
---@param slow? integer for a noisy one; default 30
---@return moonwick.column kama
function column:kama(n, fast, slow) end

---The least of each n values in a row.
---@param n integer|table 1 to 1048576
---@return moonwick.column lowest
function column:lowest(n) end

---Moving average convergence divergence: ema(fast) - ema(slow), and ema(signal) of that.
---@param fast? integer|table default 12
---@param slow? integer default 26
---@param signal? integer default 9
---@return moonwick.column macd
---@return moonwick.column signal
---@return moonwick.column histogram macd - signal
function column:macd(fast, slow, signal) end

---Momentum: the difference to n rows before, in the units of the values.
---@param n integer|table 1 to 1048576
---@return moonwick.column mom
function column:mom(n) end

---Wilder's moving average, alpha = 1 / n, seeded with the mean of the first n values.
---@param n integer|table 1 to 1048576
---@return moonwick.column rma
function column:rma(n) end

---Rate of change over n rows, per cent.
---@param n integer|table 1 to 1048576
---@return moonwick.column roc
function column:roc(n) end

---The sum of each n values in a row.
---@param n integer|table 1 to 1048576
---@return moonwick.column rolling_sum
function column:rolling_sum(n) end

---Wilder's relative strength index, 0 to 100.
---@param n? integer|table default 14
---@return moonwick.column rsi
function column:rsi(n) end

---The value n rows before.
---@param n? integer|table 0 or more; default 1
---@return moonwick.column shift
function column:shift(n) end

---Simple moving average: the mean of each n values in a row.
---@param n integer|table 1 to 1048576
---@return moonwick.column sma
function column:sma(n) end

---Standard deviation of the population of each n values in a row.
---@param n integer|table 1 to 1048576
---@return moonwick.column stddev
function column:stddev(n) end

---Where the RSI stands in its own range, 0 to 100.
---@param rsi? integer|table n of the RSI; default 14
---@param stoch? integer rows of the range; default 14
---@param smooth? integer rows that k is averaged over; default 1
---@param d? integer rows of its average; default 3
---@return moonwick.column k
---@return moonwick.column d
function column:stochrsi(rsi, stoch, smooth, d) end

---Triple exponential moving average.
---@param n integer|table 1 to 1048576
---@return moonwick.column tema
function column:tema(n) end

---Weighted moving average: the newest of n values counts n times, the oldest once.
---@param n integer|table 1 to 1048576
---@return moonwick.column wma
function column:wma(n) end

---Accumulation/distribution line, in units of volume.
---@return moonwick.column adl
function frame:adl() end

---Wilder's average directional index and directional indicators, 0 to 100.
---@param n? integer|table default 14
---@return moonwick.column adx
---@return moonwick.column plus +DI
---@return moonwick.column minus -DI
function frame:adx(n) end

---Aroon: how long ago the greatest high and the least low of n + 1 rows were, 100 for now.
---@param n? integer|table default 25
---@return moonwick.column up
---@return moonwick.column down
---@return moonwick.column oscillator up - down
function frame:aroon(n) end

---Wilder's average true range, in prices.
---@param n? integer|table default 14
---@return moonwick.column atr
function frame:atr(n) end

---Bollinger's bands: the mean of n values, and k standard deviations around it.
---@param n? integer|table default 20
---@param k? number default 2
---@return moonwick.column middle
---@return moonwick.column upper
---@return moonwick.column lower
---@return moonwick.column width upper - lower, as a part of middle
---@return moonwick.column percent_b 0 at the lower band, 1 at the upper
function frame:bbands(n, k) end

---Lambert's commodity channel index.
---@param n? integer|table default 20
---@return moonwick.column cci
function frame:cci(n) end

---Chaikin's money flow, -1 to 1.
---@param n? integer|table default 20
---@return moonwick.column cmf
function frame:cmf(n) end

---1 where it is above the other after a row in which it was not, else 0.
---@param other moonwick.column|number
---@return moonwick.column cross_above
function frame:cross_above(other) end

---1 where it is below the other after a row in which it was not, else 0.
---@param other moonwick.column|number
---@return moonwick.column cross_below
function frame:cross_below(other) end

---The sum of all values so far.
---@return moonwick.column cumsum
function frame:cumsum() end

---Double exponential moving average.
---@param n integer|table 1 to 1048576
---@return moonwick.column dema
function frame:dema(n) end

---The difference to n rows before.
---@param n? integer|table default 1
---@return moonwick.column diff
function frame:diff(n) end

---Donchian's channel: greatest high and least low of the last n rows, the last one included.
---@param n? integer|table default 20
---@return moonwick.column upper
---@return moonwick.column lower
---@return moonwick.column middle halfway
function frame:donchian(n) end

---Exponential moving average, alpha = 2 / (n + 1), seeded with the mean of the first n values.
---@param n integer|table 1 to 1048576
---@return moonwick.column ema
function frame:ema(n) end

---The greatest of each n values in a row.
---@param n integer|table 1 to 1048576
---@return moonwick.column highest
function frame:highest(n) end

---Hull's moving average.
---@param n integer|table 2 to 1048576
---@return moonwick.column hma
function frame:hma(n) end

---Ichimoku, the spans where they are plotted: nothing in a row is from later rows.
---@param conversion? integer|table rows; default 9
---@param base? integer rows; default 26
---@param span? integer rows of span_b; default 52
---@param displacement? integer rows that the spans are moved on; default 26
---@return moonwick.column conversion tenkan
---@return moonwick.column base kijun
---@return moonwick.column span_a senkou A
---@return moonwick.column span_b senkou B
function frame:ichimoku(conversion, base, span, displacement) end

---Kaufman's adaptive moving average.
---@param n? integer|table default 10
---@param fast? integer for a straight way; default 2
---@param slow? integer for a noisy one; default 30
---@return moonwick.column kama
function frame:kama(n, fast, slow) end

---Keltner's channel: ema(n) of the closes, and k times atr(atr_n) around it.
---@param n? integer|table default 20
---@param k? number default 2
---@param atr_n? integer default 10
---@return moonwick.column middle
---@return moonwick.column upper
---@return moonwick.column lower
function frame:keltner(n, k, atr_n) end

---The least of each n values in a row.
---@param n integer|table 1 to 1048576
---@return moonwick.column lowest
function frame:lowest(n) end

---Moving average convergence divergence: ema(fast) - ema(slow), and ema(signal) of that.
---@param fast? integer|table default 12
---@param slow? integer default 26
---@param signal? integer default 9
---@return moonwick.column macd
---@return moonwick.column signal
---@return moonwick.column histogram macd - signal
function frame:macd(fast, slow, signal) end

---Money flow index, 0 to 100.
---@param n? integer|table default 14
---@return moonwick.column mfi
function frame:mfi(n) end

---Momentum: the difference to n rows before, in the units of the values.
---@param n integer|table 1 to 1048576
---@return moonwick.column mom
function frame:mom(n) end

---On balance volume, in units of volume; 0 in the first row.
---@return moonwick.column obv
function frame:obv() end

---Wilder's parabolic stop and reverse, a price.
---@param step? number|table by which it gets faster; default 0.02
---@param max? number how fast it gets; default 0.2
---@return moonwick.column psar
function frame:psar(step, max) end

---Wilder's moving average, alpha = 1 / n, seeded with the mean of the first n values.
---@param n integer|table 1 to 1048576
---@return moonwick.column rma
function frame:rma(n) end

---Rate of change over n rows, per cent.
---@param n integer|table 1 to 1048576
---@return moonwick.column roc
function frame:roc(n) end

---The sum of each n values in a row.
---@param n integer|table 1 to 1048576
---@return moonwick.column rolling_sum
function frame:rolling_sum(n) end

---Wilder's relative strength index, 0 to 100.
---@param n? integer|table default 14
---@return moonwick.column rsi
function frame:rsi(n) end

---The value n rows before.
---@param n? integer|table 0 or more; default 1
---@return moonwick.column shift
function frame:shift(n) end

---Simple moving average: the mean of each n values in a row.
---@param n integer|table 1 to 1048576
---@return moonwick.column sma
function frame:sma(n) end

---Standard deviation of the population of each n values in a row.
---@param n integer|table 1 to 1048576
---@return moonwick.column stddev
function frame:stddev(n) end

---Stochastic oscillator, 0 to 100.
---@param k? integer|table rows of the range; default 14
---@param smooth? integer rows that %K is averaged over; default 3
---@param d? integer rows of its average; default 3
---@return moonwick.column k %K
---@return moonwick.column d %D
function frame:stoch(k, smooth, d) end

---Where the RSI stands in its own range, 0 to 100.
---@param rsi? integer|table n of the RSI; default 14
---@param stoch? integer rows of the range; default 14
---@param smooth? integer rows that k is averaged over; default 1
---@param d? integer rows of its average; default 3
---@return moonwick.column k
---@return moonwick.column d
function frame:stochrsi(rsi, stoch, smooth, d) end

---Supertrend: a stop that follows at k times atr(n), and which way the trend goes.
---@param n? integer|table default 10
---@param k? number default 3
---@return moonwick.column value a price
---@return moonwick.column direction 1 up, -1 down
function frame:supertrend(n, k) end

---Triple exponential moving average.
---@param n integer|table 1 to 1048576
---@return moonwick.column tema
function frame:tema(n) end

---True range, in prices.
---@return moonwick.column tr
function frame:tr() end

---Volume-weighted average price.
---@param n? integer|table rows, 0 for all since the first; default 0
---@return moonwick.column vwap
function frame:vwap(n) end

---Williams' %R, -100 to 0.
---@param n? integer|table default 14
---@return moonwick.column willr
function frame:willr(n) end

---Weighted moving average: the newest of n values counts n times, the oldest once.
---@param n integer|table 1 to 1048576
---@return moonwick.column wma
function frame:wma(n) end

-- The end of the indicators.

---Each n values in a row of a column: what column:rolling(n) gives. Results are columns as long as
---that one, NaN before place n.
---@class moonwick.rolling
local rolling = {}

---@return moonwick.column
function rolling:max() end

---@return moonwick.column
function rolling:mean() end

---@return moonwick.column
function rolling:min() end

---Standard deviation of the population.
---@return moonwick.column
function rolling:std() end

---@return moonwick.column
function rolling:sum() end

---An indicator that is given one row at a time: `indicators.ema(20)`. It gives the numbers that the
---method of the same name gives for whole columns.
---@class moonwick.indicator
local indicator = {}

---How many rows it was given since it was made, or since the last reset.
---@return integer
function indicator:count() end

---For each output the number of the first row with a value, if the first row is known.
---@return integer ...
function indicator:firsts() end

---Takes the next row: a bar, a table of a bar's fields, or numbers in the order of the inputs.
---Of a bar an indicator of one column takes the close.
---@param row moonwick.bar|table<string, number>|number
---@param ... number
---@return number ... # the outputs; NaN where there is none yet
function indicator:push(row, ...) end

---Forgets all rows.
function indicator:reset() end

---What the last push gave; NaN before the first.
---@return number ...
function indicator:value() end

---What indicators.list() tells of one.
---@class moonwick.indicator_entry
---@field name string
---@field takes "column"|"pair"|"bars" what it is computed from
---@field params moonwick.indicator_param[] in order
---@field inputs string[] what push takes: "value", "other", "high", ...
---@field outputs string[] in order
---@field firsts integer[]? first place of each output with a value; nil without a default
local _indicator_entry = {}

---@class moonwick.indicator_param
---@field name string
---@field default number? nil where it has to be given
---@field least number
---@field most number
---@field whole boolean an integer
local _indicator_param = {}

---What went wrong outside: the second result after nil, or part of an event. `tostring` makes a
---sentence of it.
---@class moonwick.error
---@field kind moonwick.error_kind
---@field message string
---@field status string "ECONNECT", "ESUBSCRIBE", ...: finer than kind
---@field code integer? HTTP status, WebSocket close code, or the venue's own
---@field endpoint string? URL without its query
---@field attempts integer? attempts to connect that failed in a row
local _error = {}

---@alias moonwick.error_kind
---| "ConfigError"
---| "HistoryError"
---| "OrderError"
---| "StrategyError"
---| "WebSocketConnectionError"
---| "WebSocketSubscriptionError"

---@alias moonwick.event_kind
---| "state"
---| "refused"
---| "history"
---| "store"
---| "signal"
---| "error"
---| "order"
---| "lagged"
---| "gap"
---| "backfilled"
---| "revised"

---Something that happened. Which fields are there depends on `kind`.
---@class moonwick.event
---@field kind moonwick.event_kind
---@field time integer wall clock, ms since 1970 UTC; order: when it was done, in engine time
---@field feed string? all but store, signal and error
---@field state moonwick.feed_state|"filled"|"cancelled"|"rejected"|nil state, refused; order
---@field error moonwick.error? refused, error; state, history and store where there is a reason
---@field strategy string? signal, error, order, and what a strategy is told of a series
---@field symbol string? order, lagged, gap, backfilled, revised
---@field frequency string? lagged, gap, backfilled, revised
---@field from integer? gap, backfilled: open time of the first bar
---@field to integer? gap, backfilled: open time of the last bar
---@field count integer? bars. lagged: lost; gap: missing or in doubt; backfilled: there now
---@field bar moonwick.bar? revised: as it is now
---@field id integer? order
---@field side "buy"|"sell"|nil order
---@field type "market"|"limit"|"stop"|nil order
---@field amount number? order: filled, or else asked for
---@field price number? order: of the fill, or else of the order
---@field fee number? order, where it was filled
---@field reason string? order: why it was rejected, or cancelled by the engine
---@field tag string? order
---@field text string? signal, for people
---@field values table<string, string|number|boolean>? signal, as it was given
local _event = {}

---@alias moonwick.feed_state
---| "disconnected"
---| "connecting"
---| "connected"
---| "confirmed"
---| "reconnecting"
---| "failed"

---Options of get_price.
---@class moonwick.price_options
---@field count? integer 1..1048576: the newest bars; not together with start
---@field start? integer|string first open time: ms, or ISO 8601 in UTC
---@field finish? integer|string last open time, inclusive; default: now
---@field frequency? string a bar length, subscribed or made of finer bars; default "1m"
---@field forming? boolean whether the bar that forms is wanted too; default false
---@field fields? string[] the columns wanted; default all
local _price_options = {}

---Asks the cache, then the store, then files of candles. Never blocks on a venue; what is missing
---shows in `complete` and `reason`.
---@param symbol string "BTCUSDT", or "feed:BTCUSDT" where several feeds have it
---@param options? moonwick.price_options
---@return moonwick.frame
function get_price(symbol, options) end

---What a strategy's hooks get first. Read-only but for what is inside `state`.
---@class moonwick.context
---@field cash number of the paper account, quote currency
---@field equity number cash and positions at their last prices
---@field name string the strategy's
---@field now integer engine time, ms since 1970 UTC: in handle_bar when the bar closed
---@field params table the script's parameters with the configured ones over them
---@field state table the strategy's own; empty at the start
local context = {}

---Buys at the next price, on the paper account.
---@param symbol string or "feed:SYMBOL"
---@param amount number base currency
---@return integer? id, moonwick.error? err
function context:buy(symbol, amount) end

---Cancels one order, all of a symbol, or all.
---@overload fun(self: moonwick.context, id: integer): true?, moonwick.error?
---@param symbol? string
---@return integer count
function context:cancel(symbol) end

---Closes all of a position at the next price.
---@param symbol string
---@return integer? id, moonwick.error? err
function context:close(symbol) end

---The newest `count` bars, as get_price with these two options.
---@param symbol string
---@param count integer 1..1048576
---@param frequency? string default "1m"
---@return moonwick.frame
function context:history(symbol, count, frequency) end

---Places an order on the paper account.
---@param options moonwick.order_options
---@return integer? id, moonwick.error? err
function context:order(options) end

---The open orders, oldest first.
---@return moonwick.order[]
function context:orders() end

---What is held: negative when short, 0 when flat. The price is the average of the entries.
---@param symbol string
---@return number amount, number? price
function context:position(symbol) end

---Sells at the next price, on the paper account; short when nothing is held.
---@param symbol string or "feed:SYMBOL"
---@param amount number base currency
---@return integer? id, moonwick.error? err
function context:sell(symbol, amount) end

---Says something to whoever listens: an event "signal". A table of named texts, numbers and
---booleans, or one text; at most 4096 bytes as JSON.
---@param values table<string, string|number|boolean>|string
function context:signal(values) end

---What closed (a part of) a position, oldest first.
---@param count? integer the newest so many; default all that are remembered
---@return moonwick.trade[]
function context:trades(count) end

---What context:order takes. Either `amount` or `value`.
---@class moonwick.order_options
---@field symbol string or "feed:SYMBOL"
---@field side "buy"|"sell"
---@field type? "market"|"limit"|"stop" default "market"
---@field amount? number base currency
---@field value? number quote currency to spend, fees included; buying only
---@field price? number of a limit or a stop
---@field reduce? boolean only makes a position smaller
---@field tag? string the script's own name for it, at most 32 bytes

---An open order.
---@class moonwick.order
---@field id integer
---@field symbol string
---@field feed string
---@field side "buy"|"sell"
---@field type "market"|"limit"|"stop"
---@field amount number? base currency; nil where it is by value
---@field value number? quote currency
---@field price number? of a limit or a stop
---@field reduce boolean
---@field tag string?
---@field time integer when it was placed, ms since 1970 UTC

---A part of a position that was closed.
---@class moonwick.trade
---@field symbol string
---@field feed string
---@field side "buy"|"sell" of the entry: "buy" was long
---@field entry_time integer of the first fill of the position, ms since 1970 UTC
---@field exit_time integer
---@field amount number base currency
---@field entry number average price
---@field exit number
---@field fees number of both sides
---@field profit number net of the fees
---@field tag string? of the order that closed it

---Lines of a strategy in the log: the arguments as print shows them.
---@class moonwick.log
local log_class = {}

---@param ... any
function log_class.debug(...) end

---@param ... any
function log_class.error(...) end

---@param ... any
function log_class.info(...) end

---@param ... any
function log_class.warn(...) end

---@type moonwick.log
log = log_class

---lua-cjson; in strategies and protocol files.
---@class moonwick.json
---@field null lightuserdata
local json_class = {}

---@param value any
---@return string
function json_class.encode(value) end

---@param text string
---@return any
function json_class.decode(text) end

---@type moonwick.json
json = json_class

---Feeds, cache and strategies of one configuration, in the hands of a script. Everything but
---`poll` returns at once. `engine <close>` stops and frees it at the end of a block.
---@class moonwick.engine
local engine = {}

---Stops it and frees it; using it afterwards raises. Idempotent.
function engine:close() end

---What is missing or in doubt in the series now: those of a series in a row, oldest first.
---@return moonwick.gap[]
function engine:gaps() end

---@param symbol string "BTCUSDT", or "feed:BTCUSDT" where several feeds have it
---@param options? moonwick.price_options
---@return moonwick.frame
function engine:get_price(symbol, options) end

---@return boolean
function engine:is_running() end

---Has `handler` called, inside engine:poll, for every event of that kind. A handler of "bar" gets
---the bar that closed, the others get the event.
---@param kind moonwick.event_kind|"bar"
---@param handler fun(event: moonwick.event|moonwick.bar)
---@return moonwick.engine # itself
function engine:on(kind, handler) end

---Waits for the first event, calls the handlers of all that are there, returns how many there were.
---@param seconds? number how long to wait; default 0
---@return integer count 0 when the time was over
function engine:poll(seconds) end

---Starts again what has failed, and has what waits for its next attempt try now.
---@param feed? string its name; all of them by default
---@return true? ok, moonwick.error? err
function engine:reconnect(feed) end

---Starts simulators, strategies and feeds.
---@return true? ok, moonwick.error? err
function engine:start() end

---@return moonwick.status
function engine:status() end

---Stops feeds, strategies and simulators. What is in the cache stays. Idempotent.
function engine:stop() end

---@param symbol string "BTCUSDT" or "feed:BTCUSDT"
---@param frequency? string default "1m"
---@return true? ok, moonwick.error? err
function engine:subscribe(symbol, frequency) end

---Ends a subscription; the bars that are in the cache stay.
---@param symbol string "BTCUSDT" or "feed:BTCUSDT"
---@param frequency? string default "1m"
---@return true? ok, moonwick.error? err
function engine:unsubscribe(symbol, frequency) end

---Bars that are missing, or whose last updates may be.
---@class moonwick.gap
---@field feed string
---@field symbol string
---@field frequency string
---@field from integer open time of the first bar
---@field to integer open time of the last bar
---@field buckets integer how many bars there would be
---@field given_up boolean whether readers do not wait for it any more; it is tried again ever later
local _gap = {}

---@class moonwick.status
---@field running boolean
---@field store moonwick.store_status? nil where nothing is kept
---@field events_dropped integer that nobody polled in time
---@field on_signal { calls: integer, errors: integer, dropped: integer }? of the configuration's
---@field feeds table<string, moonwick.feed_status> by name
---@field series moonwick.series_status[] in the order in which they were added
---@field strategies table<string, moonwick.strategy_status> by name
local _status = {}

---Counters are since the engine was opened.
---@class moonwick.feed_status
---@field state moonwick.feed_state
---@field endpoint string URL in use or tried last, without its query; "" before the first attempt
---@field connections integer to the venue, those that are about to replace another included
---@field subscriptions integer series that are wanted now
---@field frames integer messages received
---@field bytes integer their payload
---@field candles integer candles that were put into the cache
---@field late integer of these: older than what was there, and ignored
---@field revised integer of these: changed a bar that was closed
---@field other integer messages that are neither candle nor reply
---@field unsubscribed integer candles of a known symbol in a timeframe that nobody asked for
---@field reconnects integer connections made after the first, planned replacements included
---@field resubscribes integer series that were subscribed again because they were silent
---@field history moonwick.history_status? nil where the venue's history is not asked
---@field gaps integer gaps that its series have now
---@field rejected integer messages rejected, the sum of rejects
---@field rejects table<string, integer> by reason; only those that occurred
---@field error moonwick.error? the last one, also when it is over
local _feed_status = {}

---What the venue was asked for of the past.
---@class moonwick.history_status
---@field requests integer that were answered
---@field failures integer that were not, or wrongly
---@field bars integer that came
---@field waiting integer series with something to ask for
---@field error moonwick.error? the last failure, until a request succeeds again
local _history_status = {}

---What is kept on disk.
---@class moonwick.store_status
---@field path string
---@field bytes integer of the file and its log
---@field rows integer bars written; one that was revised counts again
---@field writes integer transactions
---@field failures integer writes that failed, and are tried again
---@field lost integer live bars that were dropped from the cache before they could be written
---@field erased integer bars that were too old
---@field waiting integer series with something to write
---@field error moonwick.error? the last failure, until a write succeeds again
local _store_status = {}

---@class moonwick.series_status
---@field feed string
---@field symbol string
---@field frequency string
---@field from string? the frequency of the bars that it is made of; nil when the venue sends it
---@field bars integer in the cache now, the forming one included
---@field bytes integer of memory
---@field last moonwick.bar? the newest
local _series_status = {}

---@class moonwick.strategy_status
---@field running boolean whether it is loaded
---@field error moonwick.error? why it is not
---@field bars integer calls of handle_bar that were due
---@field ticks integer
---@field signals integer
---@field errors integer hooks that raised
---@field lost integer bars that the ring dropped before they were delivered
---@field memory_bytes integer of its Lua state after the last hook
---@field account moonwick.account_status? nil when it did not load
local _strategy_status = {}

---A paper account, as of the last hook or price.
---@class moonwick.account_status
---@field cash number
---@field equity number
---@field fees number
---@field positions integer open now
---@field orders integer open now
---@field fills integer
---@field trades integer what closed a position, or a part of one
---@field cancelled integer orders
---@field rejected integer orders, also those that were refused when they were placed
local _account_status = {}

---What a strategy may define; all optional.
---@class moonwick.strategy
---@field params? table defaults
---@field subscriptions? fun(params: table): { symbol: string, frequency: string? }[]
---@field init? fun(context: moonwick.context)
---@field handle_bar? fun(context: moonwick.context, bar: moonwick.bar)
---@field handle_tick? fun(context: moonwick.context, bar: moonwick.bar)
---@field handle_state? fun(context: moonwick.context, event: moonwick.event)
---@field stop? fun(context: moonwick.context)
local _strategy = {}

---Candles for back-tests: a file or a store. What it does not say is found in the rows.
---@class moonwick.data_source
---@field file? string CSV
---@field store? string instead of a file
---@field feed? string
---@field symbol? string
---@field timeframe? string
---@field from? integer|string of what is taken of a store
---@field to? integer|string
---@field holes? boolean absent bars are holes instead of times without a trade

---@alias moonwick.dataset_source string|moonwick.data_source|(string|moonwick.data_source)[]

---A series of a dataset.
---@class moonwick.dataset_series
---@field feed string
---@field symbol string
---@field frequency string
---@field bars integer
---@field first integer open time of the first bar, ms since 1970 UTC
---@field last integer of the last
---@field absent integer buckets without a bar
---@field holes integer how many holes are known; what is absent elsewhere was quiet

---@class moonwick.dataset
local dataset = {}

---Lets go of the candles. Idempotent.
function dataset:close() end

---@return moonwick.dataset_series[]
function dataset:series() end

---@class moonwick.backtest_options
---@field strategy string path of the script
---@field name? string default: the file's name without .lua
---@field data? moonwick.dataset_source|moonwick.dataset
---@field store? string path, instead of data
---@field feed? string of files that do not say so themselves; which series of a store
---@field symbol? string the same
---@field timeframe? string the same
---@field holes? boolean absent bars are holes instead of times without a trade
---@field from? integer|string open time of the first bar that is told: ms, or ISO 8601 in UTC
---@field to? integer|string of the last, inclusive
---@field params? table over the script's own
---@field cash? number default 10000
---@field fee? number fraction of the turnover; default 0.001
---@field maker_fee? number of limit orders that rested; default: as fee
---@field fixed_fee? number of each fill; default 0
---@field slippage? number fraction of the price; default 0
---@field leverage? number default 1
---@field seed? integer of math.random; default 1
---@field bars? integer that a ring of the cache holds; default 1000

---Fractions, not per cents; NaN where it cannot be told.
---@class moonwick.curve_figures
---@field total_return number
---@field cagr number
---@field max_drawdown number
---@field max_drawdown_ms integer
---@field volatility number
---@field sharpe number
---@field sortino number

---@class moonwick.order_totals
---@field placed integer
---@field filled integer
---@field cancelled integer
---@field rejected integer
---@field turnover number

---A series that was told in a back-test.
---@class moonwick.tested_series
---@field feed string
---@field symbol string
---@field frequency string
---@field bars integer that were told
---@field absent integer buckets without a bar
---@field holes boolean whether buckets without a bar are holes; else nothing was traded in them

---@class moonwick.tested_trade
---@field symbol string
---@field side "buy"|"sell" of the entry: "buy" was long
---@field entry_time integer
---@field exit_time integer
---@field amount number
---@field entry number
---@field exit number
---@field fees number
---@field profit number
---@field tag? string

---A value for each moment at which bars closed.
---@class moonwick.equity_curve
---@field time moonwick.column
---@field equity moonwick.column
---@field exposure moonwick.column
---@field hold moonwick.column

---What a back-test has shown.
---@class moonwick.backtest_result: moonwick.curve_figures
---@field strategy string
---@field params string "fast=5 slow=20 symbol=BTCUSDT"
---@field seed integer
---@field from integer open time of the first bar that was told, ms since 1970 UTC
---@field to integer when the last one closed
---@field bars integer that were told
---@field cash number at the end
---@field equity number at the end
---@field exposure number part of the time with a position
---@field hold moonwick.curve_figures of buying all symbols at the first open, without fees
---@field trade_count integer
---@field won integer
---@field lost integer
---@field win_rate number
---@field profit_factor number
---@field profit number
---@field average number
---@field best number
---@field worst number
---@field average_ms integer how long a trade lasted
---@field fees number of all fills
---@field orders moonwick.order_totals
---@field series moonwick.tested_series[]
---@field trades moonwick.tested_trade[]
---@field positions { symbol: string, amount: number, price: number, profit: number }[]
---@field signal_count integer
---@field signals { time: integer, text: string, json: string }[]
---@field curve moonwick.equity_curve
---@field report moonwick.report

---A result as people and machines read it.
---@class moonwick.report
local report = {}

---Frees what it is made of. Idempotent.
function report:close() end

---@return string? csv, moonwick.error? err
function report:equity_csv() end

---@return string? page, moonwick.error? err
function report:html() end

---@param options? { full: boolean? }
---@return string? json, moonwick.error? err
function report:json(options) end

---@param options? { width: integer?, plain: boolean? }
---@return string? text, moonwick.error? err
function report:text(options) end

---@return string? csv, moonwick.error? err
function report:trades_csv() end

---The module `moonwick`. In a strategy it lacks `open`, `backtest`, `dataset` and `live_objects`.
---@class moonwick
---@field version string
local moonwick = {}

---The module `moonwick.indicators`: a function for each indicator, that takes its parameters and
---makes a `moonwick.indicator` of it.
---@class moonwick.indicators
---@field [string] fun(...: number|table): moonwick.indicator
local indicators = {}

---All indicators, by name.
---@return moonwick.indicator_entry[]
function indicators.list() end

---@type moonwick.indicators
moonwick.indicators = indicators

---A column of numbers of one's own.
---@param values number[] at most 1048576
---@return moonwick.column
function moonwick.column(values) end

---A frame of bars of one's own: bars, or tables with at least time, open, high, low and close.
---Times rise, and are starts of buckets of the frequency.
---@param bars (moonwick.bar|table<string, number>)[] at most 1048576
---@param options? { symbol: string?, frequency: string?, feed: string? } default "", "1m", ""
---@return moonwick.frame
function moonwick.frame(bars, options) end

---Asks the engine that was opened last; in a strategy, the one that it runs in.
---@param symbol string
---@param options? moonwick.price_options
---@return moonwick.frame
function moonwick.get_price(symbol, options) end

---Runs a strategy over candles of the past.
---@param options moonwick.backtest_options
---@return moonwick.backtest_result? result, moonwick.error? err
function moonwick.backtest(options) end

---Reads candles for any number of back-tests.
---@param source moonwick.dataset_source
---@return moonwick.dataset? dataset, moonwick.error? err
function moonwick.dataset(source) end

---@return integer engines how many are open in this process
function moonwick.live_objects() end

---Makes an engine from a configuration file or table. It does not run until engine:start().
---@param source string|table
---@return moonwick.engine? engine, moonwick.error? err
function moonwick.open(source) end

return moonwick
