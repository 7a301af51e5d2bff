// Equalities of one path with several constants as one membership, for normal_form.hpp
// (query-language.md 19.3): p == a OR p IN {b, c} as p IN {a, b, c}; p != a AND NOT p IN {b, c} as
// its negation.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "query/tree/tree.hpp"

namespace realmsync::query {

class Equalities {
  public:
    // Members of a disjunction, or the negations that are those of a conjunction.
    explicit Equalities(bool conjunction) : is_negated_(conjunction) {}

    // Takes a member in normal form if it is such an equality; else false.
    bool take(const Predicate& member);
    // What was taken: one member for each path, its constants sorted and none twice.
    std::vector<PredicatePtr> merged() const;

  private:
    struct Entry {
        Comparison first; // with the path and what else is common to all; no constants
        std::map<std::string, Constant> items; // by their bytes
    };
    bool take(const Comparison& comparison);
    bool take(const Membership& membership);
    Entry& entry(const Comparison& comparison);
    PredicatePtr one_of(const Entry& entry) const;

    bool is_negated_;
    std::map<std::string, Entry> entries_; // by the bytes of what is common
};

} // namespace realmsync::query
