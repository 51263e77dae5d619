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
---@field source "live"|"backfill"|"store"|"resampled"|"context"|"fill"
---@field revised boolean changed after it had been delivered as closed
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
---@field reason string? why not: "warming", "gap", ...; nil when complete
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

---Exponential moving average, alpha = 2 / (n + 1), seeded with the mean of the first n values.
---@param n integer 1 or more
---@return moonwick.column
function column:ema(n) end

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

---The values from i to j, counted as string.sub does.
---@param i integer
---@param j? integer default -1
---@return moonwick.column
function column:slice(i, j) end

---Simple moving average: the mean of each n values in a row.
---@param n integer 1 or more
---@return moonwick.column
function column:sma(n) end

---Standard deviation of the population.
---@return number # NaN when empty
function column:std() end

---@return number # 0 when empty
function column:sum() end

---A plain table of the values.
---@return number[]
function column:table() end
