-- wealthdata.lua - the spelling that scripts of the wealthdata SDK use.
--
--     local wealthdata = require "wealthdata"
--     local bars = wealthdata.get_price("BTCUSDT", { count = 20, frequency = "1h" })

local moonwick = require "moonwick"

return { get_price = moonwick.get_price }
