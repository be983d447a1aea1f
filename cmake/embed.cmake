# Makes a C++ file of the page of reports: cmake -D OUTPUT=<file.cc> -D FOLDER=<folder> -P embed.cmake. One string per
# file (clang warns of longer ones); the scripts follow each other in the order of their names.
file(READ ${FOLDER}/report.html page)
file(READ ${FOLDER}/report.css style)
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
  "extern const std::string_view report_page, report_style;\nextern const std::span<const std::string_view> report_scripts;\n"
  "const std::string_view report_page = R\"asset(${page})asset\";\n"
  "const std::string_view report_style = R\"asset(${style})asset\";\n"
  "static constexpr std::string_view scripts[] = {\n${scripts}};\n"
  "const std::span<const std::string_view> report_scripts = scripts;\n}\n")
