-- bytes.lua - characters that a C string would need escapes for: " \ ??/ 月.
return [[
"quoted" \n ; a,b 100% ${x} @x@
]]