// Collections, embedded objects and everything inside Mixed as JSON text, without loss
// (docs/internals/storage.md): plain JSON where the declared type says what it is, typed wrappers
// in the manner of MongoDB's extended JSON ({"$oid": …}) elsewhere. The JSON of messages is in
// wire/json.hpp.
#pragma once

#include <string>
#include <string_view>

#include "model/schema.hpp"
#include "model/value.hpp"

namespace realmsync::tables {

// `value` is the value of `property`: a list for a list property, and so on.
void append_json(std::string& out, const model::Value& value, const model::Property& property,
                 const model::Schema& schema);
// A value of a Mixed property.
void append_mixed_json(std::string& out, const model::Value& value);

// The inverse. Throws StoreError (corrupt) for any other text.
model::Value value_from_json(std::string_view text, const model::Property& property,
                             const model::Schema& schema);
model::Value mixed_from_json(std::string_view text);

} // namespace realmsync::tables
