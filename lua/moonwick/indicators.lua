-- indicators.lua - the module `moonwick.indicators`: indicators that are given one bar at a time.
--
--     local indicators = require "moonwick.indicators"
--     local ema = indicators.ema(20)
--     print(ema:push(bar.close))

return require("moonwick.core").indicators
