-- first.lua - a file that is built into embedded_test.
return "first"
