# Makes a C++ file of a page: cmake -D NAME=<name> -D OUTPUT=<file.cc> -D FOLDER=<folder> -P embed.cmake. Of <name>.html,
# <name>.css and the scripts, which follow each other in the order of their names: <name>_page, <name>_style and
# <name>_scripts. One string per file (clang warns of longer ones).
file(READ ${FOLDER}/${NAME}.html page)
file(READ ${FOLDER}/${NAME}.css style)
set(scripts "")
file(GLOB names RELATIVE ${FOLDER} ${FOLDER}/*.js)
list(SORT names)
foreach(name IN LISTS names)
  file(READ ${FOLDER}/${name} script)
  string(APPEND scripts "    R\"asset(${script})asset\",\n")
endforeach()
file(
  WRITE ${OUTPUT}
  "// Made by cmake/embed.cmake of the files in ${FOLDER}.\n#include <span>\n#include <string_view>\n"
  "namespace keelson::sim {\n"
  "extern const std::string_view ${NAME}_page, ${NAME}_style;\n"
  "extern const std::span<const std::string_view> ${NAME}_scripts;\n"
  "const std::string_view ${NAME}_page = R\"asset(${page})asset\";\n"
  "const std::string_view ${NAME}_style = R\"asset(${style})asset\";\n"
  "static constexpr std::string_view scripts[] = {\n${scripts}};\n"
  "const std::span<const std::string_view> ${NAME}_scripts = scripts;\n}\n")
