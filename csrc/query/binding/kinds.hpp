// What kind of value an operand has while it is bound (query-language.md 5.1, 8.1): types of
// properties, and those that only operands have. Which kinds may meet is decided here, too.
#pragma once

#include <string>

#include "base/values.hpp"
#include "model/value.hpp"

namespace realmsync::query {

enum class Kind : std::uint8_t {
    nothing, // NULL that knows no type
    integer,
    boolean,
    string,
    binary,
    mixed,
    timestamp,
    float32,
    float64,
    decimal,
    link,       // a property: of one class
    typed_link, // a constant: of any class
    object_id,
    uuid,
    type_attribute, // @type and what is compared with it
};

Kind kind_of(Type property);
Kind kind_of(const model::Value& value);
Type type_of(Kind kind); // null for nothing, mixed and type_attribute

std::string name(Kind kind); // as messages say it

bool is_numeric(Kind kind); // Mixed may hold a number
bool may_meet(Kind a, Kind b);
Kind result_kind(Kind a, Kind b); // of arithmetic over two numeric ones

} // namespace realmsync::query
