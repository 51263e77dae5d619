-- rewrap.lua - moves words of comment lines over 100 columns to the next line, in place.
--
--     lua5.4 tests/tidy/rewrap.lua FILE...
--
-- Code and what is indented in a comment (drawings, lists) stay as they are: only what runs over is
-- moved, into the following line of the same paragraph or into a new one. First lines are titles
-- and stay for a person to shorten.

local COLUMNS_MAX = 100

-- What stands before the words of a comment line, and what a line that goes on with it starts with.
local function prefixes(line)
  local mark = line:match("^(%s*/%*%*? )") -- /* opens a C comment
  if mark then
    -- The line after a one-line opening: " * ".
    return mark, mark:match("^%s*") .. " * "
  end
  mark = line:match("^(%s*%* )%S") or line:match("^(%s*%-%-%-? )%S") or line:match("^(%s*#+ )%S")
  return mark, mark
end

local function length(text)
  return utf8.len(text) or #text
end

-- Splits an overlong comment line at its last blank that fits; nil when it needs none or has none.
local function split(line)
  local prefix, continued = prefixes(line)
  if not prefix or length(line) <= COLUMNS_MAX then return nil end
  line = line:gsub(" %*/$", "\1*/") -- the closing mark stays with the last word
  local cut
  for at in line:gmatch("() ") do
    if at > #prefix and length(line:sub(1, at - 1)) <= COLUMNS_MAX then cut = at end
  end
  if not cut then return nil end
  return line:sub(1, cut - 1), continued, (line:sub(cut + 1):gsub("\1", " "))
end

local function rewrap(lines)
  local at = 2
  while at <= #lines do
    local head, prefix, rest = split(lines[at])
    if head then
      lines[at] = head
      local following = lines[at + 1] or ""
      local words = following:sub(1, #prefix) == prefix and following:sub(#prefix + 1) or ""
      if words:find("^[%w`'\"(]") and not words:find("  ", 1, true) then
        lines[at + 1] = prefix .. rest .. " " .. words
      else
        table.insert(lines, at + 1, prefix .. rest)
      end
    end
    at = at + 1
  end
end

for _, path in ipairs(arg) do
  local file = assert(io.open(path, "rb"))
  local lines = {}
  for line in file:lines() do lines[#lines + 1] = line end
  file:close()
  rewrap(lines)
  file = assert(io.open(path, "wb"))
  file:write(table.concat(lines, "\n"), "\n")
  file:close()
end
