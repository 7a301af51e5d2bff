// What the expansions of rules stand for: the user, values, environment, partition and request at
// the moment when a session begins (app-configuration.md 6.2). Values only: who fetches them is
// somebody else's matter.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "model/value.hpp"

namespace realmsync::rules {

// Dictionaries (model::Value of a Mixed), looked into by dotted paths. An expansion that leads
// nowhere is missing, which is not null.
struct Context {
    model::Value user;                     // id (text), type, data, custom_data, identities
    model::Value values;                   // by name
    model::Value environment;              // tag, values
    std::optional<model::Value> partition; // its value; absent outside partition permissions
    std::optional<model::Value> request;   // of can_evaluate alone
};

} // namespace realmsync::rules
