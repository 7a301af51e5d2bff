// Values of decoded extended JSON (realmsync/ejson.py) as the core holds them, and back
// (app-configuration.md 6.1, 6.3). Sizes and depths come from outside and are checked.
#pragma once

#include <pybind11/pybind11.h>

#include "model/value.hpp"

namespace realmsync::bindings {

// What becomes of a value that rules do not know, such as a regular expression.
enum class Unknown : unsigned char {
    refused,
    kept, // as something that is there and that equals nothing
};

// Raises ExpressionError; `what` names the value in its text.
model::Value to_rule_value(pybind11::handle value, const char* what, Unknown unknown);

// None for what is no value of EJSON.
pybind11::object from_rule_value(const model::Value& value);

[[noreturn]] void raise_expression_error(const std::string& why, bool is_misplaced);

} // namespace realmsync::bindings
