// The values that an operand has for one object, in groups: one group for each innermost collection
// that they come from, since comparisons test each on its own (query-language.md section 22).
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "query/values/value_view.hpp"

namespace realmsync::query {

class Values {
  public:
    void add(const ValueView& value) { items_.push_back(value); }
    void end_group() { ends_.push_back(items_.size()); }

    // At least one after the last end_group(); a group may be empty.
    std::size_t group_count() const { return ends_.size(); }
    std::span<const ValueView> group(std::size_t index) const {
        const std::size_t begin = index == 0 ? 0 : ends_[index - 1];
        return std::span(items_).subspan(begin, ends_[index] - begin);
    }
    bool is_empty() const { return items_.empty(); }

    // Replaces each value.
    template <class Change> void change(Change change) {
        for (ValueView& item : items_)
            item = change(item);
    }

  private:
    std::vector<ValueView> items_;
    std::vector<std::size_t> ends_;
};

} // namespace realmsync::query
