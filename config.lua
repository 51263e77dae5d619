-- config.lua - what `moonwick run` does when it is told nothing else: a simulated market, so that
-- it runs without an account or a network. `moonwick check` shows what a configuration means.

return {
  feeds = {
    {
      name = "demo",
      protocol = "wealthdata",
      endpoint = "simulator", -- in this process, over a real WebSocket on loopback
      simulator = { speed = "600x", seed = 7 },
      symbols = { "BTCUSDT", "ETHUSDT" },
      timeframes = { "1m", "5m", "1h" },

      -- What is missed is asked from the venue's history; spans are seconds, these the defaults.
      -- backfill = true,
      -- gap_wait = 10, -- newer bars wait this long for a hole before them; 0 for never
      -- grace = 2, -- after a bar's end, until the clock closes it
      -- liveness = { ping = 15, pong = 10, stall = 10 },
    },

    -- The real thing: public data, no account needed.
    -- {
    --   name = "binance",
    --   protocol = "binance",
    --   symbols = { "BTCUSDT", "ETHUSDT" },
    --   timeframes = { "1m" },
    -- },
  },

  -- Keep bars from one start to the next. Not those of the demo above, whose past begins anew.
  -- history = { store = "moonwick.db", retention = { ["1s"] = "7d", ["1m"] = "2y" } },

  -- What the paper account of each strategy begins with; these are the defaults.
  -- account = { cash = 10000, fee = 0.001, slippage = 0, leverage = 1 },

  -- Signals of strategies, handed on: to a file, a pipe, your own order routing.
  -- on_signal = function(signal) print(signal.strategy, signal.text) end,

  strategies = {
    { file = "strategies/sma_cross.lua", params = { fast = 3, slow = 9 } },

    -- The others that are there; the values are those of the files, if nothing else is said.
    -- { file = "strategies/rsi_reversion.lua", params = { n = 14, low = 30, high = 55 } },
    -- { file = "strategies/donchian_breakout.lua", params = { enter = 20, leave = 10 } },
    -- { file = "strategies/macd_atr.lua", params = { symbol = "ETHUSDT", distance = 3 } },
    -- "strategies/print_bars.lua", -- every bar into the log
  },
}
