# Makes a C++ file of text files: cmake -D OUTPUT=<file.cc> -D FOLDER=<folder> -P embed.cmake. The page and the style
# become one string each, the scripts one string in the order of their names.
function(read_text result)
  set(text "")
  foreach(name IN LISTS ARGN)
    file(READ ${FOLDER}/${name} content)
    string(APPEND text ")asset\"\nR\"asset(${content}")
  endforeach()
  set(${result} "${text}" PARENT_SCOPE)
endfunction()

file(GLOB scripts RELATIVE ${FOLDER} ${FOLDER}/*.js)
list(SORT scripts)
read_text(page report.html)
read_text(style report.css)
read_text(script ${scripts})
file(
  WRITE ${OUTPUT}
  "// Made by cmake/embed.cmake of the files in ${FOLDER}.\n#include <string_view>\nnamespace keelson::sim {\n"
  "extern const std::string_view report_page, report_style, report_script;\n"
  "const std::string_view report_page = R\"asset(${page})asset\";\n"
  "const std::string_view report_style = R\"asset(${style})asset\";\n"
  "const std::string_view report_script = R\"asset(${script})asset\";\n}\n")
