// How two schemas differ, and what errors call each difference (data-model.md 15.2). Names decide
// what belongs together; the order of properties, indexes and what lies in SQL where do not count.
// Which differences are allowed when is for those who ask.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/schema.hpp"

namespace realmsync::model {

struct Difference {
    enum class Kind : std::uint8_t {
        class_added,
        class_removed,
        kind_changed, // between top-level, embedded and asymmetric
        key_changed,  // another property is the primary key, or there is one, or none, now
        property_added,
        property_removed,
        type_changed, // or the kind of collection, or the class of links
        made_optional,
        made_required,
    };
    Kind kind;
    std::string cls;
    std::string property; // of the last five; of key_changed the new key, or nothing
    std::string text;     // a sentence
};

// From `before` to `after`, class by class.
std::vector<Difference> differences(const Schema& before, const Schema& after);

// A heading, and a line for each.
std::string as_text(std::string heading, const std::vector<Difference>& differences);

} // namespace realmsync::model
