// What a path picks inside a collection or a Mixed: [n], ['k'], .k, [*], @keys, @values, each in
// the next (query-language.md section 7, 9 and 11.5).
#pragma once

#include <span>

#include "query/evaluation/callable.hpp"
#include "query/evaluation/run.hpp"
#include "query/tree/tree.hpp"
#include "query/values/value_view.hpp"

namespace realmsync::query {

class Elements {
  public:
    // Of the property that a path ends in; the path and the schema have to live as long.
    Elements(const Path& path, const model::Schema& schema);

    // Calls `visit` for each value that they pick of `value`, the value of the property. What does
    // not fit contributes nothing, or null where the language says so.
    void each(const model::Value& value, Run& run, Callable<void(const ValueView&)> visit) const;

  private:
    struct Walk;
    void all(const model::Value& value, std::size_t depth, const Walk& walk) const;
    void pick(const model::Value& value, std::size_t depth, const Walk& walk) const;
    void by_index(const model::Value& value, std::size_t depth, const Walk& walk) const;
    void by_key(const model::Value& value, std::size_t depth, const Walk& walk) const;

    std::span<const Element> elements_;
    const model::Schema* schema_;
    bool is_list_; // the property itself is a list: its first index has rules of its own
};

} // namespace realmsync::query
