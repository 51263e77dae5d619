# Turns files into one C file with their bytes, for base/embedded.h.
#
# Included, it gives mw_embed(OUTPUT NAME=PATH...): OUTPUT is made from the files at the paths, and
# made again when one of them changes. As a script (cmake -P) it does the work, with OUTPUT and
# FILES.

if(NOT CMAKE_SCRIPT_MODE_FILE)
  function(mw_embed output)
    set(paths ${ARGN})
    list(TRANSFORM paths REPLACE "^[^=]*=" "")
    string(JOIN "," files ${ARGN})
    add_custom_command(OUTPUT ${output}
      COMMAND ${CMAKE_COMMAND} -DOUTPUT=${output} -DFILES=${files}
              -P ${CMAKE_CURRENT_FUNCTION_LIST_FILE}
      DEPENDS ${paths} ${CMAKE_CURRENT_FUNCTION_LIST_FILE}
      COMMENT "Embedding files"
      VERBATIM)
  endfunction()
  return()
endif()

set(arrays "")
set(table "")
set(count 0)
string(REPLACE "," ";" FILES "${FILES}")
foreach(file IN LISTS FILES)
  string(REGEX MATCH "^([^=]*)=(.*)$" file "${file}")
  set(name ${CMAKE_MATCH_1})
  file(READ ${CMAKE_MATCH_2} bytes HEX)
  string(LENGTH "${bytes}" length)
  math(EXPR length "${length} / 2")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  # Twenty bytes a line; an array of a file without bytes still holds the closing NUL.
  string(REGEX REPLACE "((0x..,){20})" "\\1\n    " bytes "${bytes}")
  string(APPEND arrays "static const unsigned char file_${count}[] = {\n    ${bytes}0x00};\n")
  string(APPEND table "    {\"${name}\", (const char *)file_${count}, ${length}},\n")
  math(EXPR count "${count} + 1")
endforeach()
file(WRITE ${OUTPUT} "/* embedded_files.c - written by embed.cmake from ${count} files. */
#include \"base/embedded.h\"

${arrays}
const struct mw_embedded_file mw_embedded_files[] = {
${table}    {NULL, NULL, 0},
};
")
