// Table: rows of words under headings, aligned, for people; and whether words may be coloured.
//
// Who uses it: the printers of inspect. Not here: what is in the rows.
#pragma once

#include <string>
#include <vector>

namespace keelson::io::inspect {

// How a report is printed.
struct Style {
  bool colour = false;
  std::size_t rows_max = 50;  // of any list; 0: all
};

inline std::string painted(const std::string& text, const char* code, const Style& style) {
  return style.colour ? std::string("\033[") + code + "m" + text + "\033[0m" : text;
}
inline std::string good(const std::string& text, const Style& style) { return painted(text, "32;1", style); }
inline std::string bad(const std::string& text, const Style& style) { return painted(text, "31;1", style); }

class Table {
 public:
  explicit Table(std::vector<std::string> headings) { rows_.push_back(std::move(headings)); }
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  bool empty() const { return rows_.size() == 1; }

  std::string text() const {
    std::vector<std::size_t> widths;
    for (const auto& row : rows_)
      for (std::size_t i = 0; i < row.size(); ++i) {
        if (i == widths.size()) widths.push_back(0);
        widths[i] = std::max(widths[i], row[i].size());
      }
    std::string out;
    for (const auto& row : rows_) {
      out += " ";
      for (std::size_t i = 0; i < row.size(); ++i) {
        out += " " + row[i];
        if (i + 1 < row.size()) out += std::string(widths[i] - row[i].size() + 1, ' ');
      }
      out += "\n";
    }
    return out;
  }

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace keelson::io::inspect
