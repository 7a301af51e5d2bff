// What a rewriting of the schema (schema_rewrite.hpp) has to do: which classes are built anew,
// where the values of a property come from, and whether they can be moved as they are.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "model/schema.hpp"
#include "tables/schema_rewrite.hpp"

namespace realmsync::tables {

// SQL names, quoted: the table of a class before, and a temporary one of keys, `old` and `new`.
std::string old_rows(const model::Class& before);
std::string new_keys(std::string_view cls);

class RewritePlan {
  public:
    RewritePlan(model::SchemaPtr before, const Rewriting& what);

    const Rewriting& what() const { return what_; }
    const model::Schema& before() const { return *before_; }
    const model::Schema& after() const { return what_.target; }

    // Built anew, or gone.
    bool is_affected(std::string_view cls) const { return affected_.contains(cls); }
    const std::set<std::string, std::less<>>& affected() const { return affected_; }
    // Whether objects have rows of their own before, and afterwards.
    bool has_rows_before(std::string_view cls) const;
    bool has_rows_after(std::string_view cls) const;
    // Rows that go on under other keys.
    bool is_rekeyed(std::string_view cls) const;

    // The property before that gives `property` its values; null: none does.
    const model::Property* source(const model::Class& before, const model::Class& after,
                                  const model::Property& property) const;
    // Whether values of a property of before have to be taken apart.
    bool is_deep(const model::Property& before) const;

  private:
    bool is_changed(const model::Class& before) const; // in its own definition
    bool is_reidentified(std::string_view cls) const;  // links to it are others, or gone
    bool touches(const model::Property& property) const;

    model::SchemaPtr before_;
    const Rewriting& what_;
    std::set<std::string, std::less<>> affected_;
    bool is_any_reidentified_ = false;
};

} // namespace realmsync::tables
