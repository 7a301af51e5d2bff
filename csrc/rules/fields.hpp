// Some fields of a class, by name: those that are named, or all others. So it is said of properties
// that the class gets later, too (app-configuration.md 5.1, `additional_fields`).
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace realmsync::rules {

class Fields {
  public:
    using Names = std::set<std::string, std::less<>>;

    Fields() = default; // none
    static Fields only(Names names) { return {std::move(names), false}; }
    static Fields all_but(Names names) { return {std::move(names), true}; }

    bool contains(std::string_view name) const { return names_.contains(name) != is_all_but_; }
    const Names& names() const { return names_; } // that are said, or left out
    bool is_all_but() const { return is_all_but_; }

    // O(names).
    Fields operator|(const Fields& other) const;
    Fields operator&(const Fields& other) const;
    bool operator==(const Fields&) const = default;

  private:
    Fields(Names names, bool is_all_but) : names_(std::move(names)), is_all_but_(is_all_but) {}
    template <class Both> Fields with(const Fields& other, Both both) const;

    Names names_;
    bool is_all_but_ = false;
};

} // namespace realmsync::rules
